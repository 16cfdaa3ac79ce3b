/** Faults of replicas, of the way to the database, and of the database. `npm run test:cluster`. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { pgBouncer, startPgBouncer } from "./pgbouncer.js"
import { makeWorld, type World } from "./replicas.js"

const scenario = (
  name: string,
  run: (world: World) => Effect.Effect<void, unknown>,
  between?: Parameters<typeof makeWorld>[0]["between"]
) =>
  it.scopedLive(
    name,
    () =>
      Effect.gen(function* () {
        const made = yield* makeWorld({
          tenants: 24,
          workMillis: 200,
          ...(between === undefined ? {} : { between })
        })
        yield* run(made)
        yield* made.verdict
      }),
    600_000
  )

/** Restarts every proxy's service to the replicas. */
const everyProxy = (
  { running }: World,
  act: (proxy: ReturnType<World["running"]>[number]["proxy"]) => Effect.Effect<void, unknown>
) => Effect.forEach(running(), ({ proxy }) => act(proxy), { discard: true })

/** How many replicas interrupted runs because no renewal was confirmed. */
const stalled = ({ running }: World) =>
  running().filter(({ output }) => output().includes("leases expired")).length

/** Waits until every tenant has begun a second after the removal at `at`; no removed one has. */
const noneBegins = (world: World, removed: ReadonlyArray<string>, at: number) =>
  Effect.gen(function* () {
    yield* world.allBegun(at + 1000)
    const begun = yield* world.begun(at + 1000)
    expect(begun.filter((tenant) => removed.includes(tenant))).toEqual([])
  })

describe("replicas that start", () => {
  scenario("share the tenants, twenty times on tables that do not exist yet", (world) =>
    Effect.gen(function* () {
      for (let round = 1; round <= 20; round++) {
        yield* world.reset
        const replicas = yield* world.launchThree({ PREFIX: `round_${round}` })
        yield* Effect.forEach(replicas, ({ says }) => says("joined the cluster"))
        yield* world.takenOver(`cold start ${round}`, yield* world.now)
        yield* Effect.forEach(replicas, ({ name }) => world.oneBegun(name))
        yield* world.verdict
        // A killed process could leave a statement that the referee runs in the next round.
        yield* Effect.forEach(replicas, ({ signal }) => signal("SIGTERM"))
        yield* Effect.forEach(replicas, ({ exited }) => exited)
      }
    })
  )
})

