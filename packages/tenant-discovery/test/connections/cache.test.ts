import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Chunk,
  Deferred,
  Duration,
  Effect,
  Exit,
  Fiber,
  Layer,
  Redacted,
  Scope,
  Stream,
  TestClock
} from "effect"
import { TenantId } from "../../src/Tenant.js"
import { type Connections, TenantConnections } from "../../src/TenantConnections.js"
import type { TenantConnectionsOptions } from "../../src/TenantConnections.js"
import { eventually } from "./support/eventually.js"
import { notFound, suspended, unavailable, World } from "./support/world.js"

const acme = TenantId.make("acme")
const globex = TenantId.make("globex")

const layerOf = (world: World, options?: TenantConnectionsOptions) =>
  TenantConnections.layer(options).pipe(Layer.provideMerge(world.discovery))

const get = (id: TenantId) => Effect.flatMap(TenantConnections, (it) => it.get(id))

/** The password that the settings hold: `{tenant}#{rotation}`. */
const passwordOf = (connections: Connections): string | undefined => {
  const password = connections.settings.databases?.["onboarding"]?.postgresql?.password
  return password === undefined ? undefined : Redacted.value(password)
}

const scenario = (
  name: string,
  test: (
    world: World
  ) => Effect.Effect<void, unknown, TenantConnections | Layer.Layer.Success<World["discovery"]>>,
  options?: TenantConnectionsOptions
) =>
  it.effect(name, () => {
    const world = new World(["acme", "globex"])
    return Effect.provide(test(world), layerOf(world, options))
  })

