import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import {
  defaultDiscoveryOptions,
  TenantDiscovery,
  type TenantDiscoveryOptions
} from "../../src/index.js"
import { TestEvent, TestTenantEvents } from "../../src/testing.js"
import { world, active, growth, associated } from "./harness.js"

type Key = keyof TenantDiscoveryOptions
type Bad = readonly [Key, unknown, string]

const positive = "a duration greater than 0 and finite"
const nonNegative = "a duration of 0 or more and finite"

const shown = (value: unknown) =>
  typeof value === "string" ? JSON.stringify(value) : String(value)

/** Each key with each value. */
const each = (keys: ReadonlyArray<Key>, values: ReadonlyArray<unknown>, expected: string) =>
  keys.flatMap((key) =>
    values.map((value): Bad => [key, value, `${expected}, got ${shown(value)}`])
  )

const { NaN: nan, POSITIVE_INFINITY: infinite } = Number
const noDurations = [nan, -1, "-3 seconds", "soon", infinite]
const noCounts = [-1, 4096.5, nan, infinite, "10"]

const optional: ReadonlyArray<Key> = ["reconcileInterval", "startRetryWindow", "resubscribeJitter"]
const required: ReadonlyArray<Key> = [
  "bootstrapOnlyInterval",
  "subscribeTimeout",
  "relistBackoff",
  "relistBackoffCap",
  "confirmAfter",
  "relistDebounce"
]
const names = ["", " \t", '"production"', "prod uction"]
const name = "a non-empty name without white space, control characters, or quotes around it"

const bad: ReadonlyArray<Bad> = [
  ...each(["environment"], names, name),
  ...each(["environment"], [7], "a text"),
  ...each(optional, noDurations, nonNegative),
  ...each(required, [0, ...noDurations], positive),
  ...optional.map((key): Bad => [key, Duration.infinity, `${nonNegative}, got Infinity`]),
  ...required.map((key): Bad => [key, Duration.infinity, `${positive}, got Infinity`]),
  ...each(["startRetries", "massRemovalHandful"], noCounts, "a whole number of 0 or more"),
  ...each(
    ["removalConfirmations", "duplicateWindow", "bufferMessages", "bufferCharacters"],
    [0, ...noCounts],
    "a whole number of 1 or more"
  ),
  ...each(
    ["reconcileJitter", "massRemovalFraction"],
    [nan, -0.1, 1.1, "0.5"],
    "a number from 0 to 1"
  )
]

describe("options of the discovery", () => {
  it("throw at once when they are bad, with the name, the expectation and the value", () => {
    for (const [key, value, expected] of bad) {
      const options = { [key]: value }
      const construct = () => TenantDiscovery.layer(options)
      expect(construct, `${key}: ${String(value)}`).toThrow(RangeError)
      expect(construct, `${key}: ${String(value)}`).toThrow(
        new RegExp(`^TenantDiscovery\\.layer: option "${key}": expected `, "i")
      )
      expect(construct, `${key}: ${String(value)}`).toThrow(expected)
    }
  })

  it("of the table are all there are", () => {
    const all = new Set<string>([...Object.keys(defaultDiscoveryOptions), "environment"])
    expect(new Set<string>(bad.map(([key]) => key))).toEqual(all)
  })

  it("may be left out, undefined, or their defaults", () => {
    const keys = [...Object.keys(defaultDiscoveryOptions), "environment"]
    for (const options of [
      undefined,
      {},
      Object.fromEntries(keys.map((key) => [key, undefined])),
      defaultDiscoveryOptions
    ]) {
      expect(() => TenantDiscovery.layer(options)).not.toThrow()
    }
  })

  it.scoped.each(["production", "Production", " PRODUCTION\n"])(
    "normalise the environment: %j",
    (environment) =>
      Effect.gen(function* () {
        const events = yield* TestTenantEvents
        const send = events.send(
          associated("b", { environment: "production" }),
          associated("c", { environment: "staging" }),
          TestEvent.tenantDeleted("a", { environment: "staging" }),
          associated("d", { environment: " Production" }),
          associated("e", { environment: null }),
          associated("f")
        )
        expect(yield* growth("events", { outcome: "other_environment" }, send)).toBe(2)
        expect(yield* active).toEqual(["a", "b", "d", "e", "f"])
      }).pipe(Effect.provide(world({ tenants: ["a"], discovery: { environment } })))
  )
})
