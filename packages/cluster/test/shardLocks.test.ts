import * as MachineId from "@effect/cluster/MachineId"
import * as Runner from "@effect/cluster/Runner"
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import * as RunnerStorage from "@effect/cluster/RunnerStorage"
import * as ShardId from "@effect/cluster/ShardId"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Logger, Scope, TestClock } from "effect"
import { TenantId } from "tenant-discovery"
import { makeLeases } from "../src/internal/leases.js"
import { makeMembership } from "../src/internal/runnerStorage.js"
import { makeShardLocks } from "../src/internal/shardLocks.js"

const acme = TenantId.make("acme")
const one = ShardId.make("default", 1)
const two = ShardId.make("default", 2)
const address = RunnerAddress.make("self", 1)
const self = Runner.make({ address, groups: ["default"], weight: 1 })

/** A database of locks in memory that can fail, hang, and give locks to others. */
const makeWorld = (options: { readonly participate?: boolean } = {}) =>
  Effect.gen(function* () {
    const owners = new Map<string, "self" | "other">()
    const asked: Array<ReadonlyArray<string>> = []
    const deletions: Array<ReadonlyArray<string>> = []
    const registered: Array<string> = []
    let fence = 0n
    let database: "up" | "down" | "hangs" = "up"
    const ifUp = <A>(answer: () => A) =>
      Effect.suspend(() => {
        if (database === "hangs") return Effect.never
        return database === "up" ? Effect.sync(answer) : Effect.fail("down")
      })
    const dieWhenDown = <A>(answer: () => A) => Effect.orDie(ifUp(answer))
    const leases = yield* makeLeases(yield* Effect.clock)
    const locks = yield* makeShardLocks({
      leases,
      rows: {
        renew: (shards, withoutFence) =>
          ifUp(() => {
            asked.push(shards)
            return new Map(
              shards
                .filter((shard) => owners.get(shard) === "self")
                .map((shard) => [shard, withoutFence.includes(shard) ? ++fence : undefined])
            )
          }),
        release: (shards) =>
          ifUp(() => {
            deletions.push(shards)
            for (const shard of shards) if (owners.get(shard) === "self") owners.delete(shard)
          })
      },
      expiration: 6000,
      margin: 2000,
      refreshInterval: 1000,
      settleDelay: 1000,
      drainTimeout: 25_000,
      longestStatement: 2000
    })
    const inner = RunnerStorage.RunnerStorage.of({
      register: (runner) =>
        dieWhenDown(() => {
          registered.push(runner.address.host)
          return MachineId.make(1)
        }),
      unregister: () => dieWhenDown(() => void registered.splice(0)),
      getRunners: dieWhenDown(() =>
        registered.includes(self.address.host) ? [[self, true] as const] : []
      ),
      setRunnerHealth: () => Effect.void,
      acquire: (_, ids) =>
        dieWhenDown(() => {
          const free = [...ids].filter((id) => owners.get(id.toString()) !== "other")
          for (const id of free) owners.set(id.toString(), "self")
          return free
        }),
      refresh: () => Effect.succeed([]),
      release: () => Effect.dieMessage("the locks release one by one"),
      releaseAll: () => Effect.dieMessage("the locks release one by one")
    })
    const membership = yield* makeMembership({
      inner,
      locks,
      self,
      participate: options.participate ?? true,
      registered: Effect.void
    })
    return {
      ...membership,
      asked,
      deletions,
      leases,
      locks,
      owners,
      setDatabase: (state: typeof database) => Effect.sync(() => (database = state)),
      registered,
      owns: (id: ShardId.ShardId) => leases.owns(id.toString(), acme),
      acquire: (...ids: ReadonlyArray<ShardId.ShardId>) => membership.storage.acquire(address, ids),
      refresh: (...ids: ReadonlyArray<ShardId.ShardId>) => membership.storage.refresh(address, ids),
      open: Effect.gen(function* () {
        const scope = yield* Scope.make()
        const lease = yield* Scope.extend(leases.hold(one.toString(), acme), scope)
        return { lease, close: Scope.close(scope, Exit.void) }
      })
    }
  })

/** A world whose replica owns the first shard. */
const owning = Effect.tap(makeWorld(), (world) =>
  Effect.zipRight(TestClock.adjust(1000), world.acquire(one))
)

/** Collects the messages of the logs. */
const logged = Effect.map(
  Effect.sync(() => [] as Array<string>),
  (lines) => ({
    lines,
    layer: Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ message }) => void lines.push(String(message)))
    )
  })
)

