import { describe, expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import {
  defaultDiscoveryOptions,
  tenantConnectionsDefaults,
  TenantLayers,
  tenantHealthDefaults
} from "../../src/index.js"
import * as RedisTenantEvents from "../../src/RedisTenantEvents.js"
import { configuration, file, optionsOf, sources } from "./configuration.js"

const documented = sources.flatMap(({ interfaces, path }) =>
  interfaces.map((name) => ({ name, options: optionsOf(path, name) }))
)

describe("docs/configuration.md", () => {
  it("is what `npm run docs:configuration` writes", () => {
    expect(readFileSync(file, "utf8")).toBe(configuration())
  })

  it.each(documented)("says what each option of $name means", ({ options }) => {
    expect(options.length).toBeGreaterThan(0)
    for (const { name, text } of options) expect(text.length, name).toBeGreaterThan(20)
  })

  it.each([
    ["TenantDiscoveryOptions", defaultDiscoveryOptions],
    ["TenantConnectionsOptions", tenantConnectionsDefaults],
    ["TenantLayersOptions", TenantLayers.tenantLayersDefaults],
    ["TenantHealthOptions", tenantHealthDefaults],
    ["RedisTenantEventsOptions", RedisTenantEvents.defaults]
  ])("has each option of %s that has a default", (name, defaults) => {
    const options = documented.find((entry) => entry.name === name)?.options ?? []
    for (const option of Object.keys(defaults)) {
      expect(options.map((entry) => entry.name)).toContain(option)
    }
  })
})
