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
  Option,
  Redacted,
  Scope,
  Stream,
  TestClock
} from "effect"
import { TenantId } from "../../src/Tenant.js"
import {
  type Connections,
  type ConnectionsChange,
  TenantConnections
} from "../../src/TenantConnections.js"
import type { TenantConnectionsOptions } from "../../src/TenantConnections.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { provider } from "../config/subject.js"
import { makeCollector } from "../support/collector.js"
import { eventually } from "./support/eventually.js"
import { notFound, type Steps, suspended, unavailable, World } from "./support/world.js"

const acme = TenantId.make("acme")
const globex = TenantId.make("globex")

const layerOf = (world: World, options?: TenantConnectionsOptions) =>
  TenantConnections.layer({ checkInterval: 0, ...options }).pipe(
    Layer.provideMerge(world.discovery)
  )

const get = (id: TenantId) => Effect.flatMap(TenantConnections, (it) => it.get(id))

/** The password that the settings hold: `{tenant}#{rotation}`. */
const passwordOf = (connections: Connections): string | undefined => {
  const password = connections.settings.databases?.["onboarding"]?.postgresql?.password
  return password === undefined ? undefined : Redacted.value(password)
}

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
  scenario("concurrent callers share one request", function* (world) {
    const gate = yield* Deferred.make<void>()
    world.gate = () => gate
    const callers = yield* Effect.fork(
      Effect.all(
        Array.from({ length: 1000 }, () => get(acme)),
        { concurrency: "unbounded" }
      )
    )
    yield* eventually(() => world.calls.length > 0)
    yield* Deferred.succeed(gate, undefined)
    const answers = yield* Fiber.join(callers)
    expect(world.calls).toEqual([acme])
    expect(new Set(answers).size).toBe(1)
  })

  scenario("an interrupted caller does not stop the request for others", function* (world) {
    const gate = yield* Deferred.make<void>()
    world.gate = () => gate
    const first = yield* Effect.fork(get(acme))
    yield* eventually(() => world.calls.length === 1)
    const second = yield* Effect.fork(get(acme))
    yield* Fiber.interrupt(first)
    yield* Deferred.succeed(gate, undefined)
    expect(passwordOf(yield* Fiber.join(second))).toBe("acme#0")
    expect(world.calls.length).toBe(1)
  })

  scenario(
    "answers for the time to live",
    function* (world) {
      const first = yield* get(acme)
      yield* TestClock.adjust("59 seconds")
      expect((yield* get(acme)).loadedAt).toBe(first.loadedAt)
      expect(world.calls.length).toBe(1)
      yield* TestClock.adjust("1 second")
      const second = yield* get(acme)
      expect(world.calls.length).toBe(2)
      expect(second.loadedAt).toBe(first.loadedAt + 60_000)
      expect(second.revision).toBe(first.revision)
      world.rotations.set(acme, 7)
      yield* TestClock.adjust("1 minute")
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
    expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
    yield* TestClock.adjust("999 millis")
    expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
    expect(world.calls.length).toBe(1)
    world.failure = undefined
    yield* TestClock.adjust("1 millis")
    yield* get(acme)
    expect(world.calls.length).toBe(2)
  })

  scenario("suspended and not found are never cached", function* (world) {
    for (const [failure, tag] of [
      [suspended, "TenantManagerSuspended"],
      [notFound, "TenantManagerNotFound"]
    ] as const) {
      world.failure = failure
      expect((yield* Effect.flip(get(acme)))._tag).toBe(tag)
      world.failure = undefined
      yield* get(acme)
      yield* world.publish("tenant.cache.invalidate", acme)
    }
    expect(world.callsFor(acme)).toBe(4)
  })

  scenario(
    "answer with stale settings for staleFor after their time to live",
    function* (world) {
      const first = yield* get(acme)
      world.failure = unavailable
      yield* TestClock.adjust("60 seconds")
      const stale = yield* get(acme)
      expect(stale).toMatchObject({ stale: true, revision: first.revision })
      expect(first.stale).toBe(false)
      expect((yield* get(acme)).stale).toBe(true)
      expect(world.calls.length).toBe(2)
      yield* TestClock.adjust("59 seconds")
      expect((yield* get(acme)).stale).toBe(true)
      yield* TestClock.adjust("1 second")
      expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
      world.failure = undefined
      yield* TestClock.adjust("1 second")
      expect((yield* get(acme)).stale).toBe(false)
    },
    { ttl: "1 minute", staleFor: "1 minute" }
  )

  scenario(
    "answer with nothing stale where that is turned off",
    function* (world) {
      yield* get(acme)
      world.failure = unavailable
      yield* TestClock.adjust("60 seconds")
      expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
    },
    { ttl: "1 minute", staleFor: 0 }
  )

  scenario(
    "answer with nothing stale where the tenant is refused",
    function* (world) {
      yield* get(acme)
      world.failure = suspended
      yield* TestClock.adjust("60 seconds")
      expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerSuspended")
      world.failure = unavailable
      expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
    },
    { ttl: "1 minute" }
  )
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
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
      expect(yield* get(globex)).toBe(other)
      expect(world.callsFor(acme)).toBe(2)
    })
  }

  scenario(
    "changes report invalidated, then reloaded within the jitter, then removed",
    function* (world) {
      const connections = yield* TenantConnections
      const changes: Array<ConnectionsChange> = []
      yield* connections.changes.pipe(
        Stream.runForEach((change) => Effect.sync(() => changes.push(change))),
        Effect.fork
      )
      const { revision } = yield* get(acme)
      yield* Effect.yieldNow()
      yield* world.rotate(acme)
      yield* eventually(() => changes.length === 1)
      expect(world.callsFor(acme)).toBe(1)
      yield* TestClock.adjust("5 seconds")
      yield* eventually(() => changes.length === 2)
      yield* world.remove(acme)
      yield* eventually(() => changes.length === 3)
      expect(changes).toMatchObject([
        { _tag: "Invalidated", tenant: { id: acme } },
        { _tag: "Reloaded", tenant: { id: acme }, connections: { revision: revision + 1 } },
        { _tag: "Removed", tenant: { id: acme } }
      ])
      expect(world.callsFor(acme)).toBe(2)
    }
  )

  scenario("a slow reader of changes gets the latest of each tenant", function* (world) {
    const connections = yield* TenantConnections
    const gate = yield* Deferred.make<void>()
    const tags: Array<string> = []
    yield* connections.changes.pipe(
      Stream.runForEach(({ _tag, tenant }) =>
        Effect.zipRight(
          Effect.sync(() => tags.push(`${_tag} ${tenant.id}`)),
          Deferred.await(gate)
        )
      ),
      Effect.fork
    )
    yield* Effect.yieldNow()
    yield* world.rotate(globex)
    yield* eventually(() => tags.length === 1)
    for (let n = 0; n < 20; n++) yield* world.rotate(acme)
    yield* world.remove(acme)
    yield* world.remove(globex)
    yield* Deferred.succeed(gate, undefined)
    yield* eventually(() => tags.length === 3)
    expect(tags).toEqual(["Invalidated globex", "Removed acme", "Removed globex"])
  })

  scenario(
    "a caller does not wait for the jitter, and its request is the reload",
    function* (world) {
      yield* get(acme)
      yield* world.rotate(acme)
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
      yield* get(globex)
      yield* TestClock.adjust("10 seconds")
      expect(world.callsFor(acme)).toBe(2)
    }
  )

  scenario("a reload carries nothing of the caller that noticed the change", function* (world) {
    yield* get(acme)
    yield* get(globex)
    const seen: Array<boolean> = []
    world.onCall = () =>
      Effect.map(FiberRef.get(FiberRef.currentLogAnnotations), (annotations) => {
        seen.push(HashMap.has(annotations, "request"))
      })
    world.rotations.set(acme, 1)
    yield* Effect.zipRight(world.rotate(acme), get(globex)).pipe(
      Effect.annotateLogs("request", "of globex")
    )
    yield* TestClock.adjust("5 seconds")
    yield* eventually(() => seen.length === 1)
    expect(seen).toEqual([false])
  })

  scenario("a rotated tenant that is not in use is not reloaded", function* (world) {
    yield* get(acme)
    yield* TestClock.adjust("5 minutes")
    yield* world.rotate(acme)
    yield* TestClock.adjust("1 minute")
    expect(world.callsFor(acme)).toBe(1)
    expect(passwordOf(yield* get(acme))).toBe("acme#1")
  })

  scenario("hold keeps the settings in use", function* (world) {
    const connections = yield* TenantConnections
    const scope = yield* Scope.make()
    yield* Scope.extend(connections.hold(acme), scope)
    yield* get(acme)
    yield* TestClock.adjust("1 hour")
    yield* world.rotate(acme)
    yield* TestClock.adjust("5 seconds")
    yield* eventually(() => world.callsFor(acme) === 2)
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust("1 hour")
    yield* world.rotate(acme)
    yield* TestClock.adjust("5 seconds")
    yield* Effect.yieldNow()
    expect(world.callsFor(acme)).toBe(2)
  })

  scenario("an answer that a rotation overtakes reaches no caller", function* (world) {
    const gate = yield* Deferred.make<void>()
    world.gate = () => gate
    const caller = yield* Effect.fork(get(acme))
    yield* eventually(() => world.calls.length === 1)
    // The request in flight has read the old credentials.
    yield* world.rotate(acme)
    yield* Deferred.succeed(gate, undefined)
    expect(passwordOf(yield* Fiber.join(caller))).toBe("acme#1")
    expect(world.calls.length).toBe(2)
    expect(world.mostUnderWayPerTenant).toBe(1)
  })

  scenario(
    "after a failed reload nothing old is answered, and the next use asks",
    function* (world) {
      yield* get(acme)
      world.failure = unavailable
      yield* world.rotate(acme)
      yield* TestClock.adjust("5 seconds")
      yield* eventually(() => world.callsFor(acme) === 2)
      yield* TestClock.adjust("1 second")
      expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
      world.failure = undefined
      yield* TestClock.adjust("1 second")
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
    }
  )

  scenario("removal drops the settings", function* (world) {
    const first = yield* get(acme)
    yield* world.remove(acme)
    yield* world.add(acme)
    const second = yield* get(acme)
    expect(second.revision).not.toBe(first.revision)
    expect(world.callsFor(acme)).toBe(2)
  })

  scenario("after a gap settings in use are reloaded and the rest dropped", function* (world) {
    yield* get(acme)
    yield* TestClock.adjust("5 minutes")
    const other = yield* get(globex)
    yield* world.gap(() => world.rotations.set(acme, 1))
    yield* TestClock.adjust("5 seconds")
    yield* eventually(() => world.callsFor(globex) === 2)
    expect(world.callsFor(acme)).toBe(1)
    const again = yield* get(globex)
    expect(again.revision).toBe(other.revision)
    expect(passwordOf(yield* get(acme))).toBe("acme#1")
  })

  scenario(
    "after a gap old settings are answered only while the tenant manager is unavailable",
    function* (world) {
      yield* get(acme)
      world.failure = unavailable
      yield* world.gap(() => world.rotations.set(acme, 1))
      expect(yield* get(acme)).toMatchObject({ stale: true })
      world.failure = undefined
      yield* TestClock.adjust("1 second")
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
    }
  )
})

