/** What keeps the tenants of a worker from their work. */
import type { TenantId } from "../../Tenant.js"
import type { Run } from "./supervisor.js"
import type { WorkerProblems } from "./workerStatus.js"

/** `waiting`: what the worker counts itself. */
export const problemsOf = (
  running: ReadonlyMap<TenantId, Pick<Run, "waits" | "longRunning">>,
  failing: Iterable<readonly [TenantId, { readonly lacksPlace: boolean }]>,
  waiting: number
): WorkerProblems => {
  let waitingForPool = 0
  let longRunning = 0
  for (const run of running.values()) {
    if (run.waits.size > 0) waitingForPool++
    if (run.longRunning) longRunning++
  }
  for (const [id, { lacksPlace }] of failing) {
    if (lacksPlace && !running.has(id)) waitingForPool++
  }
  return { waiting, waitingForPool, longRunning }
}
