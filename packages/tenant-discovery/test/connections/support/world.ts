/** A real discovery over events and a tenant manager that the test plays, under the test clock. */
import { Deferred, Effect, Layer, Redacted, Stream, type Utils } from "effect"
import { randomUUID } from "node:crypto"
import { decodeSettings } from "../../../src/internal/connections/connectionSchema.js"
import { TenantId } from "../../../src/Tenant.js"
import { TenantDiscovery } from "../../../src/TenantDiscovery.js"
import { type SignalSink, TenantEvents } from "../../../src/TenantEvents.js"
import { TenantListing } from "../../../src/TenantListing.js"
import { TenantManager } from "../../../src/TenantManager.js"
import {
  TenantManagerMalformedBody,
  TenantManagerNotFound,
  TenantManagerSuspended,
  type TenantManagerError,
  TenantManagerUnavailable
} from "../../../src/TenantManagerError.js"

/** The steps of a test: the body of `Effect.gen`. */
export type Steps<R> = Generator<
  Utils.YieldWrap<Effect.Effect<unknown, unknown, R>>,
  unknown,
  never
>

export const unavailable = (): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "test",
    message: "unavailable",
    status: 503,
    retryAfter: undefined,
    cause: undefined
  })
export const suspended = (): TenantManagerError =>
  new TenantManagerSuspended({ operation: "test", message: "suspended", status: "suspended" })
export const notFound = (): TenantManagerError =>
  new TenantManagerNotFound({ operation: "test", message: "not found" })

/** The text of a password; empty where there is none. */
export const textOf = (password: Redacted.Redacted | undefined): string =>
  password === undefined ? "" : Redacted.value(password)

/** The rotation that a password of {@link bodyOf} is of. */
export const rotationOf = (password: Redacted.Redacted | undefined): number =>
  Number(textOf(password).split("#")[1])

/** The body of `/connections` after so many rotations. */
export const bodyOf = (id: TenantId, rotation: number, limits: object = {}): unknown => ({
  id: `cfg-${id}`,
  connectionSettings: limits,
  databases: {
    onboarding: {
      postgresql: {
        host: "db.example",
        port: 5432,
        database: id,
        username: "worker",
        password: `${id}#${rotation}`
      }
    }
  }
})

export class World {
  readonly ids = new Set<TenantId>()
  readonly rotations = new Map<TenantId, number>()
  /** Of each tenant the last rotation of which an event came. */
  readonly reported = new Map<TenantId, number>()
  /** Every request for connections, in order. */
  readonly calls: Array<TenantId> = []
  mostUnderWayPerTenant = 0
  /** The limits of the pools in every answer. */
  limits: object = {}
  /** Answered in place of the usual body. */
  body: unknown
  /** Answered in place of a body. */
  failure: ((id: TenantId) => TenantManagerError | undefined) | undefined
  /** Runs in each request after its answer is read. */
  onCall: (() => Effect.Effect<void>) | undefined
  lists = 0
  /** A request waits here after it has read its answer. */
  private gate: Effect.Effect<void> = Effect.void
  /** Holds the answers from now on. Answers how to let them go. */
  readonly hold = Effect.map(Deferred.make<void>(), (gate) => {
    this.gate = Deferred.await(gate)
    return Effect.asVoid(Deferred.succeed(gate, undefined))
  })
  private sink: SignalSink | undefined
  private readonly busy = new Map<TenantId, number>()

  constructor(ids: ReadonlyArray<string>) {
    for (const id of ids) this.ids.add(TenantId.make(id))
  }

  callsFor(id: TenantId): number {
    return this.calls.filter((it) => it === id).length
  }

  readonly manager = Layer.succeed(TenantManager, {
    service: "ledger",
    listActiveTenants: Effect.sync(() => {
      this.lists++
      return TenantListing.of([...this.ids].map((id) => ({ id, name: undefined })))
    }),
    getConnections: (id) =>
      Effect.suspend(() => {
        this.calls.push(id)
        const busy = (this.busy.get(id) ?? 0) + 1
        this.busy.set(id, busy)
        this.mostUnderWayPerTenant = Math.max(this.mostUnderWayPerTenant, busy)
        const failure = this.failure?.(id)
        const body = this.body ?? bodyOf(id, this.rotations.get(id) ?? 0, this.limits)
        const answer = Effect.mapError(
          decodeSettings(body),
          (message) =>
            new TenantManagerMalformedBody({ operation: "test", message, excerpt: undefined })
        )
        return Effect.zipRight(this.onCall?.() ?? Effect.void, this.gate).pipe(
          Effect.zipRight(failure === undefined ? answer : Effect.fail(failure)),
          Effect.ensuring(Effect.sync(() => this.busy.set(id, (this.busy.get(id) ?? 1) - 1)))
        )
      })
  })

  private readonly tenantEvents = Layer.succeed(TenantEvents, {
    subscribe: (sink) =>
      Effect.sync(() => {
        this.sink = sink
        sink.subscribed()
      })
  })

  readonly discovery = TenantDiscovery.layer({
    environment: "test",
    reconcileInterval: 0
  }).pipe(Layer.provide(this.tenantEvents), Layer.provideMerge(this.manager))

  /** Publishes an event and waits until the discovery has applied it. */
  publish(type: string, id: TenantId): Effect.Effect<void, never, TenantDiscovery> {
    return Effect.gen(this, function* () {
      const { view } = yield* TenantDiscovery
      const { revision } = yield* view.get
      const payload = { service_name: "ledger" }
      const event = { event_id: randomUUID(), event_type: type, tenant_id: id, payload }
      this.sink?.message(JSON.stringify(event))
      yield* Stream.runDrain(Stream.takeUntil(view.changes, (now) => now.revision > revision))
    })
  }

  /** New credentials of an active tenant, and the event of it. */
  rotate(id: TenantId): Effect.Effect<void, never, TenantDiscovery> {
    return Effect.suspend(() => {
      if (!this.ids.has(id)) return Effect.void
      const rotation = (this.rotations.get(id) ?? 0) + 1
      this.rotations.set(id, rotation)
      const reported = Effect.sync(() => this.reported.set(id, rotation))
      return Effect.zipLeft(this.publish("tenant.credentials.rotated", id), reported)
    })
  }

  /** Removes the tenant, if it is active. */
  remove(id: TenantId): Effect.Effect<void, never, TenantDiscovery> {
    return Effect.suspend(() =>
      this.ids.delete(id) ? this.publish("tenant.service.disassociated", id) : Effect.void
    )
  }

  /** Adds the tenant, if it is not active. */
  add(id: TenantId): Effect.Effect<void, never, TenantDiscovery> {
    return Effect.suspend(() => {
      if (this.ids.has(id)) return Effect.void
      this.ids.add(id)
      return this.publish("tenant.service.associated", id)
    })
  }

  /** The subscription is lost, `meanwhile` runs, and it is back. */
  gap(meanwhile: () => void): Effect.Effect<void, never, TenantDiscovery> {
    return Effect.gen(this, function* () {
      const { status } = yield* TenantDiscovery
      const before = yield* status.get
      this.sink?.lost({ _tag: "ConnectionLost", message: "cut by the test" })
      meanwhile()
      this.sink?.subscribed()
      const isBack = Stream.takeUntil(
        status.changes,
        (now) => now.mode !== "BootstrapOnly" && now.lastError !== before.lastError
      )
      yield* Stream.runDrain(isBack)
    })
  }
}
