/**
 * The settings of all tenants: asked for when needed, kept, and dropped as the
 * discovery tells.
 */
import {
  Deferred,
  Duration,
  Effect,
  FiberMap,
  PubSub,
  Random,
  type Scope,
  Stream,
  Utils
} from "effect"
import type { DiscoveryStatus } from "../../DiscoveryStatus.js"
import type { Tenant, TenantId } from "../../Tenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { TenantManager } from "../../TenantManager.js"
import { type TenantManagerError, TenantManagerUnavailable } from "../../TenantManagerError.js"
import { TenantView } from "../../TenantView.js"
import type { Connections } from "./Connections.js"
import { Entries, type EntriesSettings, type Load, type Now } from "./entries.js"
import { Gap } from "./gap.js"
import * as Metrics from "./metrics.js"
import type { TenantSettings } from "./schema.js"

/** A tenant's settings were out of date, and the new ones are in. */
export interface Reloaded {
  readonly _tag: "Reloaded"
  readonly tenant: Tenant
  readonly connections: Connections
}

export interface ServiceSettings extends EntriesSettings {
  readonly rotationJitter: number
}

/** How many changes a reader may be behind before it loses the oldest. */
const READER_BUFFER = 4096

export interface ConnectionsService {
  readonly get: (id: TenantId) => Effect.Effect<Connections, TenantManagerError>
  readonly hold: (id: TenantId) => Effect.Effect<void, never, Scope.Scope>
  readonly isCurrent: (id: TenantId, revision: number) => Effect.Effect<boolean>
  readonly changes: Stream.Stream<Reloaded>
}

const closedError = (): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "get connections",
    message: "the tenant connections are closed",
    status: undefined,
    retryAfter: undefined,
    cause: undefined
  })

