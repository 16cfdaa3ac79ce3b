/**
 * The rooms of ARCHITECTURE.md, held by the imports: what a module may not know,
 * nothing that it imports may know either.
 */
import { describe, expect, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

const src = resolve(dirname(fileURLToPath(import.meta.url)), "../../src")

const IMPORT =
  /^(?:import|export)\s+(?!type\s)(?:[^"']*?\sfrom\s+)?"([^"]+)"|\bimport\("([^"]+)"\)/gm

/** The specifiers that a module loads (types are gone by then); its own modules relative to `src`, with `.ts`. */
const importsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(src, file), "utf8").matchAll(IMPORT)].map((match) => {
    const specifier = match[1] ?? match[2] ?? ""
    return specifier.startsWith(".")
      ? relative(src, resolve(src, dirname(file), specifier)).replace(/\.js$/, ".ts")
      : specifier
  })

/** Everything that loading a module leads to, itself included. */
const reach = (file: string, seen = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(file)) return seen
  seen.add(file)
  if (file.endsWith(".ts")) for (const next of importsOf(file)) reach(next, seen)
  return seen
}

const isNode = (name: string) => name.startsWith("node:")
const isRedis = (name: string) =>
  name === "ioredis" || name.startsWith("internal/redis/") || name === "RedisTenantEvents.ts"
const isHttp = (name: string) =>
  name.startsWith("internal/http/") || /^@effect\/platform(?:\/|$)/.test(name)
const isPlatformNode = (name: string) => name.startsWith("@effect/platform-node")

const rules: ReadonlyArray<readonly [string, ReadonlyArray<(name: string) => boolean>]> = [
  ["Tenant.ts", [(name) => name.endsWith(".ts") && name !== "Tenant.ts"]],
  ["TenantEvent.ts", [isRedis, isHttp, isNode, (name) => name === "TenantView.ts"]],
  ["TenantView.ts", [isRedis, isHttp, isNode]],
  ["internal/machine.ts", [isRedis, isHttp, isNode]],
  ["TenantEvents.ts", [isRedis, isHttp, isNode]],
  ["TenantManager.ts", [isRedis, isNode, isPlatformNode, (name) => name === "TenantView.ts"]],
  ["TenantWorker.ts", [isRedis, isNode, isPlatformNode]],
  ["TenantConnections.ts", [isRedis, isNode, isPlatformNode]],
  ["TenantLayers.ts", [isRedis, isNode, isPlatformNode]],
  ["RedisTenantEvents.ts", [isHttp, (name) => name === "TenantView.ts"]],
  ["TenantDiscovery.ts", [isRedis, isNode, isPlatformNode]],
  ["index.ts", [isRedis, isNode, isPlatformNode]],
  ["testing.ts", [isRedis, isNode, isPlatformNode, (name) => /vitest/.test(name)]]
]

describe("the rooms", () => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts")
  )

  it("finds the modules it speaks of", () => {
    for (const [file] of rules) expect(files).toContain(file)
    // The expression that reads imports has to read them.
    expect(importsOf("TenantDiscovery.ts")).toContain("internal/discovery.ts")
    expect(reach("node.ts")).toContain("ioredis")
  })

  it.each(rules)("%s knows nothing it may not know", (file, forbidden) => {
    const known = [...reach(file)].filter((name) => forbidden.some((rule) => rule(name)))
    expect(known).toEqual([])
  })

  /** The seed of a hash changes what a lookup costs, and nothing of what it finds. */
  const seed = "Math.trunc(Math.random() * 2 ** 32)"

  it("the core knows no runtime and no time, and leaves nothing to chance", () => {
    for (const file of [...reach("TenantView.ts")].filter((name) => name.endsWith(".ts"))) {
      const text = readFileSync(join(src, file), "utf8").replace(seed, "")
      expect(text, file).not.toMatch(
        /\b(?:Date\.now|performance|setTimeout|Math\.random|Effect\.(?:gen|sync|run))\b/
      )
    }
  })
})
