/** What must be true at the end of a soak. */
import type { Measure } from "./watch.js"

/** In milliseconds. Longer than a fault, the recovery and a reconcile interval together. */
const LASTING = 30_000
/**
 * The longest time in milliseconds for which an active tenant may have no work: the interval of the
 * work, faults, a hanging build, the circuit breaker and the backoff together, on a busy machine.
 */
export const NEGLECTED = 180_000
/** What the simulator's log of a request takes, in megabytes; it keeps the last 10 000. */
const REQUEST = 0.001
/** The bounds of drain and close of the workers and the pools, one after the other. */
const CLOSE = 10_000

interface QuietPoint extends Measure {
  /** How long the program took to recover, in milliseconds. */
  readonly settled: number
  /** Active tenants without work since the faults ended. */
  readonly unserved: number
  /** What the simulator, in the same process, keeps of its requests. */
  readonly requests: number
}

/** Times are in milliseconds. */
export interface Figures {
  readonly minutes: number
  readonly tenants: number
  readonly viewIsRight: boolean
  readonly wrongReaders: number
  readonly longestDivergence: number
  readonly longestLateWork: number
  readonly longestNeglect: { readonly sweep: number; readonly relay: number }
  readonly runsBesideAnother: number
  readonly runsLeft: number
  readonly heldTenants: number
  readonly acquired: number
  readonly released: number
  readonly usedAfterRelease: number
  readonly closed: number
  /** For how long the process had no turn. The bounds of times are extended by it. */
  readonly stalled: number
  readonly atRest: Measure
  readonly atFirst: QuietPoint
  readonly atEnd: QuietPoint
  readonly afterwards: Measure
}

/** One line for each check that failed. */
export const verdict = (figures: Figures): ReadonlyArray<string> => {
  const { afterwards, atEnd, atFirst, atRest, stalled } = figures
  const lasting = LASTING + stalled
  const neglected = NEGLECTED + stalled
  const { relay, sweep } = figures.longestNeglect
  const logged = Math.max(0, atEnd.requests - atFirst.requests) * REQUEST
  const checks: ReadonlyArray<readonly [ok: boolean, failure: string]> = [
    [figures.viewIsRight, "the view differs from the tenant manager's state"],
    [
      figures.longestDivergence <= lasting,
      `a tenant was wrong in the view for ${figures.longestDivergence} ms`
    ],
    [figures.wrongReaders === 0, `${figures.wrongReaders} readers disagree with the view`],
    [
      atFirst.unserved + atEnd.unserved === 0,
      `${atFirst.unserved} and ${atEnd.unserved} tenants had no work after the faults had ended`
    ],
    [sweep <= neglected, `an active tenant had no scheduled work for ${sweep} ms`],
    [relay <= neglected, `an active tenant had no perTenant work for ${relay} ms`],
    [figures.heldTenants > 0, "no work held a resource"],
    [
      figures.longestLateWork <= lasting,
      `work continued for an inactive tenant for ${figures.longestLateWork} ms`
    ],
    [figures.runsBesideAnother === 0, `${figures.runsBesideAnother} runs beside another`],
    [figures.runsLeft === 0, `${figures.runsLeft} runs remain after the close`],
    [figures.closed <= CLOSE + stalled, `the close took ${figures.closed} ms`],
    [figures.acquired > 0, "no pool was used"],
    [
      figures.acquired === figures.released,
      `${figures.acquired} resources acquired, ${figures.released} released`
    ],
    [figures.usedAfterRelease === 0, `${figures.usedAfterRelease} uses of a released resource`],
    [
      atEnd.heap - logged <= atFirst.heap * 1.1,
      `the heap grew from ${atFirst.heap} MB to ${atEnd.heap} MB: more than 10 %`
    ],
    [
      atEnd.fibers <= atFirst.fibers * 1.1,
      `fibers grew from ${atFirst.fibers} to ${atEnd.fibers}: more than 10 %`
    ],
    [
      atEnd.timers <= atFirst.timers * 1.1,
      `timers grew from ${atFirst.timers} to ${atEnd.timers}: more than 10 %`
    ],
    [afterwards.fibers === 0, `${afterwards.fibers} fibers of the program remain after the close`],
    [
      afterwards.roots <= atRest.roots,
      `${afterwards.roots} fibers in place of ${atRest.roots} remain after the close`
    ],
    [
      afterwards.timers <= atRest.timers,
      `${afterwards.timers} timers in place of ${atRest.timers} remain after the close`
    ],
    [
      afterwards.handles <= atRest.handles + 2,
      `${afterwards.handles} handles in place of ${atRest.handles} remain after the close`
    ]
  ]
  return checks.flatMap(([ok, failure]) => (ok ? [] : [failure]))
}
