import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TenantAssignment, TenantId } from "tenant-discovery"
import { TestTenantAssignment } from "tenant-discovery/testing"
import { ask, bearer, served, TOKEN, token } from "./support/http.js"

const acme = TenantId.make("acme")
const headers = bearer(TOKEN)
const post = { method: "POST", headers } as const

describe("a program that shares its tenants", () => {
  const shared = Layer.provideMerge(served({ token }), TestTenantAssignment.layer(["acme"]))

  it.scopedLive("shows the replicas, and the owners of the tenants", () =>
    Effect.gen(function* () {
      expect((yield* ask("/members", { headers })).json).toEqual({
        self: "test-replica",
        members: [{ address: "test-replica", version: null, since: null, tenants: 1 }]
      })
      expect((yield* ask("/tenants", { headers })).json).toMatchObject({
        tenants: [
          { id: "acme", owner: "test-replica", owned: true },
          { id: "globex", owner: null, owned: false }
        ]
      })
      expect((yield* ask("/tenants/acme", { headers })).json).toMatchObject({
        owner: { address: "test-replica", version: null, since: null },
        ownedByThisReplica: true
      })
      expect((yield* ask("/status", { headers })).json).toMatchObject({
        assignment: { description: "the tenants that the test assigns", ownedTenants: 1 }
      })
    }).pipe(Effect.provide(shared))
  )

  it.scopedLive("is ready without tenants", () =>
    Effect.gen(function* () {
      const assigned = yield* TestTenantAssignment
      yield* assigned.revoke("acme")
      expect(yield* ask("/readyz")).toMatchObject({ status: 200, json: { status: "up" } })
    }).pipe(Effect.provide(shared))
  )

  it.scopedLive("takes no more tenants from /cordon until /uncordon", () =>
    Effect.gen(function* () {
      const assignment = yield* TenantAssignment
      const holds = Effect.map(
        Effect.option(Effect.scoped(assignment.hold(acme))),
        ({ _tag }) => _tag
      )
      expect(yield* ask("/cordon", { method: "POST" })).toMatchObject({ status: 401 })
      expect(yield* holds).toBe("Some")
      expect(yield* ask("/cordon", post)).toMatchObject({ status: 204 })
      expect(yield* holds).toBe("None")
      expect(yield* ask("/uncordon", post)).toMatchObject({ status: 204 })
      expect(yield* holds).toBe("Some")
    }).pipe(Effect.provide(shared))
  )
})

describe("a program that does not share its tenants", () => {
  it.scopedLive("has no /members, /cordon and /uncordon", () =>
    Effect.gen(function* () {
      const detail = "this program does not share its tenants with other replicas"
      for (const request of [
        ask("/members", { headers }),
        ask("/cordon", post),
        ask("/uncordon", post)
      ]) {
        expect(yield* request).toMatchObject({ status: 404, json: { detail } })
      }
    }).pipe(Effect.provide(served({ token })))
  )
})
