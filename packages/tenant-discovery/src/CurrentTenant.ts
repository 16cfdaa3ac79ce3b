/**
 * The tenant that a piece of work runs for.
 */
import { Context, Data, Effect } from "effect"
import { type Tenant, TenantId } from "./Tenant.js"

/** A text that was given as a tenant's ID is none. */
export class InvalidTenantId extends Data.TaggedError("InvalidTenantId")<{
  readonly message: string
}> {}

/** The work, for that tenant: for a `Tenant` or a `TenantId`, which are right as they are. */
function provide(
  tenant: Tenant | TenantId
): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, Exclude<R, CurrentTenant>>
/** The same for a text, which is brought to its canonical form, or found to be no tenant ID. */
function provide(
  tenant: Tenant | string
): <A, E, R>(
  self: Effect.Effect<A, E, R>
) => Effect.Effect<A, E | InvalidTenantId, Exclude<R, CurrentTenant>>
function provide(tenant: Tenant | string) {
  return <A, E, R>(
    self: Effect.Effect<A, E, R>
  ): Effect.Effect<A, E | InvalidTenantId, Exclude<R, CurrentTenant>> =>
    Effect.flatMap(resolve(tenant), (tenant) =>
      self.pipe(
        Effect.provideService(CurrentTenant, tenant),
        Effect.annotateLogs("tenant_id", tenant.id),
        Effect.annotateSpans("tenant_id", tenant.id)
      )
    )
}

const resolve = (tenant: Tenant | string): Effect.Effect<Tenant, InvalidTenantId> =>
  typeof tenant === "string"
    ? Effect.mapBoth(TenantId.parse(tenant), {
        onFailure: (message) => new InvalidTenantId({ message: `not a tenant ID: ${message}` }),
        onSuccess: (id) => ({ id, name: undefined })
      })
    : Effect.succeed(tenant)

/**
 * The tenant that this work runs for. Outside of a worker's `run` and of
 * `CurrentTenant.provide` it is not there, and the compiler says so.
 */
export class CurrentTenant extends Context.Tag("tenant-discovery/CurrentTenant")<
  CurrentTenant,
  Tenant
>() {
  /**
   * Runs an effect for a tenant: `CurrentTenant` is there, and every log line and
   * every span begun inside carries `tenant_id`. Whether the tenant is active is not
   * looked at.
   *
   * A text is brought to its canonical form first; one that is no tenant ID fails
   * with `InvalidTenantId`, and the effect does not run.
   */
  static readonly provide = provide
}
