/** Row 14: a hundred replicas after a restart of Redis. */
import { Effect, Stream } from "effect"
import { overTheNetwork } from "./harness/discoveries.js"
import { against, type Figure } from "./harness/figure.js"
import { makeTenantManager, makeWorld } from "./harness/world.js"

const REPLICAS = 100
/** 100 tenants, listed after 200 ms. */
const LIST = "100@200"
const ROUNDS = 3

export const fleet: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const { redis } = yield* makeWorld
  const { mostAtOnce, url } = yield* makeTenantManager
  const replicas = yield* Effect.replicateEffect(
    overTheNetwork({ redis, tenantManager: url, tenants: LIST, channel: "fleet" }),
    REPLICAS
  ).pipe(Effect.withConcurrency(20))
  /** Ends when every replica has the mode, and where it is Live, a list of after `since`. */
  const all = (mode: "Live" | "BootstrapOnly", since = 0) =>
    Effect.forEach(
      replicas,
      ({ status }) =>
        status.changes.pipe(
          Stream.takeUntil(
            (now) => now.mode === mode && (mode !== "Live" || Number(now.lastListedAt) >= since)
          ),
          Stream.runDrain
        ),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.timeout("60 seconds"))

  const most: Array<number> = []
  const seconds: Array<number> = []
  yield* all("Live")
  for (let round = 0; round < ROUNDS; round++) {
    yield* redis.kill
    yield* all("BootstrapOnly")
    yield* mostAtOnce
    const restarted = Date.now()
    yield* redis.start
    yield* all("Live", restarted)
    seconds.push((Date.now() - restarted) / 1000)
    most.push(yield* mostAtOnce)
    process.stderr.write(".")
  }
  const name = "100 replicas after a Redis restart, a list takes 200 ms"
  return [
    against({ row: 14, name: `${name}: lists at once`, unit: "lists" }, most, 25),
    against({ row: 14, name: "the same: until all are Live", unit: "s" }, seconds, 5)
  ]
}).pipe(Effect.scoped)
