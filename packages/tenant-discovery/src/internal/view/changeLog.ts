/**
 * The last changes with their revisions, as an immutable value. It tells a reader that is
 * behind what happened and why.
 */
import type { TenantChange } from "../../TenantChange.js"

export interface LoggedChange {
  readonly revision: number
  readonly change: TenantChange
}

export interface ChangeLog {
  /** The changes of one discovery share an origin: the logs of two are not comparable. */
  readonly origin: object
  /** The log holds every change after this revision. */
  readonly completeAfter: number
  /** The revision of the last `ConnectionsChanged`, kept when the log is cut. */
  readonly connectionsChangedAt: number
  readonly changes: ReadonlyArray<LoggedChange>
}

/** At least this many of the last changes are kept. */
export const KEPT_CHANGES = 4096

export const emptyLog = (): ChangeLog => ({
  origin: {},
  completeAfter: 0,
  connectionsChangedAt: 0,
  changes: []
})

/** The log with more changes. It is cut only when it holds twice what is kept. */
export const append = (log: ChangeLog, changes: ReadonlyArray<LoggedChange>): ChangeLog => {
  const all = log.changes.concat(changes)
  const last = changes.findLast(({ change }) => change._tag === "ConnectionsChanged")
  const isLong = all.length > 2 * KEPT_CHANGES
  const lastDropped = isLong ? all[all.length - KEPT_CHANGES - 1] : undefined
  return {
    origin: log.origin,
    completeAfter: lastDropped?.revision ?? log.completeAfter,
    connectionsChangedAt: last?.revision ?? log.connectionsChangedAt,
    changes: isLong ? all.slice(-KEPT_CHANGES) : all
  }
}

/** The changes after `revision`, or `undefined` if the log no longer has all of them. */
export const changesAfter = (
  log: ChangeLog,
  revision: number
): ReadonlyArray<LoggedChange> | undefined => {
  if (revision < log.completeAfter) return undefined
  // Most readers are a few changes behind: search from the end.
  const last = log.changes.findLastIndex((logged) => logged.revision <= revision)
  return log.changes.slice(last + 1)
}