describe("the locks of a replica", () => {
  it.scoped("are not taken before the settle delay has passed", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      yield* TestClock.adjust(999)
      expect(yield* world.acquire(one)).toEqual([])
      yield* TestClock.adjust(1)
      expect(yield* world.acquire(one)).toEqual([one])
      expect(world.owns(one)).toBe(true)
    })
  )

  it.scoped("are asked for in the order of their numbers", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      yield* TestClock.adjust(1000)
      const ten = ShardId.make("default", 10)
      expect(yield* world.acquire(ten, two, one)).toEqual([one, two, ten])
    })
  )

  it.scoped("are renewed every refresh interval, without the engine", () =>
    Effect.gen(function* () {
      const world = yield* owning
      yield* TestClock.adjust("20 seconds")
      expect(world.owns(one)).toBe(true)
      expect(world.asked.length).toBeGreaterThanOrEqual(20)
    })
  )

  it.scoped("are held through an outage that is shorter than the lease", () =>
    Effect.gen(function* () {
      const world = yield* owning
      const { lease } = yield* world.open
      yield* world.setDatabase("down")
      yield* TestClock.adjust(2900)
      expect(yield* world.refresh(one)).toEqual([one])
      yield* world.setDatabase("up")
      yield* TestClock.adjust("10 seconds")
      expect(yield* lease.isValid).toBe(true)
      expect(lease.fence).toBe(1n)
    })
  )

  for (const [how, rounds] of [
    ["down", 2],
    ["hangs", 10]
  ] as const) {
    it.scoped(`interrupts its runs once, and has a new fence, where the database is ${how}`, () =>
      Effect.gen(function* () {
        const { layer, lines } = yield* logged
        yield* Effect.gen(function* () {
          const world = yield* owning
          for (let round = 1; round <= rounds; round++) {
            const { close, lease } = yield* world.open
            expect(lease.fence).toBe(BigInt(round))
            yield* world.setDatabase(how)
            yield* TestClock.adjust("5 seconds")
            yield* lease.lost
            expect(world.owns(one)).toBe(false)
            expect(yield* world.refresh(one)).toEqual([one])
            yield* close
            yield* world.setDatabase("up")
            yield* TestClock.adjust("3 seconds")
            expect(world.owns(one)).toBe(true)
          }
        }).pipe(Effect.provide(layer))
        const of = (text: string) => lines.filter((line) => line.includes(text)).length
        expect(of("leases expired: the database confirmed none for 4000 ms")).toBe(rounds)
        expect(of("leases renewed")).toBe(rounds)
      })
    )
  }

  for (const participate of [true, false]) {
    const who = participate ? "a replica with shards" : "a replica without shards"
    it.scoped(`have a problem past the deadline, until the next renewal: ${who}`, () =>
      Effect.gen(function* () {
        const world = yield* makeWorld({ participate })
        yield* TestClock.adjust(1000)
        yield* world.acquire(one)
        yield* world.setDatabase("down")
        yield* TestClock.adjust(2900)
        expect(yield* world.locks.problem).toBeUndefined()
        yield* TestClock.adjust(2000)
        expect(yield* world.locks.problem).toContain("confirms no lease")
        yield* world.setDatabase("up")
        yield* TestClock.adjust(200)
        expect(yield* world.locks.problem).toBeUndefined()
      })
    )
  }

  it.scoped("are not taken while renewals fail, nor right after", () =>
    Effect.gen(function* () {
      const world = yield* owning
      yield* world.setDatabase("down")
      yield* TestClock.adjust("5 seconds")
      expect(yield* world.acquire(two)).toEqual([])
      yield* world.setDatabase("up")
      yield* TestClock.adjust(200)
      expect(yield* world.acquire(two)).toEqual([])
      yield* TestClock.adjust(1000)
      expect(yield* world.acquire(two)).toEqual([two])
    })
  )

  it.scoped("that another replica took are lost at the next renewal", () =>
    Effect.gen(function* () {
      const world = yield* owning
      const { lease } = yield* world.open
      world.owners.set(one.toString(), "other")
      yield* TestClock.adjust(1000)
      yield* lease.lost
      expect(yield* world.refresh(one)).toEqual([])
    })
  )

  it.scoped("an engine's error is no error of the engine's loop", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld()
      yield* TestClock.adjust(1000)
      yield* world.setDatabase("down")
      expect(yield* world.acquire(one)).toEqual([])
    })
  )
})

