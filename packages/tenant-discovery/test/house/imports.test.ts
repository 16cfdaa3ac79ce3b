import { describe, expect, it } from "@effect/vitest"
import { codeOf, cyclesOf, importsOf, modules, reach } from "./modules.js"

const isNode = (name: string) => name.startsWith("node:")
const isRedis = (name: string) =>
  name === "ioredis" || name.startsWith("internal/redis/") || name === "RedisTenantEvents.ts"
const isHttp = (name: string) =>
  name.startsWith("internal/http/") || /^@effect\/platform(?:\/|$)/.test(name)
const isPlatformNode = (name: string) => name.startsWith("@effect/platform-node")
const isOther = (own: string) => (name: string) => name.endsWith(".ts") && name !== own

type Rule = readonly [file: string, forbidden: ReadonlyArray<(name: string) => boolean>]

const rules: ReadonlyArray<Rule> = [
  ["Tenant.ts", [isOther("Tenant.ts")]],
  ["TenantEvent.ts", [isRedis, isHttp, isNode, (name) => name === "TenantView.ts"]],
  ["TenantView.ts", [isRedis, isHttp, isNode]],
  ["TenantEvents.ts", [isRedis, isHttp, isNode]],
  ["TenantManager.ts", [isRedis, isNode, isPlatformNode, (name) => name === "TenantView.ts"]],
  ["TenantWorker.ts", [isRedis, isNode, isPlatformNode]],
  ["TenantConnections.ts", [isRedis, isNode, isPlatformNode]],
  ["TenantLayers.ts", [isRedis, isNode, isPlatformNode]],
  ["TenantHealth.ts", [isRedis, isNode, isPlatformNode]],
  ["RedisTenantEvents.ts", [isHttp, (name) => name === "TenantView.ts"]],
  ["TenantDiscovery.ts", [isRedis, isNode, isPlatformNode]],
  ["index.ts", [isRedis, isNode, isPlatformNode]],
  ["testing.ts", [isRedis, isNode, isPlatformNode, (name) => name.includes("vitest")]]
]

/** The same by folder, for whatever files a folder has. */
const folders: ReadonlyArray<Rule> = [
  ["internal/event/", [isRedis, isHttp, isNode]],
  ["internal/view/", [isRedis, isHttp, isNode]],
  ["internal/discovery/", [isRedis, isNode, isPlatformNode]],
  ["internal/redis/", [isHttp]],
  ["internal/http/", [isRedis]],
  ["internal/connections/", [isRedis, isNode, isPlatformNode]],
  ["internal/layers/", [isRedis, isNode, isPlatformNode]],
  ["internal/worker/", [isRedis, isNode, isPlatformNode]],
  ["internal/health/", [isRedis, isNode, isPlatformNode]]
]

const violations = (file: string, forbidden: Rule[1]) =>
  [...reach(file)].filter((name) => forbidden.some((isForbidden) => isForbidden(name)))

describe("imports", () => {
  it("finds the modules and what they load", () => {
    for (const [file] of rules) expect(modules).toContain(file)
    expect(importsOf("index.ts").length).toBeGreaterThan(5)
    expect(reach("node.ts")).toContain("ioredis")
  })

  it("finds a cycle once", () => {
    const graph = new Map([
      ["a", ["b", "c"]],
      ["b", ["c"]],
      ["c", ["b"]],
      ["d", ["a"]]
    ])
    expect(cyclesOf(graph)).toEqual([["b", "c", "b"]])
  })

  it.each(rules)("%s loads only what it may know", (file, forbidden) => {
    expect(violations(file, forbidden)).toEqual([])
  })

  it.each(folders)("%s loads only what it may know", (folder, forbidden) => {
    for (const file of modules.filter((name) => name.startsWith(folder))) {
      expect(violations(file, forbidden), file).toEqual([])
    }
  })

  it("the view uses no runtime, no clock and no random numbers", () => {
    for (const file of [...reach("TenantView.ts")].filter((name) => modules.includes(name))) {
      expect(codeOf(file), file).not.toMatch(/\b(?:setTimeout|Effect\.(?:gen|sync|run))\b/)
    }
  })
})