describe("what is kept", () => {
  scenario("a thousand concurrent callers share one request", (world) =>
    Effect.gen(function* () {
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
  )

  scenario("a caller that is interrupted takes nothing from the others", (world) =>
    Effect.gen(function* () {
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
  )

  scenario(
    "for as long as the time to live, and not longer",
    (world) =>
      Effect.gen(function* () {
        const first = yield* get(acme)
        yield* TestClock.adjust("59 seconds")
        expect(yield* get(acme)).toBe(first)
        yield* TestClock.adjust("1 second")
        const second = yield* get(acme)
        expect(world.calls.length).toBe(2)
        expect(second.loadedAt).toBe(first.loadedAt + 60_000)
        // The same settings: nothing needs to be built anew.
        expect(second.revision).toBe(first.revision)
      }),
    { ttl: "1 minute" }
  )

  scenario(
    "settings that turn out to be others have another revision",
    (world) =>
      Effect.gen(function* () {
        const first = yield* get(acme)
        world.rotations.set(acme, 7)
        yield* TestClock.adjust("1 minute")
        const second = yield* get(acme)
        expect(second.revision).not.toBe(first.revision)
        expect(passwordOf(second)).toBe("acme#7")
      }),
    { ttl: "1 minute" }
  )

  scenario("not of a tenant that is not active: no event would tell that they changed", (world) =>
    Effect.gen(function* () {
      const stranger = TenantId.make("stranger")
      yield* get(stranger)
      yield* get(stranger)
      expect(world.callsFor(stranger)).toBe(2)
    })
  )
})

describe("failures", () => {
  scenario("are remembered for a second", (world) =>
    Effect.gen(function* () {
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
  )

  scenario("suspended and not found are never remembered", (world) =>
    Effect.gen(function* () {
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
  )

  scenario(
    "give out old settings marked as stale, for twice their time",
    (world) =>
      Effect.gen(function* () {
        const first = yield* get(acme)
        world.failure = unavailable
        yield* TestClock.adjust("60 seconds")
        const stale = yield* get(acme)
        expect(stale).toMatchObject({ stale: true, revision: first.revision })
        expect(first.stale).toBe(false)
        // Remembered: asked once, answered at once.
        expect((yield* get(acme)).stale).toBe(true)
        expect(world.calls.length).toBe(2)
        yield* TestClock.adjust("59 seconds")
        expect((yield* get(acme)).stale).toBe(true)
        yield* TestClock.adjust("1 second")
        expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
        world.failure = undefined
        yield* TestClock.adjust("1 second")
        expect((yield* get(acme)).stale).toBe(false)
      }),
    { ttl: "1 minute" }
  )

  scenario(
    "give out nothing where that is turned off",
    (world) =>
      Effect.gen(function* () {
        yield* get(acme)
        world.failure = unavailable
        yield* TestClock.adjust("60 seconds")
        expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
      }),
    { ttl: "1 minute", staleWhileError: false }
  )

  scenario(
    "give out nothing where the tenant itself is refused",
    (world) =>
      Effect.gen(function* () {
        yield* get(acme)
        world.failure = suspended
        yield* TestClock.adjust("60 seconds")
        expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerSuspended")
        world.failure = unavailable
        expect((yield* Effect.flip(get(acme)))._tag).toBe("TenantManagerUnavailable")
      }),
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
    scenario(`${type} puts the settings out of date at once`, (world) =>
      Effect.gen(function* () {
        yield* get(acme)
        const other = yield* get(globex)
        world.rotations.set(acme, 1)
        yield* world.publish(type, acme)
        expect(passwordOf(yield* get(acme))).toBe("acme#1")
        expect(yield* get(globex)).toBe(other)
        expect(world.callsFor(acme)).toBe(2)
      })
    )
  }

  scenario("a rotation makes another revision even of the same settings", (world) =>
    Effect.gen(function* () {
      const first = yield* get(acme)
      yield* world.publish("tenant.credentials.rotated", acme)
      expect((yield* get(acme)).revision).not.toBe(first.revision)
    })
  )

  scenario("a rotated tenant in use is loaded anew within the jitter, and that is told", (world) =>
    Effect.gen(function* () {
      const connections = yield* TenantConnections
      const told = yield* connections.changes.pipe(Stream.take(1), Stream.runCollect, Effect.fork)
      yield* get(acme)
      yield* Effect.yieldNow()
      yield* world.rotate(acme)
      expect(world.callsFor(acme)).toBe(1)
      yield* TestClock.adjust("5 seconds")
      const [reloaded] = Chunk.toReadonlyArray(yield* Fiber.join(told))
      expect(reloaded?.tenant.id).toBe(acme)
      expect(reloaded && passwordOf(reloaded.connections)).toBe("acme#1")
      expect(world.callsFor(acme)).toBe(2)
      yield* get(acme)
      expect(world.callsFor(acme)).toBe(2)
    })
  )

  scenario("the wait before a reload is random, and another tenant does not wait for it", (world) =>
    Effect.gen(function* () {
      yield* get(acme)
      yield* world.rotate(acme)
      // Nobody has to sit the wait out, and who did not is not asked for twice.
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
      yield* get(globex)
      yield* TestClock.adjust("10 seconds")
      expect(world.callsFor(acme)).toBe(2)
    })
  )

  scenario("a rotated tenant that is not in use is only dropped", (world) =>
    Effect.gen(function* () {
      yield* get(acme)
      yield* TestClock.adjust("5 minutes")
      yield* world.rotate(acme)
      yield* TestClock.adjust("1 minute")
      expect(world.callsFor(acme)).toBe(1)
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
    })
  )

  scenario("who holds a tenant keeps it in use", (world) =>
    Effect.gen(function* () {
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
  )

  scenario("an answer that a rotation has overtaken reaches nobody", (world) =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      world.gate = () => gate
      const caller = yield* Effect.fork(get(acme))
      yield* eventually(() => world.calls.length === 1)
      // The request under way has read the old credentials already.
      yield* world.rotate(acme)
      yield* Deferred.succeed(gate, undefined)
      expect(passwordOf(yield* Fiber.join(caller))).toBe("acme#1")
      expect(world.calls.length).toBe(2)
      expect(world.mostUnderWayPerTenant).toBe(1)
    })
  )

  scenario(
    "a reload that fails is not fatal, gives out nothing old, and is tried on next use",
    (world) =>
      Effect.gen(function* () {
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
      })
  )

  scenario("removal drops them", (world) =>
    Effect.gen(function* () {
      const first = yield* get(acme)
      yield* world.remove(acme)
      yield* world.add(acme)
      const second = yield* get(acme)
      expect(second.revision).not.toBe(first.revision)
      expect(world.callsFor(acme)).toBe(2)
    })
  )

  scenario("after a gap, what is in use is read again and the rest is dropped", (world) =>
    Effect.gen(function* () {
      yield* get(acme)
      yield* TestClock.adjust("5 minutes")
      const other = yield* get(globex)
      yield* world.gap(() => world.rotations.set(acme, 1))
      yield* TestClock.adjust("5 seconds")
      yield* eventually(() => world.callsFor(globex) === 2)
      expect(world.callsFor(acme)).toBe(1)
      const again = yield* get(globex)
      // Nothing had changed: what was built on it stays.
      expect(again.revision).toBe(other.revision)
      expect(passwordOf(yield* get(acme))).toBe("acme#1")
    })
  )

  scenario(
    "after a gap, old settings are given out only while no new ones are to be had",
    (world) =>
      Effect.gen(function* () {
        yield* get(acme)
        world.failure = unavailable
        yield* world.gap(() => world.rotations.set(acme, 1))
        expect(yield* get(acme)).toMatchObject({ stale: true })
        world.failure = undefined
        yield* TestClock.adjust("1 second")
        expect(passwordOf(yield* get(acme))).toBe("acme#1")
      })
  )
})

describe("close", () => {
  it.effect("ends who waits, who reads, and what is under way", () =>
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
      const ended = yield* Fiber.await(waiting)
      expect(Exit.isFailure(ended)).toBe(true)
      yield* Fiber.join(reading)
      const after = yield* Effect.exit(provided(get(acme)))
      expect(Exit.isFailure(after) && Cause.pretty(after.cause)).toContain("closed")
    }).pipe(Effect.timeout(Duration.infinity))
  )
})
