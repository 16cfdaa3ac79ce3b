import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import {
  defaultDiscoveryOptions,
  TenantDiscovery,
  type TenantDiscoveryOptions
} from "../../src/index.js"
import { TestEvent, TestTenantEvents } from "../../src/testing.js"
import { SERVICE, world, ids, active, growth } from "./harness.js"

type Bad = readonly [keyof TenantDiscoveryOptions, unknown, string]

const positive = "a duration greater than 0 and finite"
const nonNegative = "a duration of 0 or more and finite"

const durations = (
  key: keyof TenantDiscoveryOptions,
  zero: "zero" | "no zero"
): ReadonlyArray<Bad> => {
  const expected = zero === "zero" ? nonNegative : positive
  const bad: ReadonlyArray<Bad> = [
    [key, Number.NaN, `${expected}, got NaN`],
    [key, -1, `${expected}, got -1`],
    [key, "-3 seconds", `${expected}, got "-3 seconds"`],
    [key, "soon", `${expected}, got "soon"`],
    [key, Number.POSITIVE_INFINITY, `${expected}, got Infinity`],
    [key, Duration.infinity, `${expected}, got Infinity`]
  ]
  return zero === "zero" ? bad : [...bad, [key, 0, `${expected}, got 0`]]
}

const counts = (key: keyof TenantDiscoveryOptions, least: number): ReadonlyArray<Bad> =>
  [least - 1, 4096.5, Number.NaN, Number.POSITIVE_INFINITY, "10"].map((value) => [
    key,
    value,
    `a whole number of ${least} or more, got ${
      typeof value === "string" ? JSON.stringify(value) : value
    }`
  ])

const fractions = (key: keyof TenantDiscoveryOptions): ReadonlyArray<Bad> =>
  [Number.NaN, -0.1, 1.1, "0.5"].map((value) => [
    key,
    value,
    `a number from 0 to 1, got ${typeof value === "string" ? JSON.stringify(value) : value}`
  ])

const bad: ReadonlyArray<Bad> = [
  ...["", " \t", '"production"', "prod uction"].map((value): Bad => [
    "environment",
    value,
    `a non-empty name without white space, control characters, or quotes around it, got ${JSON.stringify(value)}`
  ]),
  ["environment", 7, "a text, got 7"],
  ...durations("reconcileInterval", "zero"),
  ...durations("bootstrapOnlyInterval", "no zero"),
  ...durations("startRetryWindow", "zero"),
  ...durations("subscribeTimeout", "no zero"),
  ...durations("resubscribeJitter", "zero"),
  ...durations("relistBackoff", "no zero"),
  ...durations("relistBackoffCap", "no zero"),
  ...durations("confirmAfter", "no zero"),
  ...durations("relistDebounce", "no zero"),
  ...counts("startRetries", 0),
  ...counts("massRemovalHandful", 0),
  ...counts("removalConfirmations", 1),
  ...counts("duplicateWindow", 1),
  ...counts("bufferMessages", 1),
  ...counts("bufferCharacters", 1),
  ...fractions("reconcileJitter"),
  ...fractions("massRemovalFraction")
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
          TestEvent.associated("b", SERVICE, { environment: "production" }),
          TestEvent.associated("c", SERVICE, { environment: "staging" }),
          TestEvent.tenantDeleted("a", { environment: "staging" }),
          TestEvent.associated("d", SERVICE, { environment: " Production" }),
          TestEvent.associated("e", SERVICE, { environment: null }),
          TestEvent.associated("f", SERVICE)
        )
        expect(yield* growth("events", { outcome: "other_environment" }, send)).toBe(2)
        expect(yield* active).toEqual(ids("a", "b", "d", "e", "f"))
      }).pipe(Effect.provide(world({ tenants: ["a"], discovery: { environment } })))
  )
})
