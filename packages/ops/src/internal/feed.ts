/** What `/events` sends: one shared follower makes snapshots, each client gets their difference. */
import { type Deferred, Effect, type Scope, Stream, type SubscriptionRef } from "effect"
import { type TenantAssignmentService, TenantDiscovery } from "tenant-discovery"
import { entriesSince, type Timeline } from "./timeline.js"
import { diffRows, isShared, type RowChanges, rowsOf, type TenantRows } from "./tenantRows.js"

/** The least time between two snapshots. */
const SPACING = "200 millis"
/** The longest time between two snapshots, in milliseconds: the ages in the status grow. */
const REFRESH = 5000
const HEARTBEAT = "15 seconds"
/** How many tenants one write holds at most: a client that does not read costs no more. */
const PER_WRITE = 500

interface Snapshot {
  readonly number: number
  readonly revision: number
  readonly at: number
  /** The body of `/status` as JSON. */
  readonly status: string
  readonly rows: TenantRows
  /** When the rows were made, and from which assignment. */
  readonly rowsAt: number
  readonly assigned: number
  /** From the snapshot with the number before. */
  readonly changes: RowChanges
  readonly timeline: Timeline
}

const frame = (event: string, revision: number, data: string): string =>
  `event: ${event}\nid: ${revision}\ndata: ${data}\n\n`

const pieces = <A>(items: Iterable<A>): ReadonlyArray<ReadonlyArray<A>> => {
  const all = [...items]
  return Array.from({ length: Math.ceil(all.length / PER_WRITE) }, (_, n) =>
    all.slice(n * PER_WRITE, (n + 1) * PER_WRITE)
  )
}

/** The first frame of a client, in several writes. */
function* snapshotFrame({ at, revision, rows, status, timeline }: Snapshot): Generator<string> {
  const entries = JSON.stringify(entriesSince(undefined, timeline, at))
  yield `event: snapshot\nid: ${revision}\ndata: {"status":${status},"timeline":${entries},"tenants":[`
  let separator = ""
  for (const piece of pieces(rows.values())) {
    yield separator + piece.map((row) => JSON.stringify(row)).join(",")
    separator = ","
  }
  yield "]}\n\n"
}

/** Many changes are several frames. */
function* changesFrames(revision: number, changes: RowChanges): Generator<string> {
  for (const key of ["removed", "added", "updated"] as const) {
    for (const piece of pieces<unknown>(changes[key])) {
      const data = { revision, added: [], removed: [], updated: [], [key]: piece }
      yield frame("changes", revision, JSON.stringify(data))
    }
  }
}

function* framesBetween(seen: Snapshot, now: Snapshot): Generator<string> {
  const isNext = seen.number + 1 === now.number
  yield* changesFrames(now.revision, isNext ? now.changes : diffRows(seen.rows, now.rows))
  const entries = entriesSince(seen.timeline, now.timeline, now.at)
  if (entries.length > 0) yield frame("timeline", now.revision, JSON.stringify(entries))
  yield frame("status", now.revision, now.status)
}

/**
 * The frames for one client, from a snapshot on. A client that reads slowly has no queue: it gets
 * the difference between what it saw last and the newest snapshot. Each element is one write, made
 * when the client has taken the one before.
 */
export const makeFeed = (options: {
  readonly assignment: TenantAssignmentService
  readonly status: Effect.Effect<unknown>
  readonly timeline: SubscriptionRef.SubscriptionRef<Timeline>
  readonly closed: Deferred.Deferred<void>
}): Effect.Effect<Stream.Stream<string>, never, TenantDiscovery | Scope.Scope> =>
  Effect.gen(function* () {
    const { assignment, closed, status, timeline } = options
    const discovery = yield* TenantDiscovery
    const clock = yield* Effect.clock

    const snapshotAfter = (before: Snapshot | undefined) =>
      Effect.gen(function* () {
        const view = yield* discovery.view.get
        const at = clock.unsafeCurrentTimeMillis()
        const assigned = (yield* assignment.view.get).revision
        // Tenants may move between other replicas without a change of this replica's assignment.
        const isCurrent =
          before?.revision === view.revision &&
          before.assigned === assigned &&
          (!isShared(assignment) || at - before.rowsAt < REFRESH)
        const rows = isCurrent
          ? before.rows
          : new Map((yield* rowsOf(assignment, view.tenants)).map((row) => [row.id, row] as const))
        const snapshot: Snapshot = {
          number: (before?.number ?? 0) + 1,
          revision: view.revision,
          at,
          status: JSON.stringify(yield* status),
          rows,
          rowsAt: isCurrent ? before.rowsAt : at,
          assigned,
          changes: diffRows(before?.rows ?? rows, rows),
          timeline: yield* timeline.get
        }
        return snapshot
      })

    const triggers: ReadonlyArray<Stream.Stream<unknown>> = [
      discovery.view.changes,
      discovery.status.changes,
      assignment.view.changes,
      timeline.changes,
      Stream.tick(REFRESH)
    ]
    const initial: Snapshot | undefined = undefined
    // Runs while there are clients.
    const snapshots = yield* Stream.mergeAll(triggers, { concurrency: "unbounded" }).pipe(
      Stream.buffer({ capacity: 1, strategy: "sliding" }),
      Stream.throttle({ cost: () => 1, units: 1, duration: SPACING, strategy: "shape" }),
      Stream.mapAccumEffect(initial, (before: Snapshot | undefined) =>
        Effect.map(snapshotAfter(before), (now) => [now, now] as const)
      ),
      Stream.share({ capacity: 1, strategy: "sliding", replay: 1 })
    )
    const heartbeats = Stream.as(Stream.drop(Stream.tick(HEARTBEAT), 1), ": heartbeat\n\n")

    return snapshots.pipe(
      Stream.mapAccum(initial, (seen: Snapshot | undefined, now) => [
        now,
        seen === undefined ? snapshotFrame(now) : framesBetween(seen, now)
      ]),
      Stream.flatMap((frames) => Stream.fromIteratorSucceed(frames, 1)),
      Stream.merge(heartbeats),
      Stream.interruptWhenDeferred(closed)
    )
  })
