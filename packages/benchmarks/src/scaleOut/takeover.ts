/** Rows 17 and 19: three replicas as processes, one of which is killed, and what they cost at rest. */
import { Effect } from "effect"
import { against, atMost, figure, type Figure } from "../harness/figure.js"
import { makePostgres, type Load, type Postgres } from "../harness/postgres.js"
import { makeFleet } from "./fleet.js"

const REPLICAS = 3
const KILLS = 3
/** A window at rest, in seconds. */
const WINDOW = 10
const WINDOWS = 3

/** Transactions and bytes of the log per second and replica, in each window. */
const atRest = (postgres: Postgres) =>
  Effect.gen(function* () {
    const windows: Array<Load> = []
    for (let window = 0; window < WINDOWS; window++) {
      const before = yield* postgres.load
      const began = performance.now()
      yield* Effect.sleep(`${WINDOW} seconds`)
      const after = yield* postgres.load
      const per = ((performance.now() - began) / 1000) * REPLICAS
      windows.push({
        transactions: (after.transactions - before.transactions) / per,
        wal: (after.wal - before.wal) / per
      })
      process.stderr.write(".")
    }
    return windows
  })

/** Seconds until the tenants of a killed replica have work, of each kill; and the load at rest. */
const measure = (postgres: Postgres, tenants: number) =>
  Effect.gen(function* () {
    const fleet = yield* makeFleet({ url: postgres.url, prefix: `bench_${tenants}`, tenants })
    yield* Effect.replicateEffect(fleet.start, REPLICAS)
    yield* fleet.settled
    const rest = yield* atRest(postgres)
    const seconds: Array<number> = []
    for (let kill = 1; kill <= KILLS; kill++) {
      seconds.push((yield* fleet.killOne) / 1000)
      process.stderr.write(".")
      if (kill === KILLS) break
      yield* fleet.start
      yield* fleet.settled
    }
    return { rest, seconds }
  }).pipe(Effect.scoped)

const moved = (tenants: number, seconds: ReadonlyArray<number>): Figure =>
  against(
    { row: 17, name: `all tenants of a killed replica moved, ${tenants} tenants`, unit: "s" },
    seconds,
    10
  )

export const takeover: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.scoped(
  Effect.gen(function* () {
    const postgres = yield* makePostgres
    const few = yield* measure(postgres, 100)
    const some = yield* measure(postgres, 1_000)
    const many = yield* measure(postgres, 10_000)
    const rest = (what: string, unit: string, of: (load: Load) => number) =>
      figure(
        {
          row: 19,
          name: `a replica at rest, 10k tenants: ${what}`,
          baseline: "100 tenants",
          unit,
          budget: atMost(1.2)
        },
        { ours: many.rest.map(of), theirs: few.rest.map(of) }
      )
    return [
      moved(100, few.seconds),
      moved(1_000, some.seconds),
      moved(10_000, many.seconds),
      rest("transactions", "1/s", ({ transactions }) => transactions),
      rest("write-ahead log", "kB/s", ({ wal }) => wal / 1000)
    ]
  })
)
