import { describe, expect, it } from "@effect/vitest"
import {
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  HashMap,
  Layer,
  Metric,
  Scope,
  Stream,
  TestClock
} from "effect"
import { TenantId } from "../../src/Tenant.js"
import {
  type Connections,
  type ConnectionsChange,
  TenantConnections,
  type TenantConnectionsOptions
} from "../../src/TenantConnections.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { provider } from "../config/subject.js"
import { makeCollector } from "../support/collector.js"
import { metricValues } from "../worker/support.js"
import { atOnce, eventually } from "./support/eventually.js"
import { notFound, type Steps, suspended, textOf, unavailable, World } from "./support/world.js"

const acme = TenantId.make("acme")
const globex = TenantId.make("globex")
const { adjust } = TestClock

const layerOf = (world: World, options?: TenantConnectionsOptions) =>
  TenantConnections.layer({ checkInterval: 0, ...options }).pipe(
    Layer.provideMerge(world.discovery)
  )

const get = (id: TenantId) => Effect.flatMap(TenantConnections, (it) => it.get(id))

/** The tag of the error. */
const failure = (id: TenantId) => Effect.map(Effect.flip(get(id)), ({ _tag }) => _tag)

/** The password that the settings hold: `{tenant}#{rotation}`. */
const passwordOf = ({ settings }: Connections): string =>
  textOf(settings.databases?.["onboarding"]?.postgresql?.password)
const password = (id: TenantId) => Effect.map(get(id), passwordOf)

/** Forks a reader of the changes; ends when it is registered. */
const readChanges = (read: (change: ConnectionsChange) => Effect.Effect<unknown>) =>
  Effect.flatMap(TenantConnections, ({ changes }) =>
    Effect.zipLeft(Effect.fork(Stream.runForEach(changes, read)), Effect.yieldNow())
  )

const scenario = (
  name: string,
  test: (world: World) => Steps<TenantConnections | Layer.Layer.Success<World["discovery"]>>,
  options?: TenantConnectionsOptions
) =>
  it.effect(name, () => {
    const world = new World(["acme", "globex"])
    return Effect.provide(
      Effect.gen(() => test(world)),
      layerOf(world, options)
    )
  })

describe("the cache", () => {
  scenario("concurrent callers share one request, which no one of them ends", function* (world) {
    const open = yield* world.hold
    const first = yield* Effect.fork(get(acme))
    yield* eventually(() => world.calls.length === 1)
    const others = yield* Effect.fork(atOnce(1000, get(acme)))
    yield* Fiber.interrupt(first)
    yield* open
    expect(new Set(yield* Fiber.join(others)).size).toBe(1)
    expect(world.calls).toEqual([acme])
  })

  scenario(
    "answers for the time to live; the revision tells whether the settings differ",
    function* (world) {
      const first = yield* get(acme)
      yield* adjust("59 seconds")
      expect((yield* get(acme)).loadedAt).toBe(first.loadedAt)
      expect(world.calls.length).toBe(1)
      yield* adjust("1 second")
      const second = yield* get(acme)
      expect(world.calls.length).toBe(2)
      expect(second).toMatchObject({
        loadedAt: first.loadedAt + 60_000,
        revision: first.revision
      })
      world.rotations.set(acme, 7)
      yield* adjust("1 minute")
      const third = yield* get(acme)
      expect(third.revision).not.toBe(first.revision)
      expect(passwordOf(third)).toBe("acme#7")
    },
    { ttl: "1 minute" }
  )

  scenario("keeps nothing of a tenant that is not active", function* (world) {
    const stranger = TenantId.make("stranger")
    yield* get(stranger)
    yield* get(stranger)
    expect(world.callsFor(stranger)).toBe(2)
  })
})

