import { describe, expect, it } from "@effect/vitest"
import { ConfigProvider, Effect, Either, Layer, Redacted } from "effect"
import { readFileSync } from "node:fs"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import { TenantOps } from "../src/index.js"
import { decodeOptions, optionsConfig } from "../src/internal/opsOptions.js"

const SECRET = "a token with white space"

describe("the options", () => {
  it("have defaults", () => {
    expect(decodeOptions(undefined)).toEqual({ port: 9464, host: "127.0.0.1" })
  })

  it.each<[TenantOps.TenantOpsOptions, string]>([
    [{ port: 65_536 }, 'option "port": expected a port: a whole number from 0 to 65535, got 65536'],
    [
      { port: Number.NaN },
      'option "port": expected a port: a whole number from 0 to 65535, got NaN'
    ],
    [{ host: "" }, 'option "host": expected a host name or an address, without a port, got ""'],
    [{ host: "0.0.0.0" }, 'option "token": expected a token, since the host is not loopback'],
    [{ host: "::" }, 'option "token": expected a token, since the host is not loopback'],
    [{ host: "ops.example" }, 'option "token": expected a token, since the host is not loopback'],
    [
      { token: Redacted.make(SECRET) },
      'option "token": expected a Redacted token of visible ASCII characters, without white space'
    ],
    [{ token: Redacted.make("") }, 'option "token": expected a Redacted token of visible ASCII']
  ])("throw for %j", (options, message) => {
    expect(() => TenantOps.layer(options)).toThrow(RangeError)
    expect(() => TenantOps.layer(options)).toThrow(`TenantOps.layer: ${message}`)
    expect(() => TenantOps.layer(options)).not.toThrow(SECRET)
  })

  it.each(["localhost", "127.0.0.1", "127.9.9.9", "::1"])("need no token on %s", (host) => {
    expect(decodeOptions({ host })).toMatchObject({ host })
  })

  it("of the routes throw too", () => {
    expect(() => TenantOps.routes({ token: Redacted.make(SECRET) })).toThrow(
      'TenantOps.routes: option "token": expected'
    )
  })
})

const load = (variables: Readonly<Record<string, string>>) =>
  Effect.runSync(
    Effect.either(
      Effect.withConfigProvider(
        optionsConfig,
        ConfigProvider.fromMap(new Map(Object.entries(variables)))
      )
    )
  )

describe("the environment variables", () => {
  it("are read; a blank one counts as unset", () => {
    expect(load({ MULTI_TENANT_OPS_TOKEN: " " })).toEqual(
      Either.right({ port: undefined, host: undefined, token: undefined })
    )
    const set = {
      MULTI_TENANT_OPS_PORT: "8080",
      MULTI_TENANT_OPS_HOST: "0.0.0.0",
      MULTI_TENANT_OPS_TOKEN: "abc"
    }
    expect(load(set)).toEqual(
      Either.right({ port: 8080, host: "0.0.0.0", token: Redacted.make("abc") })
    )
  })

  it.each([
    [{ MULTI_TENANT_OPS_PORT: "80a" }, "MULTI_TENANT_OPS_PORT is invalid: expected a port"],
    [{ MULTI_TENANT_OPS_HOST: "a:1" }, "MULTI_TENANT_OPS_HOST is invalid: expected a host name"],
    [{ MULTI_TENANT_OPS_TOKEN: SECRET }, "MULTI_TENANT_OPS_TOKEN is invalid: expected a token"],
    [{ MULTI_TENANT_OPS_HOST: "0.0.0.0" }, "MULTI_TENANT_OPS_TOKEN is missing: expected a token"]
  ])("of %j give an error", (variables, message) => {
    const error = Either.getOrThrow(Either.flip(load(variables)))
    expect(JSON.stringify(error)).toContain(message)
    expect(JSON.stringify(error)).not.toContain(SECRET)
  })

  it("are those of .env.reference", () => {
    const reference = readFileSync(new URL("../../../.env.reference", import.meta.url), "utf8")
    expect(reference.match(/^# MULTI_TENANT_OPS_\w+(?==)/gm)).toEqual([
      "# MULTI_TENANT_OPS_PORT",
      "# MULTI_TENANT_OPS_HOST",
      "# MULTI_TENANT_OPS_TOKEN"
    ])
  })

  it.effect("are read by layerConfig", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Effect.scoped(
          Layer.build(Layer.provide(TenantOps.layerConfig, TestTenantDiscovery.layer()))
        )
      )
      expect(JSON.stringify(error)).toContain("MULTI_TENANT_OPS_PORT is invalid")
    }).pipe(
      Effect.withConfigProvider(
        ConfigProvider.fromMap(new Map([["MULTI_TENANT_OPS_PORT", "http"]]))
      )
    )
  )
})