export const make = (
  settings: ServiceSettings
): Effect.Effect<ConnectionsService, never, TenantDiscovery | TenantManager | Scope.Scope> =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const manager = yield* TenantManager
    const clock = yield* Effect.clock
    const scope = yield* Effect.scope
    const generator = new Utils.PCGRandom(yield* Random.nextInt)
    const now = (): Now => ({
      mono: Number(clock.unsafeCurrentTimeNanos()) / 1e6,
      wall: clock.unsafeCurrentTimeMillis()
    })

    const entries = new Entries(settings)
    let seen = yield* discovery.view.get
    const gap = new Gap(yield* discovery.status.get)
    let closed = false

    const told = yield* PubSub.sliding<Reloaded>(READER_BUFFER)
    yield* Effect.addFinalizer(() => PubSub.shutdown(told))
    // Runs after every fiber below has ended: who still waits would wait for ever.
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        closed = true
        return Effect.forEach(entries.takeLoads(), (load) => Deferred.fail(load, closedError()), {
          discard: true
        })
      })
    )
    const reloads = yield* FiberMap.make<TenantId>()

    const tenantOf = (id: TenantId): Tenant => seen.get(id) ?? { id, name: undefined }

    /** Takes over what the discovery knows by now. Returns who is to be reloaded. */
    const observe = (status: DiscoveryStatus, view: TenantView): ReadonlyArray<TenantId> => {
      const eager: Array<TenantId> = []
      if (view.revision > seen.revision) {
        const changes = TenantView.diff(seen, view)
        seen = view
        for (const { id } of entries.changed(changes, now())) eager.push(id)
      }
      if (gap.closedBy(status)) eager.push(...entries.distrust(now()))
      return eager
    }

    /** The wait spreads a fleet; each tenant has its own, and whoever asks meanwhile does not wait. */
    const reloadSoon = (id: TenantId): Effect.Effect<unknown> => {
      const wait = Duration.millis(generator.number() * settings.rotationJitter)
      const reload = Effect.suspend(() => (entries.wantsReload(id) ? ask(id) : Effect.void))
      return FiberMap.run(
        reloads,
        id,
        Effect.sleep(wait).pipe(
          Effect.zipRight(reload),
          Effect.catchAllCause((cause) =>
            Effect.logWarning(
              "could not reload connection settings; the next use asks again",
              cause
            )
          ),
          Effect.annotateLogs({ tenant_id: id, service: manager.service }),
          Effect.interruptible
        ),
        { onlyIfMissing: true }
      )
    }

    /** What the discovery has acknowledged holds from here on, even where its stream has not told it yet. */
    const sync: Effect.Effect<void> = Effect.suspend(() =>
      Effect.zipWith(discovery.status.get, discovery.view.get, observe).pipe(
        Effect.flatMap((eager) =>
          eager.length === 0 || closed
            ? Effect.void
            : Effect.forEach(eager, reloadSoon, { discard: true })
        )
      )
    )

    /** Asks until the answer is one that no event has overtaken. */
    const load = (id: TenantId): Effect.Effect<Connections, TenantManagerError> =>
      Effect.suspend(() => {
        const generation = entries.generation(id)
        const overtaken = Effect.map(sync, () => entries.generation(id) !== generation)
        return Effect.matchEffect(manager.getConnections(id), {
          onFailure: (error) =>
            Effect.flatMap(overtaken, (again) => (again ? load(id) : failed(id, error))),
          onSuccess: (answer) =>
            Effect.flatMap(overtaken, (again) => (again ? load(id) : loaded(id, answer)))
        })
      })

    const loaded = (id: TenantId, answer: TenantSettings) =>
      Effect.suspend(() => {
        Metrics.loads.unsafeUpdate(1, [])
        const { connections, reloaded } = entries.loaded(id, answer, seen.has(id), now())
        const tell = { _tag: "Reloaded", tenant: tenantOf(id), connections } as const
        return Effect.as(reloaded ? PubSub.publish(told, tell) : Effect.void, connections)
      })

    const failed = (id: TenantId, error: TenantManagerError) =>
      Effect.suspend(() => {
        Metrics.failed(error._tag).unsafeUpdate(1, [])
        entries.loadFailed(id, error, seen.has(id), now())
        return Effect.fail(error)
      })

    /** Joins the load under way, or starts one that goes on even when whoever asked is gone. */
    const ask = (id: TenantId): Effect.Effect<Connections, TenantManagerError> =>
      Effect.flatMap(Deferred.make<Connections, TenantManagerError>(), (started: Load) => {
        const underWay = entries.loading(id)
        if (underWay !== undefined) return Deferred.await(underWay)
        entries.loadStarted(id, started)
        return load(id).pipe(
          Effect.onExit((exit) => {
            // A defect or an interruption, too, leaves no load behind that nobody ends.
            entries.loadEnded(id, started)
            return Deferred.done(started, exit)
          }),
          Effect.interruptible,
          Effect.forkIn(scope),
          Effect.zipRight(Deferred.await(started))
        )
      })

    const get = (id: TenantId): Effect.Effect<Connections, TenantManagerError> =>
      Effect.flatMap(sync, () => {
        if (closed) return Effect.fail(closedError())
        const known = entries.peek(id, now())
        if (known !== undefined) {
          return "ok" in known ? Effect.succeed(known.ok) : Effect.fail(known.failed)
        }
        return Effect.catchAll(ask(id), (error) => {
          const fallback = entries.fallback(id, error, now())
          return fallback === undefined ? Effect.fail(error) : Effect.succeed(fallback)
        })
      })

    const hold = (id: TenantId) =>
      Effect.acquireRelease(
        Effect.sync(() => entries.hold(id)),
        () => Effect.sync(() => entries.letGo(id))
      )

    yield* Stream.merge(
      Stream.map(discovery.view.changes, () => undefined),
      Stream.map(discovery.status.changes, () => undefined)
    ).pipe(
      Stream.runForEach(() => sync),
      Effect.interruptible,
      Effect.forkScoped
    )

    const isCurrent = (id: TenantId, revision: number) =>
      Effect.map(sync, () => entries.isCurrent(id, revision))

    return { get, hold, isCurrent, changes: Stream.fromPubSub(told) }
  })