describe("failures", () => {
  scenario("are answered for a second without a request", function* (world) {
    world.failure = unavailable
    expect(yield* failure(acme)).toBe("TenantManagerUnavailable")
    yield* adjust("999 millis")
    expect(yield* failure(acme)).toBe("TenantManagerUnavailable")
    expect(world.calls.length).toBe(1)
    world.failure = undefined
    yield* adjust("1 millis")
    yield* get(acme)
    expect(world.calls.length).toBe(2)
  })

  scenario(
    "answer with stale settings for staleFor after their time to live",
    function* (world) {
      const first = yield* get(acme)
      expect(first.stale).toBe(false)
      world.failure = unavailable
      yield* adjust("60 seconds")
      expect(yield* get(acme)).toMatchObject({ stale: true, revision: first.revision })
      expect((yield* get(acme)).stale).toBe(true)
      expect(world.calls.length).toBe(2)
      yield* adjust("59 seconds")
      expect((yield* get(acme)).stale).toBe(true)
      yield* adjust("1 second")
      expect(yield* failure(acme)).toBe("TenantManagerUnavailable")
      world.failure = undefined
      yield* adjust("1 second")
      expect((yield* get(acme)).stale).toBe(false)
    },
    { ttl: "1 minute", staleFor: "1 minute" }
  )

  scenario(
    "answer with nothing stale where staleFor is 0",
    function* (world) {
      yield* get(acme)
      world.failure = unavailable
      yield* adjust("60 seconds")
      expect(yield* failure(acme)).toBe("TenantManagerUnavailable")
    },
    { ttl: "1 minute", staleFor: 0 }
  )

  for (const [tag, refusal] of [
    ["TenantManagerSuspended", suspended],
    ["TenantManagerNotFound", notFound]
  ] as const) {
    scenario(
      `${tag} is not cached, ends the use of stale settings, and relists once a revision`,
      function* (world) {
        yield* get(acme)
        world.failure = refusal
        world.ids.delete(acme)
        const { lists } = world
        yield* adjust("60 seconds")
        for (let n = 0; n < 3; n++) expect(yield* failure(acme)).toBe(tag)
        expect(world.callsFor(acme)).toBe(4)
        world.failure = unavailable
        expect(yield* failure(acme)).toBe("TenantManagerUnavailable")
        world.failure = refusal
        yield* adjust("1 second")
        const { view } = yield* TenantDiscovery
        yield* Stream.runDrain(Stream.takeUntil(view.changes, (view) => !view.has(acme)))
        expect(world.lists).toBe(lists + 1)
        yield* failure(acme)
        yield* adjust("10 seconds")
        expect(world.lists).toBe(lists + 1)
      },
      { ttl: "1 minute" }
    )
  }
})

