import { describe, expect, it } from "@effect/vitest"
import { Chunk, ConfigProvider, Effect, Either, Fiber, Layer, Stream } from "effect"
import { TenantAssignment, TenantId, TenantNotAssigned } from "../../src/index.js"
import { ordinalOf } from "../../src/internal/assignment/staticAssignment.js"
import { TestTenantDiscovery } from "../../src/testing.js"

const ids = Array.from({ length: 3_000 }, (_, n) => TenantId.make(`tenant-${n}`))

const service = (ordinal: number, replicas: number) =>
  Effect.provide(TenantAssignment, TenantAssignment.layerStatic({ ordinal, replicas }))

describe("TenantAssignment without a layer", () => {
  it.scoped("owns every tenant; a lease has no fence and is never lost", () =>
    Effect.gen(function* () {
      const assignment = yield* TenantAssignment
      const [id] = ids
      if (id === undefined) return
      expect((yield* assignment.view.get).owns(id)).toBe(true)
      const lease = yield* assignment.hold(id)
      expect(lease.fence).toBeUndefined()
      yield* assignment.cordon
      expect(yield* lease.isValid).toBe(true)
    })
  )
})

describe("TenantAssignment.layerStatic", () => {
  it.effect("gives each tenant to one replica, and each replica its share", () =>
    Effect.gen(function* () {
      const replicas = yield* Effect.forEach([0, 1, 2], (ordinal) => service(ordinal, 3))
      const views = yield* Effect.forEach(replicas, ({ view }) => view.get)
      const owned = views.map((view) => ids.filter(view.owns))
      expect(owned.flat().sort()).toEqual([...ids].sort())
      for (const { length } of owned) expect(Math.abs(length - 1_000)).toBeLessThan(100)
    })
  )

  it("moves to a replica that joins only what becomes its own", () => {
    const moved = ids.filter((id) => ordinalOf(id, 3) !== ordinalOf(id, 4))
    expect(moved.every((id) => ordinalOf(id, 4) === 3)).toBe(true)
    expect(Math.abs(moved.length - 750)).toBeLessThan(100)
  })

  it("spreads the tenants as every released version does", () => {
    expect(ids.slice(0, 12).map((id) => ordinalOf(id, 5))).toMatchInlineSnapshot(`
      [
        3,
        0,
        0,
        0,
        4,
        2,
        0,
        1,
        3,
        2,
        1,
        4,
      ]
    `)
  })

  it.scoped("gives no lease of another replica's tenant, and none while cordoned", () =>
    Effect.gen(function* () {
      const assignment = yield* service(0, 2)
      const mine = ids.find((id) => ordinalOf(id, 2) === 0)
      const other = ids.find((id) => ordinalOf(id, 2) === 1)
      if (mine === undefined || other === undefined) return expect.unreachable()
      expect(yield* Effect.flip(assignment.hold(other))).toBeInstanceOf(TenantNotAssigned)
      expect((yield* assignment.ownerOf(other))?.address).toBe("replica-1")
      const lease = yield* assignment.hold(mine)
      yield* assignment.cordon
      // What is under way may end.
      expect(yield* lease.isValid).toBe(true)
      expect((yield* assignment.view.get).owns(mine)).toBe(false)
      expect(Either.isLeft(yield* Effect.either(assignment.hold(mine)))).toBe(true)
      yield* assignment.uncordon
      expect(yield* (yield* assignment.hold(mine)).isValid).toBe(true)
    })
  )

  it("refuses options that fit no replica", () => {
    const layer = (ordinal: number, replicas: number) => () =>
      TenantAssignment.layerStatic({ ordinal, replicas })
    expect(layer(3, 3)).toThrow('option "ordinal": expected a number below replicas, which is 3')
    expect(layer(0, 0)).toThrow('option "replicas": expected a whole number of 1 or more')
    expect(layer(0.5, 3)).toThrow('option "ordinal": expected a whole number of 0 or more')
  })

  const fromEnvironment = (entries: Readonly<Record<string, string>>) =>
    Effect.map(TenantAssignment, ({ description }) => description).pipe(
      Effect.provide(TenantAssignment.layerStaticConfig),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(entries)))),
      Effect.mapError(String),
      Effect.merge
    )

  it.effect.each<readonly [string, Readonly<Record<string, string>>, string]>([
    [
      "the variables",
      { MULTI_TENANT_REPLICA_ORDINAL: "2", MULTI_TENANT_REPLICAS: "3", HOSTNAME: "worker-1" },
      "replica 2 of 3"
    ],
    [
      "the host name of a StatefulSet's pod",
      { MULTI_TENANT_REPLICAS: "12", HOSTNAME: "worker-11" },
      "replica 11 of 12"
    ],
    ["another host name", { MULTI_TENANT_REPLICAS: "3", HOSTNAME: "laptop" }, "ends in -<number>"],
    ["no number of replicas", { MULTI_TENANT_REPLICA_ORDINAL: "0" }, "MULTI_TENANT_REPLICAS"],
    [
      "an ordinal that is too high",
      { MULTI_TENANT_REPLICA_ORDINAL: "3", MULTI_TENANT_REPLICAS: "3" },
      "expected a number below replicas"
    ]
  ])("reads %s", ([, entries, expected]) =>
    Effect.map(fromEnvironment(entries), (result) => expect(result).toContain(expected))
  )
})

describe("assignedTenantIds", () => {
  it.scoped("are the active tenants of this replica, now and after each change", () => {
    const mine = ids.filter((id) => ordinalOf(id, 2) === 0).slice(0, 3)
    const [first = "", second = "", third = ""] = mine
    const other = ids.find((id) => ordinalOf(id, 2) === 1) ?? ""
    return Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const assignment = yield* TenantAssignment
      expect(yield* TenantAssignment.assignedTenantIds).toEqual([first, second].sort())
      const seen = yield* TenantAssignment.assignedTenantIdChanges.pipe(
        Stream.tap((now) => (now.length === 3 ? assignment.cordon : Effect.void)),
        Stream.takeUntil((now) => now.length === 0),
        Stream.runCollect,
        Effect.fork
      )
      yield* Effect.yieldNow()
      yield* tenants.add(third)
      const all = Chunk.toReadonlyArray(yield* Fiber.join(seen))
      expect(all.at(-1)).toEqual([])
      expect(all.at(-2)).toEqual([first, second, third].sort())
    }).pipe(
      Effect.provide(
        Layer.merge(
          TestTenantDiscovery.layer([first, second, other]),
          TenantAssignment.layerStatic({ ordinal: 0, replicas: 2 })
        )
      )
    )
  })
})
