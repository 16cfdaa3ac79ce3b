/** What happened of late, as sentences: the changes with their causes, lists, losses, failures. */
import { Effect, type Scope, Stream, SubscriptionRef } from "effect"
import {
  type DiscoveryMode,
  type DiscoveryStatus,
  type RemovalCause,
  type Tenant,
  type TenantChange,
  TenantDiscovery,
  type TenantHealth,
  TenantView
} from "tenant-discovery"
import { errorMessage } from "./wire.js"

/** What `/events` sends. */
export interface TimelineEntry {
  readonly at: string
  readonly kind:
    | "added"
    | "removed"
    | "connections"
    | "updated"
    | "list"
    | "list-failed"
    | "lost"
    | "mode"
    | "worker-failed"
    | "omitted"
  readonly tenant: { readonly id: string; readonly name: string | null } | null
  readonly text: string
}

interface Numbered {
  readonly number: number
  readonly entry: TimelineEntry
}

/** The newest entries, at most 200. */
export interface Timeline {
  readonly numbered: ReadonlyArray<Numbered>
  /** The number of the newest entry. */
  readonly last: number
  /** The number of the newest entry that is no longer kept. */
  readonly forgotten: number
}

/** How many entries are kept. */
const KEPT = 200
/** How many changes, or failures, of one turn become entries. */
const SHOWN = 100
const FAILURES_EVERY = "5 seconds"

type Draft = Omit<TimelineEntry, "at">

const append = (timeline: Timeline, at: number, drafts: ReadonlyArray<Draft>): Timeline => {
  const time = new Date(at).toISOString()
  let { last } = timeline
  let numbered = timeline.numbered
  for (const draft of drafts) {
    // Lists in a row are one entry, or they would displace the changes.
    const repeats = draft.kind === "list" && numbered.at(-1)?.entry.kind === "list"
    const entry = { number: ++last, entry: { at: time, ...draft } }
    numbered = [...(repeats ? numbered.slice(0, -1) : numbered), entry]
  }
  const excess = Math.max(0, numbered.length - KEPT)
  const forgotten = numbered[excess - 1]?.number ?? timeline.forgotten
  return { numbered: numbered.slice(excess), last, forgotten }
}

const omitted = (text: string): Draft => ({ kind: "omitted", tenant: null, text })

/** The entries that a reader of `from` has not seen; all for `undefined`. */
export const entriesSince = (
  from: Timeline | undefined,
  to: Timeline,
  now: number
): ReadonlyArray<TimelineEntry> => {
  const last = from?.last ?? 0
  const entries = to.numbered.filter(({ number }) => number > last).map(({ entry }) => entry)
  return from !== undefined && to.forgotten > last
    ? [
        { at: new Date(now).toISOString(), ...omitted("earlier entries are no longer kept") },
        ...entries
      ]
    : entries
}

const modes: Readonly<Record<DiscoveryMode, string>> = {
  Live: "subscribed to events, and nothing is missing",
  Resyncing: "subscribed to events; waiting for the list that closes the gap",
  BootstrapOnly: "running without events; only lists keep the tenants up to date",
  SingleTenant: "the program gave the tenants"
}

const modeEntry = (mode: DiscoveryMode): Draft => ({
  kind: "mode",
  tenant: null,
  text: `mode ${mode}: ${modes[mode]}`
})

const removal = (cause: RemovalCause): string => {
  switch (cause._tag) {
    case "Event":
      return `by the event ${cause.eventType}${cause.eventId === undefined ? "" : ` (${cause.eventId})`}`
    case "Listing":
      return "since a list no longer has it"
    case "Forgotten":
      return "for a cause that is no longer known"
  }
}

const reasons = {
  CredentialsRotated: "its credentials were rotated",
  ConnectionsUpdated: "they were updated",
  CacheInvalidated: "the cache was invalidated"
} as const

const shortOf = ({ id, name }: Tenant) => ({ id, name: name ?? null })

const changeEntry = (change: TenantChange, source: string): Draft => {
  const tenant = shortOf(change.tenant)
  switch (change._tag) {
    case "Added":
      return { kind: "added", tenant, text: `${tenant.id} was added${source}` }
    case "Removed":
      return { kind: "removed", tenant, text: `${tenant.id} was removed ${removal(change.cause)}` }
    case "ConnectionsChanged":
      return {
        kind: "connections",
        tenant,
        text: `the connection settings of ${tenant.id} changed: ${reasons[change.reason]}`
      }
    case "Updated":
      return { kind: "updated", tenant, text: `what is known of ${tenant.id} changed` }
  }
}