describe("changes faster than the answers", () => {
  scenario("repeat a request with a backoff and at most six times", function* (world) {
    const discovery = yield* TenantDiscovery
    const outdate = Effect.suspend(() => world.rotate(acme)).pipe(
      Effect.provideService(TenantDiscovery, discovery)
    )
    world.onCall = () => outdate
    const caller = yield* Effect.fork(Effect.flip(get(acme)))
    yield* eventually(() => world.calls.length === 2)
    for (let n = 0; n < 100; n++) yield* Effect.yieldNow()
    expect(world.calls.length).toBe(2)
    yield* TestClock.adjust("100 millis")
    yield* eventually(() => world.calls.length === 3)
    yield* TestClock.adjust("3 seconds")
    const error = yield* Fiber.join(caller)
    expect(error._tag).toBe("TenantManagerUnavailable")
    expect(error.message).toContain("changed during each of 6 requests")
    expect(world.calls.length).toBe(6)
    world.onCall = undefined
    yield* TestClock.adjust("1 second")
    expect(passwordOf(yield* get(acme))).toBe("acme#6")
  })
})

describe("revalidation", () => {
  const rotateUnheard = (world: World, id: TenantId) => world.rotations.set(id, 1)

  scenario(
    "finds a rotation of which no event came",
    function* (world) {
      const connections = yield* TenantConnections
      const reloaded = yield* connections.changes.pipe(Stream.runHead, Effect.fork)
      const first = yield* get(acme)
      yield* TestClock.adjust("1 minute")
      expect((yield* get(acme)).revision).toBe(first.revision)
      rotateUnheard(world, acme)
      yield* TestClock.adjust("38 seconds")
      expect((yield* Fiber.join(reloaded)).pipe(Option.map(({ _tag }) => _tag))).toEqual(
        Option.some("Reloaded")
      )
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
    },
    { checkInterval: "30 seconds", ttl: "1 hour" }
  )

  scenario(
    "has at most four requests at once, and its failures change nothing",
    function* (world) {
      const ids = Array.from({ length: 10 }, (_, n) => TenantId.make(`tenant-${n}`))
      yield* Effect.forEach(ids, (id) => Effect.zipRight(world.add(id), get(id)))
      const gate = yield* Deferred.make<void>()
      world.gate = () => gate
      world.failure = unavailable
      yield* TestClock.adjust("38 seconds")
      expect(world.calls.length).toBe(14)
      expect((yield* get(tenth(ids))).stale).toBe(false)
      yield* Deferred.succeed(gate, undefined)
      yield* eventually(() => world.calls.length === 20)
      expect((yield* get(tenth(ids))).stale).toBe(false)
      expect(world.calls.length).toBe(20)
    },
    { checkInterval: "30 seconds", ttl: "1 hour" }
  )

  scenario(
    "leaves alone what is not in use",
    function* (world) {
      yield* get(acme)
      yield* TestClock.adjust("1 hour")
      expect(world.calls.length).toBeLessThan(16)
    },
    { checkInterval: "30 seconds", inUseFor: "5 minutes" }
  )
})