describe("events", () => {
  for (const type of [
    "tenant.credentials.rotated",
    "tenant.connections.updated",
    "tenant.cache.invalidate",
    "tenant.updated"
  ]) {
    scenario(`${type} invalidates the settings at once`, function* (world) {
      yield* get(acme)
      const other = yield* get(globex)
      world.rotations.set(acme, 1)
      yield* world.publish(type, acme)
      expect(yield* password(acme)).toBe("acme#1")
      expect(yield* get(globex)).toBe(other)
      // The request of the caller was the reload.
      yield* adjust("10 seconds")
      expect(world.callsFor(acme)).toBe(2)
    })
  }

  scenario(
    "changes report invalidated, then reloaded within the jitter, then removed",
    function* (world) {
      const changes: Array<ConnectionsChange> = []
      yield* readChanges((change) => Effect.sync(() => changes.push(change)))
      const { revision } = yield* get(acme)
      yield* world.rotate(acme)
      yield* eventually(() => changes.length === 1)
      expect(world.callsFor(acme)).toBe(1)
      yield* adjust("5 seconds")
      yield* eventually(() => changes.length === 2)
      yield* world.remove(acme)
      yield* eventually(() => changes.length === 3)
      expect(changes).toMatchObject([
        { _tag: "Invalidated", tenant: { id: acme } },
        { _tag: "Reloaded", tenant: { id: acme }, connections: { revision: revision + 1 } },
        { _tag: "Removed", tenant: { id: acme } }
      ])
      expect(world.callsFor(acme)).toBe(2)
      yield* world.add(acme)
      expect((yield* get(acme)).revision).toBe(revision + 2)
    }
  )

  scenario("a slow reader of changes gets the latest of each tenant", function* (world) {
    const gate = yield* Deferred.make<void>()
    const tags: Array<string> = []
    yield* readChanges(({ _tag, tenant }) => {
      tags.push(`${_tag} ${tenant.id}`)
      return Deferred.await(gate)
    })
    yield* world.rotate(globex)
    yield* eventually(() => tags.length === 1)
    for (let n = 0; n < 20; n++) yield* world.rotate(acme)
    yield* world.remove(acme)
    yield* world.remove(globex)
    yield* Deferred.succeed(gate, undefined)
    yield* eventually(() => tags.length === 3)
    expect(tags).toEqual(["Invalidated globex", "Removed acme", "Removed globex"])
  })

  scenario("a reload carries nothing of the caller that noticed the change", function* (world) {
    yield* get(acme)
    yield* get(globex)
    const seen: Array<boolean> = []
    world.onCall = () =>
      Effect.map(FiberRef.get(FiberRef.currentLogAnnotations), (annotations) => {
        seen.push(HashMap.has(annotations, "request"))
      })
    yield* Effect.zipRight(world.rotate(acme), get(globex)).pipe(
      Effect.annotateLogs("request", "of globex")
    )
    yield* adjust("5 seconds")
    yield* eventually(() => seen.length === 1)
    expect(seen).toEqual([false])
  })

  scenario("settings are reloaded while they are in use: read or held", function* (world) {
    const connections = yield* TenantConnections
    const scope = yield* Scope.make()
    const rotateAfterAnHour = Effect.gen(function* () {
      yield* adjust("1 hour")
      yield* world.rotate(acme)
      yield* adjust("5 seconds")
      yield* Effect.yieldNow()
    })
    yield* get(acme)
    yield* rotateAfterAnHour
    expect(world.callsFor(acme)).toBe(1)
    expect(yield* password(acme)).toBe("acme#1")
    yield* Scope.extend(connections.hold(acme), scope)
    yield* rotateAfterAnHour
    yield* eventually(() => world.callsFor(acme) === 3)
    yield* Scope.close(scope, Exit.void)
    yield* rotateAfterAnHour
    expect(world.callsFor(acme)).toBe(3)
  })

  scenario("an answer that a rotation overtakes reaches no caller", function* (world) {
    const open = yield* world.hold
    const caller = yield* Effect.fork(password(acme))
    yield* eventually(() => world.calls.length === 1)
    // The request in flight has read the old credentials.
    yield* world.rotate(acme)
    yield* open
    expect(yield* Fiber.join(caller)).toBe("acme#1")
    expect(world.calls.length).toBe(2)
    expect(world.mostUnderWayPerTenant).toBe(1)
  })

  scenario(
    "changes faster than the answers repeat a request with a backoff, at most six times",
    function* (world) {
      const discovery = yield* TenantDiscovery
      world.onCall = () => Effect.provideService(world.rotate(acme), TenantDiscovery, discovery)
      const caller = yield* Effect.fork(Effect.flip(get(acme)))
      yield* eventually(() => world.calls.length === 2)
      for (let n = 0; n < 100; n++) yield* Effect.yieldNow()
      expect(world.calls.length).toBe(2)
      yield* adjust("100 millis")
      yield* eventually(() => world.calls.length === 3)
      yield* adjust("3 seconds")
      const error = yield* Fiber.join(caller)
      expect(error._tag).toBe("TenantManagerUnavailable")
      expect(error.message).toContain("changed during each of 6 requests")
      expect(world.calls.length).toBe(6)
      world.onCall = undefined
      yield* adjust("1 second")
      expect(yield* password(acme)).toBe("acme#6")
    }
  )

  scenario(
    "after a failed reload nothing old is answered, and the next use asks",
    function* (world) {
      yield* get(acme)
      world.failure = unavailable
      yield* world.rotate(acme)
      yield* adjust("5 seconds")
      yield* eventually(() => world.callsFor(acme) === 2)
      yield* adjust("1 second")
      expect(yield* failure(acme)).toBe("TenantManagerUnavailable")
      world.failure = undefined
      yield* adjust("1 second")
      expect(yield* password(acme)).toBe("acme#1")
    }
  )

  scenario(
    "after a gap settings in use are reloaded, and others at their next use",
    function* (world) {
      yield* get(acme)
      yield* adjust("5 minutes")
      const other = yield* get(globex)
      yield* world.gap(() => world.rotations.set(acme, 1))
      yield* adjust("5 seconds")
      yield* eventually(() => world.callsFor(globex) === 2)
      expect(world.callsFor(acme)).toBe(1)
      expect((yield* get(globex)).revision).toBe(other.revision)
      expect(yield* password(acme)).toBe("acme#1")
    }
  )

  scenario(
    "after a gap at most sixteen reloads are under way at once",
    function* (world) {
      const ids = Array.from({ length: 40 }, (_, n) => TenantId.make(`tenant-${n}`))
      yield* Effect.forEach(ids, (id) => world.add(id))
      yield* Effect.forEach(ids, get)
      const open = yield* world.hold
      yield* world.gap(() => undefined)
      yield* adjust("1 minute")
      expect(world.calls.length).toBe(40 + 16)
      yield* open
      yield* eventually(() => world.calls.length === 80)
    },
    { checkInterval: 0 }
  )

  scenario(
    "after a gap old settings are answered only while the tenant manager is unavailable",
    function* (world) {
      yield* get(acme)
      world.failure = unavailable
      yield* world.gap(() => world.rotations.set(acme, 1))
      expect(yield* get(acme)).toMatchObject({ stale: true })
      world.failure = undefined
      yield* adjust("1 second")
      expect(yield* password(acme)).toBe("acme#1")
    }
  )
})

