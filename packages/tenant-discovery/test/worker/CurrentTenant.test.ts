import { describe, expect, expectTypeOf, it } from "@effect/vitest"
import { Effect, type Layer, Schedule, Scope, Tracer } from "effect"
import { CurrentTenant, InvalidTenantId } from "../../src/CurrentTenant.js"
import { TenantId } from "../../src/Tenant.js"
import type { TenantDiscovery } from "../../src/TenantDiscovery.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { captureLogs, test } from "./support.js"

const work = Effect.gen(function* () {
  const { id } = yield* CurrentTenant
  yield* Effect.log("at work")
  const span = yield* Effect.orDie(Effect.currentSpan)
  return { id, attributes: Object.fromEntries(span.attributes) }
}).pipe(Effect.withSpan("work"))

describe("CurrentTenant.provide", () => {
  test("provides the tenant, in any spelling, and annotates logs and spans", function* () {
    const logs = captureLogs()
    const uuid = "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F"
    const canonical = "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f"
    const seen = yield* work.pipe(CurrentTenant.provide(uuid), Effect.provide(logs.layer))
    expect(seen).toEqual({ id: canonical, attributes: { tenant_id: canonical } })
    expect(logs.lines.map(({ annotations }) => annotations)).toEqual([{ tenant_id: canonical }])
  })

  test("fails for an invalid tenant ID and does not run the work", function* () {
    let ran = false
    const error = yield* Effect.sync(() => {
      ran = true
    }).pipe(CurrentTenant.provide("not an id!"), Effect.flip)
    expect(error).toBeInstanceOf(InvalidTenantId)
    expect(error.message).toContain("not an id!")
    expect(ran).toBe(false)
  })

  it("removes the requirement of the work", () => {
    const id = TenantId.make("acme")
    expectTypeOf<Effect.Effect.Context<typeof work>>().toEqualTypeOf<CurrentTenant>()
    // An effect with a requirement left cannot be run: that is the compile error.
    expectTypeOf(work).not.toExtend<Parameters<typeof Effect.runPromise>[0]>()
    const provided = work.pipe(CurrentTenant.provide(id))
    expectTypeOf<Effect.Effect.Context<typeof provided>>().toEqualTypeOf<never>()
    expectTypeOf<Effect.Effect.Error<typeof provided>>().toEqualTypeOf<never>()
    const text: string = "acme"
    const fromText = work.pipe(CurrentTenant.provide(text))
    expectTypeOf<Effect.Effect.Error<typeof fromText>>().toEqualTypeOf<InvalidTenantId>()
  })
})

describe("a worker", () => {
  it("requires what its work requires, without the tenant and the scope", () => {
    const run = Effect.zipRight(work, Effect.serviceOption(Tracer.Tracer))
    const scheduled = TenantWorker.scheduled({ name: "a", schedule: Schedule.forever, run })
    expectTypeOf(scheduled).toEqualTypeOf<Layer.Layer<never, never, TenantDiscovery>>()
    const needy = Effect.zipRight(work, Scope.Scope)
    const perTenant = TenantWorker.perTenant({ name: "b", maxTenants: 1, run: needy })
    expectTypeOf(perTenant).toEqualTypeOf<Layer.Layer<never, never, TenantDiscovery>>()
  })
})
