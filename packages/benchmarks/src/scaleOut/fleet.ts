/** Replicas as processes over one database. */
import type { ChildProcess } from "node:child_process"
import { Effect, Scope } from "effect"
import { scoped } from "../harness/childProcess.js"
import type { ReplicaOrder } from "../harness/replicaProcess.js"
import { until } from "../harness/rounds.js"

/** So long must nothing have moved before the replicas count as settled, in milliseconds. */
const SETTLED = 3_000
const LIMIT = 120_000

interface Replica {
  readonly child: ChildProcess
  working: number
}

/** Replicas that share `order.tenants`; the scope kills them. */
export const makeFleet = (order: ReplicaOrder) =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const replicas = new Set<Replica>()
    let changedAt = 0

    const start = Effect.gen(function* () {
      const child = yield* scoped("./replicaProcess.js", ["--no-deprecation"])
      const replica: Replica = { child, working: 0 }
      child.on("message", (working) => {
        replica.working = Number(working)
        changedAt = performance.now()
      })
      child.send(order)
      replicas.add(replica)
    }).pipe(Effect.provideService(Scope.Scope, scope))

    const allWork = () =>
      [...replicas].reduce((sum, { working }) => sum + working, 0) === order.tenants

    return {
      start,
      /** Waits until every tenant has work, each replica works, and nothing moves. */
      settled: Effect.promise(() =>
        until(
          () =>
            allWork() &&
            [...replicas].every(({ working }) => working > 0) &&
            performance.now() - changedAt > SETTLED,
          "settled replicas",
          LIMIT
        )
      ),
      /** Kills a replica; the milliseconds until the last of its tenants has work again. */
      killOne: Effect.promise(async () => {
        const [replica] = replicas
        if (replica === undefined) return Number.NaN
        replicas.delete(replica)
        const killed = performance.now()
        replica.child.kill("SIGKILL")
        await until(allWork, "the tenants of a killed replica", LIMIT)
        return performance.now() - killed
      })
    }
  })
