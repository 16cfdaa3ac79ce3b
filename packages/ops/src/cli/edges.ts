/** The library's edges from the environment variables, for commands that need only a part of them. */
import { type ConfigError, Data, Effect, Layer } from "effect"
import {
  TenantDiscovery,
  TenantDiscoveryConfig,
  TenantEvents,
  TenantManager,
  type TenantManagerError
} from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import * as RedisTenantEvents from "tenant-discovery/RedisTenantEvents"
import { credential } from "./secrets.js"

/** The command needs a tenant manager, and `MULTI_TENANT_ENABLED` is false. */
export class SingleTenantMode extends Data.TaggedError("SingleTenantMode")<{}> {
  override readonly message =
    "MULTI_TENANT_ENABLED is false: in single-tenant mode there is no tenant manager and no Redis"
}

/** The settings of a program with many tenants. */
export const multiTenantSettings: Effect.Effect<
  TenantDiscoveryConfig.MultiTenantSettings,
  ConfigError.ConfigError | SingleTenantMode
> = Effect.flatMap(TenantDiscoveryConfig.config, (settings) =>
  settings._tag === "SingleTenant" ? new SingleTenantMode() : Effect.succeed(settings)
)

const managerOf = ({
  service,
  tenantManager
}: TenantDiscoveryConfig.MultiTenantSettings): Layer.Layer<TenantManager> => {
  const { apiKey, transport, ...client } = tenantManager
  return TenantManager.layer({ ...client, service, apiKey: credential(apiKey) }).pipe(
    Layer.provide(NodeTenantDiscovery.layerHttpClient(transport))
  )
}

/** The tenant manager alone. */
export const layerManager: Layer.Layer<TenantManager, ConfigError.ConfigError | SingleTenantMode> =
  Layer.unwrapEffect(Effect.map(multiTenantSettings, managerOf))

/**
 * The discovery, with a look at each message before the discovery reads it.
 *
 * `onMessage` gets the raw text of each message and the service of the discovery, synchronously,
 * and must not throw.
 */
export const layerDiscovery = (
  onMessage: (raw: string, service: string) => void
): Layer.Layer<
  TenantDiscovery | TenantManager,
  ConfigError.ConfigError | SingleTenantMode | TenantManagerError
> =>
  Layer.unwrapEffect(
    Effect.gen(function* () {
      const settings = yield* multiTenantSettings
      const { environment, reconcileInterval, redis, service } = settings
      if (redis === undefined) return yield* Effect.dieMessage("no address of Redis was read")
      const events = RedisTenantEvents.make({
        redis: { ...redis, password: redis.password && credential(redis.password) },
        channel: RedisTenantEvents.channelFor(environment),
        naming: "environment"
      })
      return TenantDiscovery.layer({ environment, reconcileInterval }).pipe(
        Layer.provide(
          Layer.succeed(
            TenantEvents,
            observed(events, (raw) => onMessage(raw, service))
          )
        ),
        Layer.provideMerge(managerOf(settings))
      )
    })
  )

/** The events, with a look at each message. */
const observed = (
  { subscribe }: TenantEvents["Type"],
  onMessage: (raw: string) => void
): TenantEvents["Type"] => ({
  subscribe: (sink) =>
    subscribe({
      subscribed: () => sink.subscribed(),
      alive: (sentAt) => sink.alive(sentAt),
      lost: (cause) => sink.lost(cause),
      message: (raw, channel) => {
        onMessage(raw)
        sink.message(raw, channel)
      }
    })
})