describe("revalidation", () => {
  scenario(
    "finds a rotation of which no event came",
    function* (world) {
      const tags: Array<string> = []
      yield* readChanges(({ _tag }) => Effect.sync(() => tags.push(_tag)))
      const first = yield* get(acme)
      yield* adjust("1 minute")
      expect((yield* get(acme)).revision).toBe(first.revision)
      world.rotations.set(acme, 1)
      yield* adjust("38 seconds")
      yield* eventually(() => tags.length === 1)
      expect(tags).toEqual(["Reloaded"])
      expect(yield* password(acme)).toBe("acme#1")
    },
    { checkInterval: "30 seconds", ttl: "1 hour" }
  )

  scenario(
    "has at most four requests at once, and its failures change nothing",
    function* (world) {
      const ids = Array.from({ length: 10 }, (_, n) => TenantId.make(`tenant-${n}`))
      const anyStale = Effect.map(Effect.forEach(ids, get), (all) => all.some(({ stale }) => stale))
      yield* Effect.forEach(ids, (id) => world.add(id))
      expect(yield* anyStale).toBe(false)
      const open = yield* world.hold
      world.failure = unavailable
      yield* adjust("38 seconds")
      expect(world.calls.length).toBe(14)
      expect(yield* anyStale).toBe(false)
      yield* open
      yield* eventually(() => world.calls.length === 20)
      expect(yield* anyStale).toBe(false)
      expect(world.calls.length).toBe(20)
    },
    { checkInterval: "30 seconds", ttl: "1 hour" }
  )

  scenario(
    "leaves alone what is not in use",
    function* (world) {
      yield* get(acme)
      yield* adjust("1 hour")
      expect(world.calls.length).toBeLessThan(16)
    },
    { checkInterval: "30 seconds", inUseFor: "5 minutes" }
  )
})

describe("unreadable parts", () => {
  scenario("are warned of once, without a value", function* (world) {
    const { all, observed } = yield* makeCollector
    world.body = { id: "x", databases: { ledger: { postgresql: { host: "h", port: "MARKED" } } } }
    const load = Effect.zipRight(get(acme), world.publish("tenant.cache.invalidate", acme))
    // The collector has a log line in several forms.
    const warned = () => all().filter((line) => line.includes("unreadable"))
    yield* observed(load)
    const warnings = warned()
    yield* observed(Effect.zipRight(load, load))
    expect(warned()).toEqual(warnings)
    expect(warnings[0]).toContain("databases.ledger.postgresql.port: expected a number")
    expect(all().join()).not.toContain("MARKED")
  })
})

