/**
 * Loads the settings of tenants, follows the discovery, and reports what became of settings.
 */
import { Chunk, Deferred, Effect, Exit, FiberId, FiberMap, Metric, Random, Stream } from "effect"
import type { DiscoveryStatus } from "../../DiscoveryStatus.js"
import type { Tenant, TenantId } from "../../Tenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { TenantManager } from "../../TenantManager.js"
import { type TenantManagerError, TenantManagerUnavailable } from "../../TenantManagerError.js"
import { TenantView } from "../../TenantView.js"
import { connections as registry } from "../health/registrations.js"
import { metricLabels } from "../metricLabels.js"
import { momentOf } from "../moment.js"
import type { Connections } from "./accessors.js"
import { saysInactive, SettingsCache } from "./cache.js"
import * as Metrics from "./connectionMetrics.js"
import type { ConnectionOptions } from "./connectionOptions.js"
import type { TenantSettings } from "./connectionSchema.js"

/**
 * What became of a tenant's settings.
 *
 * - `Invalidated`: an event said that they changed. They are loaded again if they are in use.
 * - `Reloaded`: they were loaded again. The same `connections.revision` as before means that
 *   they turned out to be the same.
 * - `Removed`: the tenant left the active set.
 */
export type ConnectionsChange =
  | { readonly _tag: "Invalidated"; readonly tenant: Tenant }
  | Reloaded
  | { readonly _tag: "Removed"; readonly tenant: Tenant }

export interface Reloaded {
  readonly _tag: "Reloaded"
  readonly tenant: Tenant
  readonly connections: Connections
}

/** One reader of the changes: the latest of each tenant that it has not read yet. */
interface Reader {
  readonly pending: Map<TenantId, ConnectionsChange>
  readonly wake: Effect.Latch
}

/** How often one load asks while changes overtake its requests. */
const MAX_ATTEMPTS = 6
const FIRST_BACKOFF = 100
const CHECKS_AT_ONCE = 4
/** After a gap all settings in use are loaded again. */
const RELOADS_AT_ONCE = 16
const RELIST_DELAY = 1000
const RELIST = Symbol("relist")
const SHOWN_PARTS = 3

const unavailable = (message: string): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "get connections",
    message,
    status: undefined,
    retryAfter: undefined,
    cause: undefined
  })

/** Whether a time without a subscription, of which the reader may have seen nothing, has ended since `last`. */
const closesGap = (last: DiscoveryStatus, { lastError, mode, since }: DiscoveryStatus): boolean => {
  if (mode === "BootstrapOnly") return false
  const lost = lastError !== last.lastError && lastError?._tag === "SubscriptionLost"
  const reconciled = last.mode === "Resyncing" && mode === "Live"
  return lost || (!reconciled && (mode !== last.mode || since !== last.since))
}

/** From `from` to `to`, in milliseconds. */
const randomSleep = (from: number, to: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (random) => Effect.sleep(from + random * (to - from)))

