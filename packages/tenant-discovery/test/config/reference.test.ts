import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { readdir, readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { render } from "./reference.js"
import { complete, provider, TenantDiscoveryConfig } from "./subject.js"

const root = fileURLToPath(new URL("../../../../", import.meta.url))
const referencePath = `${root}.env.reference`
const source = fileURLToPath(new URL("../../src/", import.meta.url))

const reference = Effect.promise(() => readFile(referencePath, "utf8"))

/** A provider that records the names that are read. */
const recording = (inner: ConfigProvider.ConfigProvider, names: Set<string>) =>
  ConfigProvider.fromFlat(
    ConfigProvider.makeFlat({
      load: (path, primitive, split) => {
        names.add(path.join("_"))
        return inner.flattened.load(path, primitive, split)
      },
      enumerateChildren: (path) => inner.flattened.enumerateChildren(path),
      patch: inner.flattened.patch
    })
  )

const modes: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
  ["nothing set", {}],
  ["single tenant", { MULTI_TENANT_ENABLED: "false" }],
  ["multi-tenant", complete],
  ["multi-tenant without TLS", { ...complete, MULTI_TENANT_REDIS_TLS: "false" }]
]

const exported = {
  config: TenantDiscoveryConfig.config,
  configWithRedis: TenantDiscoveryConfig.configWith({ redis: true }),
  connectionsCacheTtl: TenantDiscoveryConfig.connectionsCacheTtl,
  connectionsCheckInterval: TenantDiscoveryConfig.connectionsCheckInterval,
  maxTenantPools: TenantDiscoveryConfig.maxTenantPools,
  idleTimeout: TenantDiscoveryConfig.idleTimeout
}

/** The names that the code reads, over every mode. */
const namesRead = Effect.gen(function* () {
  const names = new Set<string>()
  for (const [, variables] of modes) {
    for (const config of Object.values(exported)) {
      yield* Effect.exit(
        Effect.withConfigProvider(
          Effect.asVoid<unknown, unknown, never>(config),
          recording(provider(variables), names)
        )
      )
    }
  }
  return names
})

interface Block {
  readonly name: string
  readonly comment: string
}

/** The listed variables, read from the file itself and not from the table. */
const blocks = (text: string): ReadonlyArray<Block> =>
  text.split(/\n{2,}/).flatMap((block) => {
    const assignments = [...block.matchAll(/^# ([A-Z][A-Z0-9_]*)=/gm)]
    return assignments.map((match) => ({
      name: match[1] ?? "",
      comment: block.slice(0, match.index)
    }))
  })

describe(".env.reference", () => {
  it.effect("lists exactly the variables that the code reads", () =>
    Effect.gen(function* () {
      const listed = blocks(yield* reference).map((block) => block.name)
      expect(new Set(listed)).toEqual(yield* namesRead)
      expect(new Set(listed).size).toBe(listed.length)
    })
  )

  it.effect("gives each its meaning, type and default", () =>
    Effect.gen(function* () {
      for (const { comment, name } of blocks(yield* reference)) {
        expect(comment, name).toMatch(
          /^# \S.*\n(?:# .*\n)*# type: +\S.*\n(?:# .*\n)*# default: +\S/
        )
      }
    })
  )

  // `vitest -u` rewrites the file after a change of the table.
  it("equals the table in writing", async () => {
    await expect(render()).toMatchFileSnapshot(referencePath)
  })

  it.effect("changes nothing when its defaults are set explicitly", () =>
    Effect.gen(function* () {
      const defaults = Object.fromEntries(
        TenantDiscoveryConfig.variables
          .filter((variable) => /^(\d+|false|\/v1)$/.test(variable.default))
          .map((variable) => [variable.name, variable.default])
      )
      expect(Object.keys(defaults)).toHaveLength(11)
      const load = (variables: Readonly<Record<string, string>>) =>
        Effect.withConfigProvider(TenantDiscoveryConfig.config, provider(variables))
      expect(yield* load({ ...complete, ...defaults })).toEqual(yield* load(complete))
    })
  )
})

describe("the sources", () => {
  it("name no variable outside of the table, and never read process.env", async () => {
    const known = new Set(TenantDiscoveryConfig.variables.map((variable) => variable.name))
    const files = (await readdir(source, { recursive: true })).filter((file) =>
      file.endsWith(".ts")
    )
    expect(files).toContain("TenantDiscoveryConfig.ts")
    for (const file of files) {
      const text = await readFile(`${source}${file}`, "utf8")
      const named = text.match(
        /\b(?:MULTI_TENANT_[A-Z_]*[A-Z]|APPLICATION_NAME|ENV(?:IRONMENT)?_NAME|[A-Z]+_PROXY)\b/g
      )
      for (const name of named ?? []) expect(known, `${name} in ${file}`).toContain(name)
      expect(text, file).not.toMatch(/\bprocess\.env\b/)
    }
  })
})