describe("the layer", () => {
  it.effect("has metrics with the service and the labels in force at the build", () =>
    Effect.gen(function* () {
      const counter = Metric.counter("tenant_connections_total", {
        description: "Connection settings loaded from the tenant manager",
        incremental: true
      }).pipe(Metric.tagged("region", "eu"), Metric.tagged("service", "ledger"))
      const before = yield* Metric.value(counter)
      const layer = layerOf(new World(["acme"]))
      yield* get(acme).pipe(Effect.provide(layer), Effect.tagMetrics("region", "eu"))
      expect((yield* Metric.value(counter)).count).toBe(before.count + 1)
    })
  )

  it.scoped("counts the settings that were loaded again, from 0", () =>
    Effect.gen(function* () {
      const world = new World(["acme"])
      const labels = { service: "ledger", region: "reloads" }
      const reloads = Effect.map(
        metricValues("tenant_connections_reloads_total", labels),
        ([state]) => state
      )
      yield* Effect.gen(function* () {
        expect(yield* reloads).toMatchObject({ count: 0 })
        yield* get(acme)
        expect(yield* reloads).toMatchObject({ count: 0 })
        yield* world.rotate(acme)
        yield* get(acme)
        expect(yield* reloads).toMatchObject({ count: 1 })
      }).pipe(Effect.provide(layerOf(world)), Effect.tagMetrics("region", "reloads"))
    })
  )

  it.effect.each([
    [undefined, [1, 2]],
    [{ checkInterval: 0 }, [1, 1]]
  ] as const)(
    "layerConfig reads the variables where there is no option (%j)",
    ([options, calls]) => {
      const world = new World(["acme"])
      const variables = provider({
        MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC: "100",
        MULTI_TENANT_CACHE_TTL_SEC: "3600"
      })
      return Effect.gen(function* () {
        yield* get(acme)
        yield* adjust("74 seconds")
        const before = world.calls.length
        yield* adjust("51 seconds")
        expect([before, world.calls.length]).toEqual(calls)
      }).pipe(
        Effect.provide(
          TenantConnections.layerConfig(options).pipe(
            Layer.provide(Layer.setConfigProvider(variables)),
            Layer.provideMerge(world.discovery)
          )
        )
      )
    }
  )

  const options: ReadonlyArray<readonly [TenantConnectionsOptions, string]> = [
    [{ ttl: 0 }, 'option "ttl"'],
    [{ staleFor: Number.NaN }, 'option "staleFor"'],
    [{ checkInterval: -1 }, 'option "checkInterval"'],
    [{ failureTtl: Infinity }, 'option "failureTtl"'],
    [{ connectionSettings: { maxOpenConns: 0.5 } }, 'option "connectionSettings.maxOpenConns"']
  ]
  it.each(options)("%j throws at once, by name", (given, message) => {
    expect(() => TenantConnections.layer(given)).toThrow(RangeError)
    expect(() => TenantConnections.layer(given)).toThrow(message)
  })

  it.effect("ends callers, readers and requests in flight when it closes", () =>
    Effect.gen(function* () {
      const world = new World(["acme"])
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerOf(world), scope)
      yield* world.hold
      const caller = Effect.provide(get(acme), context)
      const waiting = yield* Effect.fork(caller)
      const reader = yield* Effect.provide(
        readChanges(() => Effect.void),
        context
      )
      yield* eventually(() => world.calls.length === 1)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(reader)
      for (const each of [Fiber.join(waiting), caller]) {
        const { _tag, message } = yield* Effect.flip(each)
        expect(_tag).toBe("TenantManagerUnavailable")
        expect(message).toContain("closed")
      }
    })
  )
})
