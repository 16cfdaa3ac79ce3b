/**
 * The tag, and the layers that provide it.
 */
import { Context, Effect, Layer } from "effect"
import { make } from "./internal/discovery.js"
import { Latest } from "./internal/latest.js"
import { type DiscoveryState, makeSurface } from "./internal/surface.js"
import type { Tenant } from "./Tenant.js"
import type { TenantDiscoveryOptions } from "./TenantDiscoveryOptions.js"
import type { TenantDiscoveryService } from "./TenantDiscoveryService.js"
import type { TenantEvents } from "./TenantEvents.js"
import type { TenantManager } from "./TenantManager.js"
import type { TenantManagerError } from "./TenantManagerError.js"
import { TenantView } from "./TenantView.js"

export class TenantDiscovery extends Context.Tag("tenant-discovery/TenantDiscovery")<
  TenantDiscovery,
  TenantDiscoveryService
>() {
  /**
   * The discovery over the two edges. Built when the first list is in; fails with
   * that list's error, after a short retry where it was an outage, and leaves
   * nothing running then. Without events it starts all the same, in mode
   * `BootstrapOnly`. Bind it to a constant: called twice, it is two of them.
   */
  static layer(
    options?: TenantDiscoveryOptions
  ): Layer.Layer<TenantDiscovery, TenantManagerError, TenantManager | TenantEvents> {
    return Layer.scoped(TenantDiscovery, make(options))
  }

  /** A fixed set of tenants, mode `SingleTenant`: no network, no change, always fresh. */
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
    const now = (yield* Effect.clock).unsafeCurrentTimeMillis()
    const listed = TenantView.applyListing(TenantView.empty, tenants).view
    const view = TenantView.as(listed, "SingleTenant", now)
    const state = new Latest<DiscoveryState>({
      view,
      status: {
        service,
        mode: view.mode,
        since: now,
        lastListedAt: undefined,
        lastEventAt: undefined,
        lastError: undefined,
        tenantCount: view.size
      },
      asOf: Number.POSITIVE_INFINITY,
      closed: false
    })
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => state.set({ ...state.current, closed: true }))
    )
    return makeSurface(state, Effect.void)
  })
