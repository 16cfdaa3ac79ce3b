/**
 * The last changes with their revisions, as an immutable value. A slow reader gets from it what
 * happened, and why. It is a linked list, newest first, so that an append copies nothing.
 */
import type { TenantChange } from "../../TenantChange.js"

/** What brought a change about: a list, an event, or the program itself. */
export type ChangeSource = "Listing" | "Event" | "Program"

export interface LoggedChange {
  readonly revision: number
  readonly change: TenantChange
  readonly by: ChangeSource
}

interface Link {
  readonly logged: LoggedChange
  readonly previous: Link | undefined
}

export interface ChangeLog {
  /** The changes of one discovery share an origin: the logs of two are not comparable. */
  readonly origin: object
  /** The log holds every change after this revision. */
  readonly completeAfter: number
  /** The revision of the last `ConnectionsChanged`, kept when the log is cut. */
  readonly connectionsChangedAt: number
  readonly newest: Link | undefined
  readonly length: number
}

/** At least this many of the last changes are kept. */
export const KEPT_CHANGES = 4096

export const emptyLog = (): ChangeLog => ({
  origin: {},
  completeAfter: 0,
  connectionsChangedAt: 0,
  newest: undefined,
  length: 0
})

const linked = (
  previous: Link | undefined,
  changes: ReadonlyArray<LoggedChange>
): Link | undefined =>
  changes.reduce<Link | undefined>((newest, logged) => ({ logged, previous: newest }), previous)

/** The changes after `revision`, at most the last `most` of them, oldest first. */
const collect = (log: ChangeLog, revision: number, most: number): ReadonlyArray<LoggedChange> => {
  const found: Array<LoggedChange> = []
  for (let link = log.newest; link !== undefined; link = link.previous) {
    if (link.logged.revision <= revision || found.length === most) break
    found.push(link.logged)
  }
  return found.toReversed()
}

/** The log with more changes. It is cut only when it holds twice what is kept. */
export const append = (log: ChangeLog, changes: ReadonlyArray<LoggedChange>): ChangeLog => {
  const last = changes.findLast(({ change }) => change._tag === "ConnectionsChanged")
  const next: ChangeLog = {
    ...log,
    connectionsChangedAt: last?.revision ?? log.connectionsChangedAt,
    newest: linked(log.newest, changes),
    length: log.length + changes.length
  }
  if (next.length <= 2 * KEPT_CHANGES) return next
  const [lastDropped, ...kept] = collect(next, 0, KEPT_CHANGES + 1)
  return {
    ...next,
    completeAfter: lastDropped?.revision ?? log.completeAfter,
    newest: linked(undefined, kept),
    length: kept.length
  }
}

/** The changes after `revision`, or `undefined` if the log no longer has all of them. */
export const changesAfter = (
  log: ChangeLog,
  revision: number
): ReadonlyArray<LoggedChange> | undefined =>
  revision < log.completeAfter ? undefined : collect(log, revision, Infinity)