export const make = (settings: ConnectionOptions) =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const manager = yield* TenantManager
    const clock = yield* Effect.clock
    const scope = yield* Effect.scope
    const labels = yield* metricLabels({ service: manager.service })
    Metrics.existing(labels)
    const now = () => momentOf(clock)

    const cache = new SettingsCache(settings)
    const readers = new Set<Reader>()
    let seen = yield* discovery.view.get
    let lastStatus = yield* discovery.status.get
    const closedError = unavailable("the tenant connections are closed")
    const closed = yield* Deferred.make<void>()
    yield* Effect.addFinalizer(() => Deferred.succeed(closed, undefined))
    const background = yield* FiberMap.make<TenantId | typeof RELIST>()
    const run = yield* FiberMap.runtime(background)()
    const reloads = yield* Effect.makeSemaphore(RELOADS_AT_ONCE)
    const annotated = <A, E>(id: TenantId, effect: Effect.Effect<A, E>) =>
      effect.pipe(
        Effect.annotateLogs({ tenant_id: id, service: manager.service }),
        Effect.interruptible
      )
    /** After a random wait, in the context of this layer and never in that of a caller; once at a time for each key. */
    const runSoon = (
      key: TenantId | typeof RELIST,
      id: TenantId,
      wait: number,
      effect: Effect.Effect<void>
    ) =>
      run(key, annotated(id, Effect.zipRight(randomSleep(0, wait), effect)), {
        onlyIfMissing: true
      })

    const emit = (change: ConnectionsChange): void => {
      for (const { pending, wake } of readers) {
        pending.delete(change.tenant.id)
        pending.set(change.tenant.id, change)
        wake.unsafeOpen()
      }
    }

    /** The random wait spreads the requests of many replicas; a caller of `get` does not wait for it. */
    const reloadSoon = (id: TenantId): void => {
      const reload = reloads.withPermits(1)(
        Effect.suspend(() =>
          (cache.entry(id).last?.validity ?? "Current") === "Current" ? Effect.void : ask(id)
        )
      )
      const reported = Effect.catchAllCause(reload, (cause) =>
        Effect.logWarning(
          "reload of connection settings failed; retrying at the next check or use",
          cause
        )
      )
      runSoon(id, id, settings.rotationJitter, Effect.asVoid(reported))
    }

    /** Takes over the discovery's present state. */
    const observe = (status: DiscoveryStatus, view: TenantView): void => {
      const invalidate = (id: TenantId, validity: "Suspect" | "Outdated"): void => {
        if (cache.invalidate(id, validity, now()) && seen.has(id)) reloadSoon(id)
      }
      const changes = view.revision > seen.revision ? TenantView.diff(seen, view) : []
      if (changes.length > 0) seen = view
      for (const { _tag, tenant } of changes) {
        invalidate(tenant.id, _tag === "Updated" ? "Suspect" : "Outdated")
        if (_tag === "Removed") {
          cache.drop(tenant.id)
          emit({ _tag, tenant })
        } else if (_tag === "ConnectionsChanged") emit({ _tag: "Invalidated", tenant })
      }
      if (closesGap(lastStatus, status)) for (const id of cache.ids) invalidate(id, "Suspect")
      lastStatus = status
    }

    /** Also run before each answer: what the discovery knows holds at once, whether its stream has reported it or not. */
    const sync: Effect.Effect<void> = Effect.zipWith(
      discovery.status.get,
      discovery.view.get,
      observe
    )

    const loaded = (id: TenantId, answer: TenantSettings): Effect.Effect<Connections> => {
      Metrics.loads.unsafeUpdate(1, labels)
      const { connections, differs, reloaded } = cache.loaded(id, answer, seen.has(id), now())
      const tenant = seen.get(id)
      if (reloaded) Metrics.reloads.unsafeUpdate(1, labels)
      if (reloaded && tenant !== undefined) emit({ _tag: "Reloaded", tenant, connections })
      const bad = (answer.unreadable ?? []).map(({ message }) => message)
      const warning = `connection settings: ${bad.length} unreadable, such as ${bad.slice(0, SHOWN_PARTS).join("; ")}; using the others`
      return Effect.as(
        differs && bad.length > 0 ? Effect.logWarning(warning) : Effect.void,
        connections
      )
    }

    const failed = (id: TenantId, error: TenantManagerError) => {
      Metric.tagged(Metrics.failures, "error", error._tag).unsafeUpdate(1, labels)
      const active = seen.has(id)
      cache.loadFailed(id, error, active, now())
      if (active && saysInactive(error)) relist(id)
      return Effect.fail(error)
    }

    /** Repeats the request while changes overtake it, with a backoff and a bound. */
    const load = (id: TenantId, attempt = 1): Effect.Effect<Connections, TenantManagerError> =>
      Effect.gen(function* () {
        const { generation } = cache.entry(id)
        const answer = yield* Effect.either(manager.getConnections(id))
        yield* sync
        // Compares and takes over before the next yield: no change comes between.
        if (cache.entry(id).generation === generation) {
          return yield* answer._tag === "Right" ? loaded(id, answer.right) : failed(id, answer.left)
        }
        if (attempt === MAX_ATTEMPTS) {
          const message = `the settings of tenant ${id} changed during each of ${MAX_ATTEMPTS} requests for them`
          return yield* failed(id, unavailable(message))
        }
        const backoff = attempt === 1 ? 0 : FIRST_BACKOFF * 2 ** (attempt - 2)
        yield* randomSleep(backoff / 2, backoff)
        return yield* load(id, attempt + 1)
      })

    /** The view has a tenant that the tenant manager refuses: the view may be wrong. Once a tenant and revision. */
    const relist = (id: TenantId): void => {
      const entry = cache.entry(id)
      if (entry.relistedAt === seen.revision || FiberMap.unsafeHas(background, RELIST)) return
      entry.relistedAt = seen.revision
      const warning = Effect.logWarning(
        "connection settings of an active tenant refused; relisting"
      )
      runSoon(RELIST, id, RELIST_DELAY, Effect.zipRight(warning, Effect.ignore(discovery.refresh)))
    }

    /** Joins the load in flight or starts one, which goes on when its caller is interrupted. */
    const ask = (id: TenantId): Effect.Effect<Connections, TenantManagerError> =>
      Effect.uninterruptibleMask((restore) => {
        const entry = cache.entry(id)
        if (entry.loading !== undefined) return restore(Deferred.await(entry.loading))
        const started = Deferred.unsafeMake<Connections, TenantManagerError>(FiberId.none)
        entry.loading = started
        return annotated(id, load(id)).pipe(
          Effect.onExit((exit) => {
            if (entry.loading === started) entry.loading = undefined
            return Deferred.done(started, Exit.isInterrupted(exit) ? Exit.fail(closedError) : exit)
          }),
          Effect.forkIn(scope),
          Effect.zipRight(restore(Deferred.await(started)))
        )
      })

    const get = (id: TenantId): Effect.Effect<Connections, TenantManagerError> =>
      Effect.gen(function* () {
        if (yield* Deferred.isDone(closed)) return yield* closedError
        yield* sync
        const answer = cache.peek(id, now())
        if (answer !== undefined) return yield* answer
        return yield* Effect.catchAll(ask(id), (error) => cache.afterFailure(id, error, now()))
      })

    /** Finds the rotations of which no event came. A failure leaves the settings as they are. */
    const revalidate = Effect.suspend(() =>
      Effect.forEach(
        cache.due(settings.checkInterval, now()).filter((id) => seen.has(id)),
        (id) => Effect.exit(ask(id)),
        { concurrency: CHECKS_AT_ONCE, discard: true }
      )
    )
    if (settings.checkInterval > 0) {
      yield* randomSleep(settings.checkInterval * 0.75, settings.checkInterval * 1.25).pipe(
        Effect.zipRight(revalidate),
        Effect.forever,
        Effect.interruptible,
        Effect.forkScoped
      )
    }

    // A new view comes with a new status.
    yield* discovery.status.changes.pipe(
      Stream.runForEach(() => sync),
      Effect.interruptible,
      Effect.forkScoped
    )

    const changes = Effect.gen(function* () {
      const reader: Reader = { pending: new Map(), wake: Effect.unsafeMakeLatch() }
      yield* Effect.acquireRelease(
        Effect.sync(() => readers.add(reader)),
        () => Effect.sync(() => readers.delete(reader))
      )
      const read = Effect.map(reader.wake.await, () => {
        const unread = Chunk.fromIterable([...reader.pending.values()])
        reader.pending.clear()
        reader.wake.unsafeClose()
        return unread
      })
      return Stream.interruptWhenDeferred(Stream.repeatEffectChunk(read), closed)
    })

    yield* registry.register((id) => cache.report(id, now()))

    return {
      get,
      hold: (id: TenantId) =>
        Effect.acquireRelease(
          Effect.sync(() => cache.entry(id).holders++),
          () => Effect.sync(() => cache.release(id))
        ),
      isCurrent: (id: TenantId, revision: number) =>
        Effect.map(sync, () => cache.isCurrent(id, revision)),
      changes: Stream.unwrapScoped(changes)
    }
  })
