/**
 * The tag of the discovery, and its layers.
 */
import { Context, Effect, Layer, SubscriptionRef } from "effect"
import { makeDiscovery } from "./internal/discovery/listener.js"
import { makeService } from "./internal/discovery/service.js"
import { stateOf } from "./internal/discovery/state.js"
import { currentMoment } from "./internal/moment.js"
import { addTenants } from "./internal/view/edit.js"
import type { Tenant } from "./Tenant.js"
import type { TenantDiscoveryOptions } from "./TenantDiscoveryOptions.js"
import type { TenantDiscoveryService } from "./TenantDiscoveryService.js"
import type { TenantEvents } from "./TenantEvents.js"
import type { TenantManager } from "./TenantManager.js"
import type { TenantManagerError } from "./TenantManagerError.js"
import { TenantView } from "./TenantView.js"

/**
 * Which tenants are active, now. See {@link TenantDiscoveryService} for the interface.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const discovery = yield* TenantDiscovery
 *   for (const id of yield* discovery.activeTenantIds) yield* syncBalances(id)
 * })
 */
export class TenantDiscovery extends Context.Tag("tenant-discovery/TenantDiscovery")<
  TenantDiscovery,
  TenantDiscoveryService
>() {
  /**
   * The discovery over the two edges. It is built when the first list is applied. The layer
   * fails with the error of that list, after a short retry of an outage, and leaves nothing
   * running then. Without events it starts in mode `BootstrapOnly`. Bind the layer to a
   * constant: two calls make two discoveries.
   *
   * @throws RangeError for a bad option, which it names.
   */
  static layer(
    options?: TenantDiscoveryOptions
  ): Layer.Layer<TenantDiscovery, TenantManagerError, TenantManager | TenantEvents> {
    return Layer.scoped(TenantDiscovery, makeDiscovery(options))
  }

  /**
   * A fixed set of tenants, mode `SingleTenant`: no network, no change, always fresh.
   * `tenants`: default none. `service`: its name in `status`, default empty.
   */
  static layerSingleTenant(options?: {
    readonly tenants?: ReadonlyArray<Tenant> | undefined
    readonly service?: string | undefined
  }): Layer.Layer<TenantDiscovery> {
    return Layer.scoped(
      TenantDiscovery,
      makeSingleTenant(options?.tenants ?? [], options?.service ?? "")
    )
  }
}

const makeSingleTenant = (tenants: ReadonlyArray<Tenant>, service: string) =>
  Effect.gen(function* () {
    const now = (yield* currentMoment).wall
    const view = addTenants(TenantView.make(), tenants).with({ mode: "SingleTenant", asOf: now })
    const state = { ...stateOf(service, view, now), asOf: Number.POSITIVE_INFINITY }
    const ref = yield* SubscriptionRef.make(state)
    yield* Effect.addFinalizer(() =>
      SubscriptionRef.update(ref, (state) => ({ ...state, closed: true }))
    )
    return makeService(ref, Effect.void)
  })
