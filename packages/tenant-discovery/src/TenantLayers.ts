/**
 * A layer a tenant: built from its connection settings on first use, shared,
 * and released when it is idle, rotated or removed.
 */
import {
  type ConfigError,
  Context,
  Deferred,
  Duration,
  Effect,
  Fiber,
  Layer,
  type Scope
} from "effect"
import { CurrentTenant } from "./CurrentTenant.js"
import { type TenantLayerError, TenantNotActive } from "./internal/layers/errors.js"
import { type Lookup, make, type Pool, type PoolSettings } from "./internal/layers/pool.js"
import type { TenantId } from "./Tenant.js"
import type { TenantConnections } from "./TenantConnections.js"
import type { TenantDiscovery } from "./TenantDiscovery.js"
import * as TenantDiscoveryConfig from "./TenantDiscoveryConfig.js"

export {
  type TenantLayerError,
  TenantLayersClosed,
  TenantNotActive,
  TenantPoolsExhausted
} from "./internal/layers/errors.js"

export interface TenantLayersOptions {
  /** How long after its last use a tenant's resource is released. Default 5 min. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /**
   * How many resources are alive at once, those that are being built or released
   * included. Default 100.
   */
  readonly maxTenants?: number | undefined
  /** How long a caller waits for a place when all are in use. Longer than `rotationGrace`, which frees one. Default 1 min. */
  readonly acquireTimeout?: Duration.DurationInput | undefined
  /** How long after a rotation the old resource stays with those who hold it. Default 30 s. */
  readonly rotationGrace?: Duration.DurationInput | undefined
  /** How long after a removal those who hold the resource may go on before they are interrupted. Default 30 s. */
  readonly removalGrace?: Duration.DurationInput | undefined
  /** How long a release is waited for, and those who were interrupted before it. Default 10 s. */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /** How long after a build that failed its failure is answered without another try; doubles each time. Default 500 ms. */
  readonly buildBackoff?: Duration.DurationInput | undefined
  /** Where the doubling ends. Default 30 s. */
  readonly buildBackoffCap?: Duration.DurationInput | undefined
}

/** What holds where {@link TenantLayersOptions} say nothing. */
export const tenantLayersDefaults = {
  idleTimeout: Duration.minutes(5),
  maxTenants: 100,
  acquireTimeout: Duration.minutes(1),
  rotationGrace: Duration.seconds(30),
  removalGrace: Duration.seconds(30),
  closeTimeout: Duration.seconds(10),
  buildBackoff: Duration.millis(500),
  buildBackoffCap: Duration.seconds(30)
} as const

/** What is given wins over the class's own, which wins over the defaults. */
const settingsOf = (
  name: string,
  given: TenantLayersOptions | undefined,
  own: TenantLayersOptions
): PoolSettings => {
  const pick = <Key extends keyof TenantLayersOptions>(key: Key) =>
    given?.[key] ?? own[key] ?? tenantLayersDefaults[key]
  const millis = (key: Exclude<keyof TenantLayersOptions, "maxTenants">) =>
    Duration.toMillis(pick(key))
  return {
    name,
    maxTenants: Math.max(1, pick("maxTenants")),
    idleTimeout: millis("idleTimeout"),
    acquireTimeout: millis("acquireTimeout"),
    rotationGrace: millis("rotationGrace"),
    removalGrace: millis("removalGrace"),
    closeTimeout: millis("closeTimeout"),
    buildBackoff: millis("buildBackoff"),
    buildBackoffCap: millis("buildBackoffCap")
  }
}

/** The service behind a class of {@link Service}. */
export type TenantLayers<A, E> = Pool<A, E>

export interface ServiceOptions<A, E, R> extends TenantLayersOptions {
  /** What is built for a tenant. Called anew after each change of its settings. */
  readonly lookup: Lookup<A, E, R>
}

/** What a class made by {@link Service} offers. */
export interface TenantLayersClass<Self, Id extends string, A, E, R> extends Context.TagClass<
  Self,
  Id,
  TenantLayers<A, E>
