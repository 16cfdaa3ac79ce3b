/** Row 11: from the start of a process to its first list of 100 tenants. */
import { Effect } from "effect"
import { answerOf, spawn } from "./harness/childProcess.js"
import { atMost, figure, type Figure } from "./harness/figure.js"
import { elapsed, interleave } from "./harness/rounds.js"
import { makeTenantManager, makeWorld } from "./harness/world.js"

/** Milliseconds until the program answers the number of its tenants. */
const start = (program: "ours" | "byHand", args: ReadonlyArray<string>) => (): Promise<number> =>
  elapsed(async () => {
    const child = spawn(`../coldStart/${program}.js`, args)
    const tenants = await answerOf<number>(child)
    child.kill()
    if (tenants !== 100) throw new Error(`expected 100 tenants, received ${tenants}`)
  })

export const coldStart: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const { redis } = yield* makeWorld
  const { url } = yield* makeTenantManager
  const args = [url, redis.host, String(redis.port)]
  const rounds = yield* Effect.promise(() =>
    interleave({ ours: start("ours", args), theirs: start("byHand", args) }, { rounds: 9 })
  )
  return [
    figure(
      {
        row: 11,
        name: "cold start to the first list, 100 tenants",
        baseline: "effect + platform-node + ioredis by hand",
        unit: "ms",
        budget: atMost(1.3)
      },
      rounds
    )
  ]
}).pipe(Effect.scoped)