describe("layerConfig", () => {
  const provided = (world: World, options?: TenantConnectionsOptions) =>
    TenantConnections.layerConfig(options).pipe(
      Layer.provide(
        Layer.setConfigProvider(
          provider({
            MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC: "100",
            MULTI_TENANT_CACHE_TTL_SEC: "3600"
          })
        )
      ),
      Layer.provideMerge(world.discovery)
    )
  const callsAfter = (options?: TenantConnectionsOptions) =>
    Effect.suspend(() => {
      const world = new World(["acme"])
      const counts = Effect.gen(function* () {
        yield* get(acme)
        yield* TestClock.adjust("74 seconds")
        const before = world.calls.length
        yield* TestClock.adjust("51 seconds")
        return [before, world.calls.length]
      })
      return Effect.provide(counts, provided(world, options))
    })

  it.effect("reads the check interval and the time to live; an option wins", () =>
    Effect.gen(function* () {
      expect(yield* callsAfter()).toEqual([1, 2])
      expect(yield* callsAfter({ checkInterval: 0 })).toEqual([1, 1])
    })
  )
})

const tenth = (ids: ReadonlyArray<TenantId>): TenantId => ids[9] ?? acme

describe("an answer that refuses an active tenant", () => {
  for (const [name, failure] of [
    ["suspended", suspended],
    ["not found", notFound]
  ] as const) {
    scenario(`(${name}) relists, once for a tenant and revision`, function* (world) {
      world.failure = failure
      world.ids.delete(acme)
      const { lists } = world
      for (let n = 0; n < 3; n++) yield* Effect.flip(get(acme))
      yield* TestClock.adjust("1 second")
      const discovery = yield* TenantDiscovery
      yield* discovery.view.changes.pipe(
        Stream.takeUntil((view) => !view.has(acme)),
        Stream.runDrain
      )
      expect(world.lists).toBe(lists + 1)
      yield* Effect.flip(get(acme))
      yield* TestClock.adjust("10 seconds")
      expect(world.lists).toBe(lists + 1)
    })
  }
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

describe("metrics", () => {
  it.effect("carry the service and the labels in force at the build", () =>
    Effect.gen(function* () {
      const world = new World(["acme"])
      const read = (service: string) =>
        Metric.counter("tenant_connections_total", {
          description: "Connection settings loaded from the tenant manager",
          incremental: true
        }).pipe(
          Metric.tagged("region", "eu"),
          Metric.tagged("service", service),
          Metric.value,
          Effect.map(({ count }) => count)
        )
      const before = yield* read("ledger")
      yield* get(acme).pipe(Effect.provide(layerOf(world)), Effect.tagMetrics("region", "eu"))
      expect(yield* read("ledger")).toBe(before + 1)
    })
  )
})

describe("options", () => {
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
})

describe("close", () => {
  it.effect("ends callers, readers and requests in flight", () =>
    Effect.gen(function* () {
      const world = new World(["acme"])
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(layerOf(world), scope)
      const gate = yield* Deferred.make<void>()
      world.gate = () => gate
      const provided = Effect.provide(context)
      const waiting = yield* Effect.fork(provided(get(acme)))
      const reading = yield* Effect.fork(
        provided(Effect.flatMap(TenantConnections, (it) => Stream.runDrain(it.changes)))
      )
      yield* eventually(() => world.calls.length === 1)
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(reading)
      for (const caller of [Fiber.join(waiting), provided(get(acme))]) {
        const { _tag, message } = yield* Effect.flip(caller)
        expect(_tag).toBe("TenantManagerUnavailable")
        expect(message).toContain("closed")
      }
    })
  )
})