> {
  /** The map of all tenants, empty. Bind it to a constant; options given here win over the class's. */
  readonly layer: (
    options?: TenantLayersOptions
  ) => Layer.Layer<Self, never, TenantConnections | TenantDiscovery | R>
  /** `layer` with `MULTI_TENANT_MAX_TENANT_POOLS` and `MULTI_TENANT_IDLE_TIMEOUT_SEC` where no option says otherwise. */
  readonly layerConfig: (
    options?: TenantLayersOptions
  ) => Layer.Layer<Self, ConfigError.ConfigError, TenantConnections | TenantDiscovery | R>
  /**
   * The tenant's resource, held for as long as the layer is. Fails with what
   * building it fails with, or a `TenantLayerError`.
   *
   * Where the tenant is removed and the grace is over, the fiber that built this
   * layer is interrupted; use `provide` where only the work should be.
   */
  readonly get: (id: TenantId) => Layer.Layer<A, E | TenantLayerError, Self>
  /** `get` for the tenant that the work runs for. */
  readonly current: Layer.Layer<A, E | TenantLayerError, Self | CurrentTenant>
  /**
   * Runs an effect with the tenant's resource. Where the tenant is removed and the
   * grace is over, the effect is interrupted, and this fails with `TenantNotActive`.
   */
  readonly provide: (
    id: TenantId
  ) => <B, E2, R2>(
    self: Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E | E2 | TenantLayerError, Self | Exclude<R2, A>>
  /** `provide` for the tenant that the work runs for. */
  readonly provideCurrent: <B, E2, R2>(
    self: Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E | E2 | TenantLayerError, Self | CurrentTenant | Exclude<R2, A>>
  /** The next user of the tenant gets a new resource, as after a rotation. */
  readonly invalidate: (id: TenantId) => Effect.Effect<void, never, Self>
}

/**
 * A class that is the tag of a map from tenant to layer:
 *
 * ```ts
 * class TenantPg extends TenantLayers.Service<TenantPg>()("TenantPg", {
 *   lookup: (connections) => Layer.unwrapEffect(Effect.map(connections.postgresql(), pgLayer))
 * }) {}
 * ```
 *
 * Promised: one resource a tenant and revision of its settings, built when first
 * used; never more than `maxTenants` alive; each released exactly once; a caller
 * never gets one that an event said to be out of date before it asked; one
 * tenant's slow or failing build delays no other that has a place.
 */
export const Service =
  <Self>() =>
  <const Id extends string, A, E, R>(
    id: Id,
    options: ServiceOptions<A, E, R>
  ): TenantLayersClass<Self, Id, A, E, R> => {
    const Tag: Context.TagClass<Self, Id, TenantLayers<A, E>> = Context.Tag(id)<
      Self,
      TenantLayers<A, E>
    >()

    const layer = (given?: TenantLayersOptions) =>
      Layer.scoped(Tag, make(settingsOf(id, given, options), options.lookup))

    /** Held by the fiber that runs this. */
    const held = (
      tenant: TenantId
    ): Effect.Effect<Context.Context<A>, E | TenantLayerError, Self | Scope.Scope> =>
      Effect.withFiberRuntime((fiber) =>
        Effect.flatMap(Tag, (pool) =>
          pool.acquire(tenant, { revoke: Effect.asVoid(Fiber.interruptFork(fiber)) })
        )
      )

    const provide =
      (tenant: TenantId) =>
      <B, E2, R2>(self: Effect.Effect<B, E2, R2>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const pool = yield* Tag
            const revoked = yield* Deferred.make<never, TenantNotActive>()
            const context = yield* pool.acquire(tenant, {
              revoke: Effect.asVoid(Deferred.fail(revoked, TenantNotActive.of(tenant)))
            })
            return yield* Effect.raceFirst(Effect.provide(self, context), Deferred.await(revoked))
          })
        )

    return Object.assign(Tag, {
      layer,
      layerConfig: (given?: TenantLayersOptions) =>
        Layer.unwrapEffect(
          Effect.map(
            Effect.all([TenantDiscoveryConfig.maxTenantPools, TenantDiscoveryConfig.idleTimeout]),
            ([maxTenants, idleTimeout]) =>
              layer({
                ...given,
                maxTenants: given?.maxTenants ?? options.maxTenants ?? maxTenants,
                idleTimeout: given?.idleTimeout ?? options.idleTimeout ?? idleTimeout
              })
          )
        ),
      get: (tenant: TenantId) => Layer.scopedContext(held(tenant)),
      current: Layer.scopedContext(Effect.flatMap(CurrentTenant, (tenant) => held(tenant.id))),
      provide,
      provideCurrent: <B, E2, R2>(self: Effect.Effect<B, E2, R2>) =>
        Effect.flatMap(CurrentTenant, (tenant) => provide(tenant.id)(self)),
      invalidate: (tenant: TenantId) => Effect.flatMap(Tag, (pool) => pool.invalidate(tenant))
    })
  }
