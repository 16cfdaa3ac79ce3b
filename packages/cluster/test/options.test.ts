import { describe, expect, it } from "@effect/vitest"
import { Cause, ConfigProvider, Effect, Exit, Layer, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { ClusterAssignment } from "../src/index.js"
import { decodeOptions } from "../src/internal/options.js"
import { tablesSql } from "../src/internal/tables.js"

const database = { url: Redacted.make("postgres://user:secret@localhost/db") }
const decode = (options: object) =>
  decodeOptions("ClusterAssignment.layer", { database, prefix: "balance_sync", ...options })

describe("the options", () => {
  it("have defaults", () => {
    expect(decode({})).toMatchObject({
      shards: 300,
      participate: true,
      version: undefined,
      expiration: 6000,
      margin: 2000,
      refreshInterval: 1000,
      assignmentsInterval: 1000,
      pollInterval: 1000,
      settleDelay: 1000,
      drainTimeout: 25_000,
      maxConnections: 3
    })
  })

  it("make an address that is unique and needs no quotes in SQL", () => {
    const [first, second] = [decode({ name: "pod-1" }).address, decode({ name: "pod-1" }).address]
    expect(first).toMatch(/^pod-1-[0-9a-f-]{13}$/)
    expect(first).not.toBe(second)
    expect(decode({}).address).toMatch(/^[A-Za-z0-9.-]+$/)
  })

  it.each([
    [{ prefix: "Balance" }, '"prefix": expected a prefix that matches'],
    [{ prefix: "" }, '"prefix"'],
    [{ prefix: `a${"b".repeat(40)}` }, '"prefix"'],
    [{ prefix: undefined }, '"prefix"'],
    [{ name: "it's" }, '"name": expected 1 to 100 of'],
    [{ shards: 0 }, '"shards": expected a whole number from 1'],
    [{ maxConnections: 1 }, '"maxConnections": expected a whole number from 2 to 100, got 1'],
    [{ expiration: 6500 }, '"expiration": expected whole seconds, got 6500 ms'],
    [{ expiration: "-1 seconds" }, '"expiration"'],
    [{ margin: "6 seconds" }, '"margin": expected less than expiration'],
    [{ refreshInterval: 1334 }, '"refreshInterval": expected at most a third of'],
    [{ settleDelay: Infinity }, '"settleDelay": expected a finite duration of 0 ms or more'],
    [{ database: { url: "postgres://user:secret@localhost/db" } }, '"database": expected'],
    [
      { database: { url: Redacted.make("mysql://user:secret@localhost/db") } },
      '"database": expected'
    ]
  ])("refuse %j and name the option", (options, message) => {
    let error: unknown
    try {
      decode(options)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(RangeError)
    expect(String(error)).toContain(`ClusterAssignment.layer: option ${message}`)
    expect(String(error)).not.toContain("secret")
  })

  it("throw at once for a layer", () => {
    expect(() => ClusterAssignment.layer({ database, prefix: "it's" })).toThrow(RangeError)
  })

  it.effect("come from the environment, and a bad one is a configuration error", () =>
    Effect.gen(function* () {
      const failure = (variables: Record<string, string>) =>
        Layer.build(ClusterAssignment.layerConfig).pipe(
          Effect.scoped,
          Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)))),
          Effect.exit,
          Effect.map((exit) => (Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "built"))
        )
      expect(yield* failure({})).toMatch(/MULTI_TENANT_CLUSTER_(DATABASE_URL|PREFIX)/)
      const bad = yield* failure({
        MULTI_TENANT_CLUSTER_DATABASE_URL: "postgres://user:secret@localhost/db",
        MULTI_TENANT_CLUSTER_PREFIX: "Balance"
      })
      expect(bad).toContain('option "prefix": expected')
      expect(bad).not.toContain("secret")
    })
  )
})

describe("sql/tables.sql", () => {
  it("is the text that a replica runs", () => {
    const shipped = readFileSync(new URL("../sql/tables.sql", import.meta.url), "utf8")
    expect(shipped.slice(shipped.indexOf("CREATE TABLE"))).toBe(tablesSql("my_service"))
  })
})
