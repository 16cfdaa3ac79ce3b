/**
 * A layer for each tenant: built from the tenant's connection settings on first use, shared,
 * and released when it is idle, replaced or removed.
 */
import { type ConfigError, Context, type Duration, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { CurrentTenant } from "./CurrentTenant.js"
import { type Acquired, make, type Pool } from "./internal/layers/pool.js"
import { type TenantLayerError, TenantNotIsolated } from "./internal/layers/poolErrors.js"
import { poolSettings, type PoolSettings } from "./internal/layers/poolOptions.js"
import type { PoolFunctions, Retirement } from "./internal/layers/resource.js"
import { IsolatedResource, ResourceHolder } from "./internal/layers/resourceHolder.js"
import type { TenantId } from "./Tenant.js"
import type { TenantConnections } from "./TenantConnections.js"
import type { TenantDiscovery } from "./TenantDiscovery.js"
import * as TenantDiscoveryConfig from "./TenantDiscoveryConfig.js"

export * from "./internal/layers/poolErrors.js"
export { tenantLayersDefaults } from "./internal/layers/poolOptions.js"

export interface TenantLayersOptions {
  /** How long after its last use a resource is released; 0 is never. Protects databases from idle connections. Default 5 min. */
  readonly idleTimeout?: Duration.DurationInput | undefined
  /**
   * How many tenants hold resources at once, those that are built or released included; 0 is
   * no limit. Protects the process and its databases. The least recently used idle resource
   * makes room; tenants wait in order. The first wait without an idle resource is logged, the gauge
   * `tenant_layers_waiting` counts the callers that wait, and `TenantWorker.status` shows the runs.
   * During a rotation a tenant has two. Default 100.
   */
  readonly maxTenants?: number | undefined
  /** How long a caller waits for a place, or for a former resource to close. Longer than `rotationGrace`. Default 1 min. */
  readonly acquireTimeout?: Duration.DurationInput | undefined
  /** How long a build may take. Protects a tenant from one build that hangs. Default 30 s. */
  readonly buildTimeout?: Duration.DurationInput | undefined
  /** How long after a rotation the work that uses the old resource may go on before it is interrupted. Default 30 s. */
  readonly rotationGrace?: Duration.DurationInput | undefined
  /** How long after a removal the work that uses the resource may go on before it is interrupted. Default 30 s. */
  readonly removalGrace?: Duration.DurationInput | undefined
  /** How long work may go on when the layer closes before it is interrupted. Default 10 s. */
  readonly drain?: Duration.DurationInput | undefined
  /**
   * How long interrupted work, an interrupted build, and finalizers are each waited for.
   * Protects removal and close from hanging: the close of the layer takes at most `drain`,
   * `closeTimeout` and 1 s. Default 10 s.
   */
  readonly closeTimeout?: Duration.DurationInput | undefined
  /** How long the error of a failed build is answered before the next one; doubles each time. Protects a database that is down. Default 500 ms. */
  readonly buildBackoff?: Duration.DurationInput | undefined
  /** The most that `buildBackoff` grows to. Default 30 s. */
  readonly buildBackoffCap?: Duration.DurationInput | undefined
}

/** The service behind a class of {@link Service}. */
export type TenantLayers<A, E> = Pool<A, E>

export interface ServiceOptions<A, E, R> extends TenantLayersOptions, PoolFunctions<A, E, R> {
  /**
   * Services that must not reach work with another resource, such as the open transaction
   * of a database client, which would take that work's writes to another tenant. `provide`
   * takes them out of the context of its work; the layers fail with `TenantNotIsolated`.
   * Default: none.
   */
  readonly isolate?: ReadonlyArray<{ readonly key: string }>
}

/** What a class made by {@link Service} offers. */
export interface TenantLayersClass<Self, Id extends string, A, E, R> extends Context.TagClass<
  Self,
  Id,
  TenantLayers<A, E>
> {
  /**
   * The pool, empty. Bind it to a constant; options given here win over those of the class.
   * When it closes, new callers fail with `TenantLayersClosed`, work in progress has `drain`
   * to end and is then interrupted, and then the resources are released.
   *
   * @throws RangeError for an option that is not valid.
   */
  readonly layer: (
    options?: TenantLayersOptions
  ) => Layer.Layer<Self, never, TenantConnections | TenantDiscovery | R>
  /** `layer` with `MULTI_TENANT_MAX_TENANT_POOLS` and `MULTI_TENANT_IDLE_TIMEOUT_SEC` where no option is given. */
  readonly layerConfig: (
    options?: TenantLayersOptions
  ) => Layer.Layer<Self, ConfigError.ConfigError, TenantConnections | TenantDiscovery | R>
  /**
   * The tenant's resource, held for as long as the layer is. Fails with the error of the
   * build, or a `TenantLayerError`.
   *
   * When a grace ends, the run of a `TenantWorker` that the layer was built in is
   * interrupted. Outside of a worker it is the fiber that built the layer: that is the
   * fiber of the work for `Effect.provide(work, get(id))`, and has ended long before for a
   * layer that was merged with others. The resource then closes under the work, with a
   * warning: use `provide` there.
   */
  readonly get: (id: TenantId) => Layer.Layer<A, E | TenantLayerError, Self>
  /** `get` for the current tenant. */
  readonly current: Layer.Layer<A, E | TenantLayerError, Self | CurrentTenant>
  /**
   * Runs an effect with the tenant's resource. When a grace ends, the effect is interrupted
   * and this fails: with `TenantNotActive` after a removal, `TenantResourceReplaced` after a
   * rotation, `TenantLayersClosed` at close. Inside the run of a `TenantWorker`, a rotation
   * interrupts the run in place of this error; the worker starts it again and
   * counts no failure. In an uninterruptible region the effect runs to its end, and the
   * resource closes `closeTimeout` after the grace.
   */
  readonly provide: (
    id: TenantId
  ) => <B, E2, R2>(
    self: Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E | E2 | TenantLayerError, Self | Exclude<R2, A>>
  /** `provide` for the current tenant. */
  readonly provideCurrent: <B, E2, R2>(
    self: Effect.Effect<B, E2, R2>
  ) => Effect.Effect<B, E | E2 | TenantLayerError, Self | CurrentTenant | Exclude<R2, A>>
  /** Replaces the tenant's resource, as a rotation does. */
  readonly invalidate: (id: TenantId) => Effect.Effect<void, never, Self>
}

const variables = {
  maxTenants: TenantDiscoveryConfig.maxTenantPools,
  idleTimeout: TenantDiscoveryConfig.idleTimeout
}

/**
 * A class that is the tag of a pool of one layer for each tenant.
 *
 * Promised: one resource for each tenant and revision of its settings, built on first use;
 * never more than `maxTenants` tenants with resources; each resource released exactly once;
 * a caller never gets one with settings that were known to be out of date when it asked; a
 * slow or failing build delays no other tenant that has a place.
 *
 * @throws RangeError for an option that is not valid.
 *
 * @example
 * class TenantPg extends TenantLayers.Service<TenantPg>()("TenantPg", {
 *   lookup: (connections) => Layer.unwrapEffect(Effect.map(connections.postgresql(), pgLayer)),
 *   isolate: [SqlClient.TransactionConnection]
 * }) {}
 *
 * const program = TenantPg.provide(tenantId)(work)
 */
export const Service =
  <Self>() =>
  <const Id extends string, A, E, R>(
    id: Id,
    { apply, isolate = [], lookup, ...own }: ServiceOptions<A, E, R>
  ): TenantLayersClass<Self, Id, A, E, R> => {
    const Tag: Context.TagClass<Self, Id, TenantLayers<A, E>> = Context.Tag(id)<
      Self,
      TenantLayers<A, E>
    >()
    poolSettings(id, [own])

    const layerOf = (settings: PoolSettings) => Layer.scoped(Tag, make(settings, { lookup, apply }))
    const isolated = new Set(isolate.map(({ key }) => key))
    const marked = (context: Context.Context<A>, resource: object) =>
      isolated.size === 0 ? context : Context.add(context, IsolatedResource, resource)

    /** The isolated services in `context` that belong to another resource. */
    const foreign = (context: Context.Context<never>, resource: object): ReadonlyArray<string> =>
      Context.get(context, IsolatedResource) === resource
        ? []
        : [...isolated].filter((key) => context.unsafeMap.has(key))

    /** The run that the resource is held by, where there is one, else the fiber that asks. */
    const built = (tenant: TenantId) =>
      Effect.withFiberRuntime<Context.Context<A>, E | TenantLayerError, Self | Scope.Scope>(
        (fiber) =>
          Effect.gen(function* () {
            const { revoke = Effect.asVoid(Fiber.interruptFork(fiber)) } = yield* ResourceHolder
            const { context, resource } = yield* (yield* Tag).acquire(tenant, () => revoke)
            const [service] = foreign(yield* Effect.context<never>(), resource)
            return service === undefined
              ? marked(context, resource)
              : yield* new TenantNotIsolated({ tenantId: tenant, service })
          })
      )

    /** The work has a fiber of its own, which is interrupted when the resource is to close. */
    const provide =
      (tenant: TenantId) =>
      <B, E2, R2>(self: Effect.Effect<B, E2, R2>) => {
        const withResource = ({ context, resource }: Acquired<A>) =>
          Effect.mapInputContext(self, (outer: Context.Context<Exclude<R2, A>>) => {
            const services = new Map(outer.unsafeMap)
            for (const key of foreign(outer, resource)) services.delete(key)
            return Context.merge(Context.unsafeMake<R2>(services), marked(context, resource))
          })
        // The work does not see this scope: what it acquires belongs to the scope of its caller.
        return Effect.scopedWith((scope) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.gen(function* () {
              const pool = yield* Tag
              const holder = yield* ResourceHolder
              let revoked: Retirement | undefined
              const running = yield* Effect.withFiberRuntime<
                B,
                E | E2 | TenantLayerError,
                Exclude<R2, A>
              >((fiber) => {
                const acquired = pool.acquire(tenant, (reason) => {
                  // The worker interrupts its run and starts it again, which is no failure.
                  const { revoke } = holder
                  if (reason._tag === "TenantResourceReplaced" && revoke !== undefined)
                    return revoke
                  revoked = reason
                  return Fiber.interruptFork(fiber)
                })
                return Effect.flatMap(Scope.extend(acquired, scope), withResource)
              }).pipe(restore, Effect.fork)
              const exit = yield* Effect.onInterrupt(restore(Fiber.await(running)), () =>
                Fiber.interrupt(running)
              )
              yield* Fiber.inheritAll(running)
              return revoked !== undefined && Exit.isInterrupted(exit)
                ? yield* revoked
                : yield* exit
            })
          )
        )
      }

    return Object.assign(Tag, {
      layer: (given?: TenantLayersOptions) => layerOf(poolSettings(id, [own, given])),
      layerConfig: (given?: TenantLayersOptions) => {
        const isRead = (given?.maxTenants ?? own.maxTenants) === undefined
        const limitName = isRead ? "MULTI_TENANT_MAX_TENANT_POOLS" : undefined
        return Layer.unwrapEffect(
          Effect.map(Effect.all(variables), (read) =>
            layerOf(poolSettings(id, [read, own, given], limitName))
          )
        )
      },
      get: (tenant: TenantId) => Layer.scopedContext(built(tenant)),
      current: Layer.scopedContext(Effect.flatMap(CurrentTenant, (tenant) => built(tenant.id))),
      provide,
      provideCurrent: <B, E2, R2>(self: Effect.Effect<B, E2, R2>) =>
        Effect.flatMap(CurrentTenant, (tenant) => provide(tenant.id)(self)),
      invalidate: (tenant: TenantId) => Effect.flatMap(Tag, (pool) => pool.invalidate(tenant))
    })
  }
