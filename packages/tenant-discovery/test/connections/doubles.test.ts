/** Settings and pools over the test doubles, as the tests of a program use them. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Schema } from "effect"
import { CurrentTenant } from "../../src/CurrentTenant.js"
import { TenantConnections, TenantSettings } from "../../src/TenantConnections.js"
import { TestTenantDiscovery, TestTenantManager } from "../../src/testing.js"
import { Db, TenantDb } from "./support/passwordDb.js"

const settings = (password: string) =>
  Schema.decode(TenantSettings)({
    id: "cfg-acme",
    databases: {
      ledger: { postgresql: { host: "h", database: "d", username: "u", password } }
    }
  }).pipe(Effect.orDie)

const layer = TenantDb.layer().pipe(
  Layer.provideMerge(TenantConnections.layer()),
  Layer.provideMerge(TestTenantDiscovery.layer(["acme", "globex"])),
  Layer.provideMerge(TestTenantManager.layer())
)

const password = Effect.map(Db, (db) => db.password).pipe(
  Effect.provide(TenantDb.current),
  CurrentTenant.provide("acme")
)

describe("over the test doubles", () => {
  it.effect(
    "a rotation gives new settings; a removed or unconfigured tenant is a typed error",
    () =>
      Effect.gen(function* () {
        const discovery = yield* TestTenantDiscovery
        const manager = yield* TestTenantManager
        yield* manager.setConnections("acme", settings("first"))
        expect(yield* password).toBe("first")
        yield* manager.setConnections("acme", settings("second"))
        expect(yield* password).toBe("first")
        yield* discovery.rotate("acme")
        expect(yield* password).toBe("second")
        expect(yield* manager.connectionCalls).toEqual(["acme", "acme"])
        yield* manager.setConnections("acme", Effect.succeed({ id: "cfg-acme" }))
        yield* discovery.rotate("acme")
        expect(yield* Effect.flip(password)).toMatchObject({
          _tag: "TenantConnectionNotConfigured",
          kind: "postgresql"
        })
        yield* discovery.remove("acme")
        expect(yield* Effect.flip(password)).toMatchObject({ _tag: "TenantNotActive" })
      }).pipe(Effect.provide(layer))
  )
})