/** At most 100 entries, and one that says how many more there were. */
const bounded = <A>(
  items: ReadonlyArray<A>,
  toEntry: (item: A) => Draft,
  what: string
): ReadonlyArray<Draft> => [
  ...items.slice(0, SHOWN).map(toEntry),
  ...(items.length > SHOWN ? [omitted(`${items.length - SHOWN} more ${what} are not shown`)] : [])
]

/** What the status says that it did not say before. */
const statusEntries = (
  before: DiscoveryStatus,
  now: DiscoveryStatus,
  active: number
): ReadonlyArray<Draft> => {
  const drafts: Array<Draft> = []
  const { lastError } = now
  if (lastError !== undefined && lastError !== before.lastError) {
    const message = errorMessage(lastError)
    drafts.push(
      lastError._tag === "SubscriptionLost"
        ? { kind: "lost", tenant: null, text: `the subscription was lost: ${message}` }
        : { kind: "list-failed", tenant: null, text: `a list failed: ${message}` }
    )
  }
  if (now.mode !== before.mode) drafts.push(modeEntry(now.mode))
  if (now.lastListedAt !== before.lastListedAt) {
    const tenants = active === 1 ? "1 tenant is active" : `${active} tenants are active`
    drafts.push({ kind: "list", tenant: null, text: `a list was applied: ${tenants}` })
  }
  return drafts
}

/** Where an added tenant came from, if only one of the two sources was heard of since. */
const sourceOf = (before: DiscoveryStatus, now: DiscoveryStatus): string => {
  const hasListed = now.lastListedAt !== before.lastListedAt
  const hasEvent = now.lastEventAt !== before.lastEventAt
  if (hasListed === hasEvent) return ""
  return hasListed ? " by a list" : " by an event"
}

/** Follows the discovery and the workers until the scope closes. */
export const makeTimeline = (
  health: typeof TenantHealth.Service
): Effect.Effect<SubscriptionRef.SubscriptionRef<Timeline>, never, TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const clock = yield* Effect.clock
    let view = yield* discovery.view.get
    let status = yield* discovery.status.get
    /** The time of the newest failure that has an entry. */
    let lastFailureAt = clock.unsafeCurrentTimeMillis()
    const none: Timeline = { numbered: [], last: 0, forgotten: 0 }
    const ref = yield* SubscriptionRef.make(append(none, lastFailureAt, [modeEntry(status.mode)]))

    const add = (drafts: ReadonlyArray<Draft>): Effect.Effect<void> =>
      drafts.length === 0
        ? Effect.void
        : SubscriptionRef.update(ref, (timeline) =>
            append(timeline, clock.unsafeCurrentTimeMillis(), drafts)
          )

    const discoveryTurn = Effect.gen(function* () {
      const nextView = yield* discovery.view.get
      const nextStatus = yield* discovery.status.get
      const source = sourceOf(status, nextStatus)
      const drafts = [
        ...statusEntries(status, nextStatus, nextView.size),
        ...bounded(
          TenantView.diff(view, nextView),
          (change) => changeEntry(change, source),
          "changes"
        )
      ]
      view = nextView
      status = nextStatus
      yield* add(drafts)
    })

    const workersTurn = Effect.gen(function* () {
      const since = lastFailureAt
      const failures = [...(yield* health.workers)].flatMap(([worker, tenants]) =>
        [...tenants].flatMap(([id, { lastFailure }]) =>
          lastFailure === undefined || lastFailure.at <= since
            ? []
            : [{ ...lastFailure, worker, tenant: { id, name: view.get(id)?.name } }]
        )
      )
      for (const { at } of failures) lastFailureAt = Math.max(lastFailureAt, at)
      yield* add(
        bounded(
          failures,
          ({ message, tenant, worker }) => ({
            kind: "worker-failed",
            tenant: shortOf(tenant),
            text: `the worker ${worker} failed for ${tenant.id}: ${message}`
          }),
          "failures"
        )
      )
    })

    yield* Stream.merge(discovery.view.changes, discovery.status.changes).pipe(
      Stream.buffer({ capacity: 1, strategy: "sliding" }),
      Stream.runForEach(() => discoveryTurn),
      Effect.forkScoped
    )
    yield* Effect.forkScoped(Effect.forever(Effect.delay(workersTurn, FAILURES_EVERY)))
    return ref
  })