describe("giving back", () => {
  it.scoped("waits for the runs, whose leases are lost at once, and renews meanwhile", () =>
    Effect.gen(function* () {
      const world = yield* owning
      const { close, lease } = yield* world.open
      const released = yield* Effect.fork(world.storage.release(address, one))
      yield* lease.lost
      yield* TestClock.adjust("20 seconds")
      expect(released.unsafePoll()).toBeNull()
      expect(world.owners.get(one.toString())).toBe("self")
      expect(world.asked.at(-1)).toEqual([one.toString()])
      expect(yield* world.acquire(one)).toEqual([])
      yield* close
      yield* Fiber.join(released)
      expect(world.owners.has(one.toString())).toBe(false)
    })
  )

  it.scoped("lets the lock of a run that outlasts the bound expire, and names its tenant", () =>
    Effect.gen(function* () {
      const { layer, lines } = yield* logged
      const world = yield* Effect.provide(owning, layer)
      yield* world.open
      const released = yield* Effect.fork(
        Effect.provide(world.storage.release(address, one), layer)
      )
      yield* TestClock.adjust("25 seconds")
      yield* Fiber.join(released)
      expect(world.owners.get(one.toString())).toBe("self")
      const renewals = world.asked.length
      yield* TestClock.adjust("3 seconds")
      expect(world.asked.slice(renewals).flat()).toEqual([])
      expect(lines).toEqual([
        "leases of acme are held for longer than drainTimeout: the lock of shard default:1 expires instead"
      ])
    })
  )

  it.scoped("is tried again while the database is down", () =>
    Effect.gen(function* () {
      const world = yield* owning
      yield* world.setDatabase("down")
      const released = yield* Effect.fork(world.storage.release(address, one))
      yield* TestClock.adjust("3 seconds")
      expect(released.unsafePoll()).toBeNull()
      yield* world.setDatabase("up")
      yield* TestClock.adjust(200)
      yield* Fiber.join(released)
      expect(world.owners.has(one.toString())).toBe(false)
    })
  )

  it.scoped("of every shard returns at once, and one slow run does not hold the others", () =>
    Effect.gen(function* () {
      const world = yield* owning
      yield* world.acquire(two)
      const { close } = yield* world.open
      yield* world.storage.releaseAll(address)
      yield* TestClock.adjust(100)
      expect([...world.owners.keys()]).toEqual([one.toString()])
      yield* close
      yield* TestClock.adjust(100)
      expect(world.owners.size).toBe(0)
    })
  )

  it.scoped("of many shards deletes their locks together", () =>
    Effect.gen(function* () {
      const world = yield* owning
      const ids = Array.from({ length: 100 }, (_, n) => ShardId.make("default", n + 1))
      yield* world.acquire(...ids)
      yield* world.storage.releaseAll(address)
      yield* TestClock.adjust(100)
      expect(world.owners.size).toBe(0)
      expect(world.deletions).toHaveLength(1)
    })
  )
})

describe("a replica", () => {
  it.scoped("that leaves is out of the ring, gives its shards back and takes none", () =>
    Effect.gen(function* () {
      const world = yield* owning
      yield* world.storage.register(self, true)
      yield* world.leave
      yield* TestClock.adjust(100)
      expect(world.registered).toEqual([])
      expect(world.owners.size).toBe(0)
      yield* world.storage.register(self, true)
      expect(world.registered).toEqual([])
      // The engine finds itself: it would register again and again otherwise.
      expect(yield* world.storage.getRunners).toEqual([[self, true]])
      expect(yield* world.acquire(one)).toEqual([])
    })
  )

  it.scoped("that leaves lets the leases under way end, and gives no other", () =>
    Effect.gen(function* () {
      const world = yield* owning
      const { close, lease } = yield* world.open
      yield* world.leave
      yield* TestClock.adjust("10 seconds")
      // The lock is renewed for as long as the lease is held.
      expect(yield* lease.isValid).toBe(true)
      expect(world.owners.size).toBe(1)
      expect(Exit.isFailure(yield* Effect.exit(world.open))).toBe(true)
      yield* close
      yield* TestClock.adjust(100)
      expect(world.owners.size).toBe(0)
    })
  )

  it.scoped("that leaves ends the leases that outlast the bound", () =>
    Effect.gen(function* () {
      const world = yield* owning
      const { lease } = yield* world.open
      yield* world.leave
      yield* TestClock.adjust("24 seconds")
      expect(yield* lease.isValid).toBe(true)
      yield* TestClock.adjust("2 seconds")
      expect(yield* lease.isValid).toBe(false)
    })
  )

  it.scoped("that joins again takes shards", () =>
    Effect.gen(function* () {
      const world = yield* owning
      yield* world.leave
      yield* TestClock.adjust(100)
      yield* world.join
      yield* world.storage.register(self, true)
      expect(yield* world.storage.getRunners).toEqual([[self, true]])
      expect(yield* world.acquire(one)).toEqual([one])
      expect((yield* world.open).lease.fence).toBe(2n)
    })
  )

  it.scoped("that does not take part owns nothing until it joins", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld({ participate: false })
      yield* world.storage.register(self, true)
      yield* TestClock.adjust(1000)
      expect(world.registered).toEqual([])
      expect(yield* world.acquire(one)).toEqual([])
      yield* world.join
      expect(yield* world.acquire(one)).toEqual([one])
    })
  )
})
