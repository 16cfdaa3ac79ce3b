import { describe, expect } from "@effect/vitest"
import { Cause, ConfigError, Effect, Exit, FastCheck as fc } from "effect"
import { certificates } from "../../src/internal/config/certificate.js"
import { complete, load, problems, reference } from "./subject.js"
import { test } from "../support/live.js"

const names = reference.map(({ name }) => name)

/** Texts that are nearly right, and texts that are anything. */
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  fc.tuple(fc.ipV6(), fc.nat(70_000)).map(([ip, port]) => `[${ip}]:${port}`),
  fc.tuple(fc.domain(), fc.nat(70_000)).map(([host, port]) => `${host}:${port}`),
  fc.double().map(String),
  fc.integer().map(String),
  fc.base64String(),
  fc.constantFrom("true", "OFF", "__proto__", "-----BEGIN CERTIFICATE-----", "%", "[", "::", "//")
)

const environment = fc.dictionary(fc.constantFrom(...names), text, { noNullPrototype: true })

describe("any environment", () => {
  test("gives settings or a ConfigError that names variables, never a defect", function* () {
    for (const variables of fc.sample(environment, 200)) {
      const exit = yield* Effect.exit(load({ ...complete, ...variables }))
      if (Exit.isSuccess(exit)) continue
      const failure = Cause.failureOption(exit.cause)
      expect(failure._tag, JSON.stringify(variables)).toBe("Some")
      if (failure._tag === "None") continue
      expect(ConfigError.isConfigError(failure.value)).toBe(true)
      const named = problems(failure.value).map(({ variable }) => variable)
      expect(named.length).toBeGreaterThan(0)
      for (const name of named) expect(names).toContain(name)
    }
  })

  // A quadratic parser would take hours here.
  test("of any length is read in linear time", function* () {
    const long = 2_000_000
    const hostile = [
      "a".repeat(long),
      "a ".repeat(long),
      "-----BEGIN CERTIFICATE-----".repeat(long / 20),
      `-----BEGIN CERTIFICATE-----${"A".repeat(long)}`,
      "/a".repeat(long),
      "1".repeat(long),
      ":".repeat(long),
      `https://${"u".repeat(long)}`
    ]
    for (const text of hostile) {
      const everywhere = Object.fromEntries(names.map((name) => [name, text]))
      const exit = yield* Effect.exit(load({ ...everywhere, MULTI_TENANT_ENABLED: "true" }))
      expect(Exit.isFailure(exit)).toBe(true)
    }
    expect(certificates(hostile[2] ?? "")).toEqual([])
  })
})