describe("replicas that fail", () => {
  scenario("two of three are killed at once", (world) =>
    Effect.gen(function* () {
      const [a, b] = yield* world.startThree()
      const at = yield* world.now
      yield* world.end(a, "SIGKILL")
      yield* world.end(b, "SIGKILL")
      yield* world.takenOver("two killed", at, "a")
    })
  )

  scenario("one run is slow to stop at SIGTERM: its tenant alone waits", (world) =>
    Effect.gen(function* () {
      const replicas = yield* world.startThree({ SLOW_TENANT: "tenant-7", STOP_MS: "12000" })
      const owner = yield* world.ownerOf("tenant-7")
      const at = yield* world.now
      const stopping = replicas.find(({ name }) => name === owner)
      if (stopping === undefined) return expect.unreachable()
      yield* stopping.signal("SIGTERM")
      const others = yield* world.begunBut("tenant-7", at, stopping.name)
      expect(others).toBeLessThan(10_000)
      console.log(`SIGTERM with a slow run: the others began after ${Math.round(others)} ms`)
      yield* stopping.exited
      yield* world.takenOver("the slow tenant", yield* world.now, stopping.name)
    })
  )

  scenario("the event loop of one is blocked for 5 s", (world) =>
    Effect.gen(function* () {
      const [a] = yield* world.startThree()
      const at = yield* world.now
      yield* a.send("block 5000")
      yield* world.takenOver("blocked event loop", at)
      yield* world.oneBegun("a")
    })
  )

  scenario("one is frozen for a minute and thaws", (world) =>
    Effect.gen(function* () {
      const [a] = yield* world.startThree()
      const at = yield* world.now
      yield* world.end(a, "SIGSTOP")
      yield* world.takenOver("frozen", at, "a")
      yield* Effect.sleep("1 minute")
      const thawedAt = yield* world.now
      yield* world.thaw(a)
      yield* world.takenOver("thawed", thawedAt)
      yield* world.oneBegun("a")
    })
  )

  scenario("a fourth joins and leaves", (world) =>
    Effect.gen(function* () {
      yield* world.startThree()
      const joinedAt = yield* world.now
      const d = yield* world.start("d")
      yield* world.oneBegun("d")
      yield* world.takenOver("join", joinedAt)
      const leftAt = yield* world.now
      yield* d.signal("SIGTERM")
      yield* world.takenOver("leave", leftAt, "d")
    })
  )

  scenario("tenants are removed and added while one is killed and another joins", (world) =>
    Effect.gen(function* () {
      const [a] = yield* world.startThree()
      const killedAt = yield* world.now
      yield* world.end(a, "SIGKILL")
      yield* world.remove("tenant-0", "tenant-1", "tenant-2")
      yield* world.add("late-0", "late-1", "late-2")
      yield* world.takenOver("killed, removed and added", killedAt, "a")
      yield* noneBegins(world, ["tenant-0", "tenant-1", "tenant-2"], killedAt)

      const joinedAt = yield* world.now
      const d = yield* world.start("d")
      yield* d.says("joined the cluster")
      const changedAt = yield* world.now
      yield* world.remove("tenant-3", "late-0")
      yield* world.add("tenant-0", "late-3")
      yield* world.oneBegun("d")
      yield* world.takenOver("joined, removed and added", joinedAt)
      yield* noneBegins(world, ["tenant-1", "tenant-2", "tenant-3", "late-0"], changedAt)
    })
  )

  scenario("a replica that is cordoned gives its tenants away and takes them again", (world) =>
    Effect.gen(function* () {
      const [a] = yield* world.startThree()
      yield* a.send("members")
      yield* a.says(/members \[.*"version":"1.2.3".*"version":"1.2.3".*"version":"1.2.3"/)
      const at = yield* world.now
      yield* a.send("cordon")
      yield* world.takenOver("cordon", at, "a")
      yield* a.send("uncordon")
      yield* world.oneBegun("a")
    })
  )

  scenario("all three are replaced, one after the other", (world) =>
    Effect.gen(function* () {
      const old = yield* world.startThree()
      const startedAt = yield* world.now
      for (const [n, replica] of old.entries()) {
        const at = yield* world.now
        const next = yield* world.start(`next-${n}`)
        yield* world.oneBegun(next.name)
        yield* replica.signal("SIGTERM")
        yield* replica.exited
        yield* world.takenOver(`replacement ${n + 1}`, at, replica.name)
      }
      const moves = yield* world.movesPerTenant(startedAt)
      console.log(`rolling replacement: ${moves.toFixed(2)} moves a tenant`)
      expect(moves).toBeLessThanOrEqual(2.5)
    })
  )
})

describe("a database that fails", () => {
  scenario("one replica is cut off without a word, and comes back", (world) =>
    Effect.gen(function* () {
      const [a] = yield* world.startThree()
      const at = yield* world.now
      yield* a.proxy.blackhole()
      yield* world.takenOver("cut off", at, "a")
      yield* a.says("leases expired")
      const healedAt = yield* world.now
      yield* a.proxy.resume
      yield* world.oneBegun("a")
      yield* world.takenOver("healed", healedAt)
    })
  )

  for (const millis of [1000, 2500]) {
    scenario(`the database is gone for ${millis} ms: no run is interrupted`, (world) =>
      Effect.gen(function* () {
        yield* world.startThree()
        yield* everyProxy(world, (proxy) => proxy.cut)
        yield* Effect.sleep(millis)
        const at = yield* world.now
        yield* everyProxy(world, (proxy) => proxy.resume)
        yield* world.takenOver(`gone for ${millis} ms`, at)
        // One renewal after the outage has been confirmed, or the leases have expired.
        yield* Effect.sleep("5 seconds")
        expect(stalled(world)).toBe(0)
      })
    )
  }

  scenario("a run outlasts an outage: the other tenants do not wait for it", (world) =>
    Effect.gen(function* () {
      yield* world.startThree({ SLOW_TENANT: "tenant-7", STOP_MS: "15000" })
      yield* everyProxy(world, (proxy) => proxy.cut)
      yield* Effect.forEach(world.running(), ({ says }) => says("leases expired"))
      yield* Effect.sleep("4 seconds")
      const at = yield* world.now
      yield* everyProxy(world, (proxy) => proxy.resume)
      const others = yield* world.begunBut("tenant-7", at)
      console.log(`outage with a slow run: the others began after ${Math.round(others)} ms`)
      expect(others).toBeLessThan(10_000)
      yield* world.allBegun(at)
    })
  )

  scenario("the database is gone for 20 s, three times", (world) =>
    Effect.gen(function* () {
      yield* world.startThree()
      for (const fault of ["cut", "hold", "blackhole"] as const) {
        yield* everyProxy(world, (proxy) => (fault === "cut" ? proxy.cut : proxy[fault]()))
        yield* Effect.forEach(world.running(), ({ says }) => says("leases expired"))
        yield* Effect.sleep("20 seconds")
        yield* Effect.forEach(world.running(), ({ asks }) => asks("problem", "confirms no lease"))
        const at = yield* world.now
        yield* everyProxy(world, (proxy) => proxy.resume)
        yield* world.takenOver(`gone for 20 s (${fault})`, at)
        yield* Effect.forEach(world.running(), ({ asks }) => asks("problem", "problem null"))
      }
    })
  )

  scenario("the program's own pool is full when a replica is killed", (world) =>
    Effect.gen(function* () {
      const [a, b, c] = yield* world.startThree()
      yield* Effect.forEach([b, c], ({ send }) => send("saturate"))
      const at = yield* world.now
      yield* world.end(a, "SIGKILL")
      yield* world.takenOver("full pool", at, "a")
    })
  )

  scenario("sessions in two time zones agree about what has expired", (world) =>
    Effect.gen(function* () {
      const a = yield* world.start("a", { TIME_ZONE: "America/New_York" })
      const b = yield* world.start("b", { TIME_ZONE: "Asia/Tokyo" })
      const c = yield* world.start("c", { TIME_ZONE: "UTC" })
      yield* Effect.forEach([a, b, c], ({ name }) => world.oneBegun(name))
      const at = yield* world.now
      yield* world.end(a, "SIGKILL")
      yield* world.takenOver("time zones", at, "a")
    })
  )

  const bouncer = pgBouncer
  if (bouncer === undefined) {
    console.log("Left out: PgBouncer in transaction mode; put pgbouncer on the PATH.")
    return
  }
  scenario(
    "PgBouncer in transaction mode: start, kill, stop",
    (world) =>
      Effect.gen(function* () {
        const startedAt = yield* world.now
        const [a, b] = yield* world.startThree()
        yield* world.takenOver("PgBouncer: cold start", startedAt)
        const killedAt = yield* world.now
        yield* world.end(a, "SIGKILL")
        yield* world.takenOver("PgBouncer: SIGKILL", killedAt, "a")
        yield* Effect.flatMap(world.start("d"), ({ name }) => world.oneBegun(name))
        const stoppedAt = yield* world.now
        yield* b.signal("SIGTERM")
        yield* world.takenOver("PgBouncer: SIGTERM", stoppedAt, "b")
      }),
    (server) => startPgBouncer(bouncer, server)
  )
})
