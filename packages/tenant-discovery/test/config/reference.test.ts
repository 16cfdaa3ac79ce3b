import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import { readdir, readFile } from "node:fs/promises"
import { fileURLToPath } from "node:url"
import { staticConfig } from "../../src/internal/assignment/staticAssignment.js"
import {
  complete,
  everyVariable,
  libraryVariables,
  load,
  provider,
  reference,
  TenantDiscoveryConfig,
  type Variables,
  withVariable
} from "./subject.js"
import { test } from "../support/live.js"

const source = fileURLToPath(new URL("../../src/", import.meta.url))

/** A provider that records the names that are read. */
const recording = (inner: ConfigProvider.ConfigProvider, names: Set<string>) =>
  ConfigProvider.mapInputPath(inner, (name) => {
    names.add(name)
    return name
  })

const modes: ReadonlyArray<Variables> = [{}, { MULTI_TENANT_ENABLED: "false" }, complete]

const configs = [
  TenantDiscoveryConfig.config,
  TenantDiscoveryConfig.configWith({ redis: true }),
  TenantDiscoveryConfig.connectionsCacheTtl,
  TenantDiscoveryConfig.connectionsCheckInterval,
  TenantDiscoveryConfig.maxTenantPools,
  TenantDiscoveryConfig.idleTimeout,
  staticConfig
]
/** Kubernetes sets it. */
const KUBERNETES = "HOSTNAME"

describe(".env.reference", () => {
  test("lists exactly the variables that the code reads, each once", function* () {
    const names = new Set<string>()
    for (const variables of modes) {
      for (const config of configs) {
        yield* Effect.exit(
          Effect.withConfigProvider(
            Effect.asVoid<unknown, unknown, never>(config),
            recording(provider(variables), names)
          )
        )
      }
    }
    names.delete(KUBERNETES)
    expect(libraryVariables.map(({ name }) => name).toSorted()).toEqual([...names].toSorted())
  })

  it("gives each its meaning, type and default", () => {
    for (const { comment, name } of everyVariable) {
      expect(comment, name).toMatch(
        /^# \S.*\n(?:# .*\n)*# type: +\S.*\n(?:# .*\n)*# default: +\S.*\n/
      )
    }
  })

  test("has defaults that change nothing when they are set explicitly", function* () {
    const defaults = reference.flatMap(({ comment, name }) => {
      const [, text] = /^# default: (\d+|false|\/v1)$/m.exec(comment) ?? []
      return text === undefined ? [] : [[name, text] as const]
    })
    expect(defaults).toHaveLength(11)
    const explicit = { ...complete, ...Object.fromEntries(defaults) }
    expect(yield* load(explicit)).toEqual(yield* load(complete))
  })

  test("has examples that are accepted, but for the shortened certificates", function* () {
    for (const { example, name } of reference) {
      if (!name.endsWith("CA_CERT")) yield* load(withVariable(name, example))
    }
  })
})

describe("the sources", () => {
  it("name no variable outside of the reference, and never read process.env", async () => {
    const known = everyVariable.map(({ name }) => name)
    const files = (await readdir(source, { recursive: true })).filter((file) =>
      file.endsWith(".ts")
    )
    expect(files).toContain("TenantDiscoveryConfig.ts")
    for (const file of files) {
      const text = await readFile(`${source}${file}`, "utf8")
      const named = text.match(
        /\b(?:MULTI_TENANT_[A-Z_]*[A-Z]|APPLICATION_NAME|ENV(?:IRONMENT)?_NAME|[A-Z]+_PROXY|[a-z]+_proxy)\b/g
      )
      for (const name of named ?? []) expect(known, `${name} in ${file}`).toContain(name)
      expect(text, file).not.toMatch(/\bprocess\.env\b/)
    }
  })
})
