/** Three replicas share the tenants; one is killed and comes back. */
import { PgClient } from "@effect/sql-pg"
import { Simulator } from "@tenant-discovery/simulator"
import { Console, Effect, Redacted, Ref, Schedule, Stream } from "effect"
import { embedded, urlOf } from "../balance-sync/server.js"
import { bundle, type Replica, startReplica } from "./replicaProcess.js"
import {
  createRuns,
  databaseTime,
  endRunsOf,
  lastBeginAfter,
  violations,
  workingNow
} from "./runs.js"
import { fit, type Screen } from "./screen.js"

const TENANTS = Array.from({ length: 24 }, (_, index) => `t${String(index + 1).padStart(2, "0")}`)
const PROGRAM = new URL("./replica.ts", import.meta.url)
const POLL = Schedule.spaced("100 millis")
const REDRAW = Schedule.spaced("200 millis")
/** Within this time every tenant has work again. */
const TAKEOVER_MILLIS = 10_000
/** Everything is slow on a busy machine. */
const START_LIMIT = "30 seconds"

type States = ReadonlyMap<string, "running" | "killed" | "stopped">

/** Which replica works for which tenants. */
const table = (states: States) =>
  Effect.map(workingNow, (working): ReadonlyArray<string> => {
    const of = (name: string) =>
      working.filter(({ replica }) => replica === name).map(({ tenant }) => tenant)
    const line = (name: string, state: string, tenants: ReadonlyArray<string>) =>
      `  ${name.padEnd(8)} ${state.padEnd(8)} ${String(tenants.length).padStart(3)}  ${fit(tenants, 54)}`.trimEnd()
    const idle = TENANTS.filter((id) => !working.some(({ tenant }) => tenant === id))
    return [
      "  replica  state    tenants",
      ...[...states].map(([name, state]) => line(name, state, of(name))),
      ...(idle.length === 0 ? [] : [line("none", "", idle)])
    ]
  })

const playOn = (screen: Screen, program: string, env: Readonly<Record<string, string>>) =>
  Effect.gen(function* () {
    const states = yield* Ref.make<States>(new Map())
    const running = new Map<string, Replica>()
    const setState = (name: string, state: "running" | "killed" | "stopped") =>
      Ref.update(states, (all) => new Map([...all, [name, state]]))

    const start = (name: string) =>
      Effect.gen(function* () {
        const replica = yield* startReplica(program, name, env)
        running.set(name, replica)
        yield* setState(name, "running")
        return replica
      })

    /** Waits until every tenant has work, and each running replica works for some. */
    const shared = Effect.repeat(workingNow, {
      schedule: POLL,
      until: (working) =>
        new Set(working.map(({ tenant }) => tenant)).size === TENANTS.length &&
        [...running.keys()].every((name) => working.some(({ replica }) => replica === name))
    }).pipe(
      Effect.timeout(START_LIMIT),
      Effect.tapError(() =>
        Effect.forEach(running.values(), ({ name, output }) =>
          Effect.flatMap(output, (text) => Console.error(`replica ${name} wrote:\n${text}`))
        )
      )
    )

    yield* createRuns
    yield* Stream.repeatEffectWithSchedule(Effect.flatMap(Ref.get(states), table), REDRAW).pipe(
      Stream.changesWith((before, after) => before.join("\n") === after.join("\n")),
      Stream.runForEach(screen.show),
      Effect.catchAllCause((cause) => Effect.logError("the table cannot be read", cause)),
      Effect.forkScoped
    )

    yield* screen.say("starting three replicas")
    const [, second] = yield* Effect.all([start("a"), start("b"), start("c")])
    yield* shared
    yield* screen.say(`the replicas share ${TENANTS.length} tenants; killing b`)

    yield* second.kill
    running.delete("b")
    const killedAt = yield* databaseTime
    yield* endRunsOf("b", killedAt)
    yield* setState("b", "killed")
    yield* shared
    const took = yield* lastBeginAfter(killedAt)
    yield* screen.say(`every tenant has work again after ${(took / 1000).toFixed(1)} s`)

    yield* screen.say("b comes back")
    yield* start("b again")
    yield* shared
    yield* screen.say("b has its part again; stopping all replicas")

    const codes = yield* Effect.forEach(
      running.values(),
      ({ name, stop }) => Effect.zipLeft(stop, setState(name, "stopped")),
      { concurrency: "unbounded" }
    )
    // A statement that was under way when the process was killed.
    yield* endRunsOf("b", killedAt)
    const overlaps = yield* violations
    const problems = [
      ...(took > TAKEOVER_MILLIS ? [`a tenant had no work for ${Math.round(took)} ms`] : []),
      ...overlaps,
      ...codes.filter((code) => code !== 0).map((code) => `a replica exited with ${code}`)
    ]
    return { seconds: took / 1000, problems }
  })

/** Runs to its end: how long the slowest tenant was without work, and what was not as promised. */
export const story = Effect.fnUntraced(function* (screen: Screen) {
  yield* screen.say("starting PostgreSQL, a tenant manager and a Redis-compatible server")
  const [url, simulator, program] = yield* Effect.all(
    [
      Effect.map(embedded(), (server) => urlOf(server)),
      Simulator.make({
        redis: { kind: "embedded" },
        environment: "example",
        service: "ledger",
        tenants: TENANTS.map((id) => ({ id }))
      }),
      bundle(PROGRAM)
    ],
    { concurrency: "unbounded" }
  )
  const env = {
    ...simulator.env,
    MULTI_TENANT_CLUSTER_DATABASE_URL: Redacted.value(url),
    MULTI_TENANT_CLUSTER_PREFIX: "ledger"
  }
  // The replicas have a scope of their own, which closes before their servers.
  return yield* Effect.scoped(playOn(screen, program, env)).pipe(
    Effect.provide(PgClient.layer({ url, maxConnections: 2 }))
  )
}, Effect.scoped)
