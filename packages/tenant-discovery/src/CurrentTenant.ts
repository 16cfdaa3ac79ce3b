/**
 * The tenant that a piece of work runs for.
 */
import { Context, Data, Effect } from "effect"
import { type Tenant, TenantId } from "./Tenant.js"

/** A text was given as a tenant ID and is not a valid one. */
export class InvalidTenantId extends Data.TaggedError("InvalidTenantId")<{
  readonly message: string
}> {}

type Provide<Failure> = <A, E, R>(
  self: Effect.Effect<A, E, R>
) => Effect.Effect<A, E | Failure, Exclude<R, CurrentTenant>>

/** For a `Tenant` or a `TenantId`, which are canonical. */
function provide(tenant: Tenant | TenantId): Provide<never>
/** For a text in any valid spelling; fails with `InvalidTenantId` for an invalid one. */
function provide(tenant: Tenant | string): Provide<InvalidTenantId>
function provide(tenant: Tenant | string): Provide<InvalidTenantId> {
  return (self) =>
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
 * The tenant that this work runs for. A worker provides it to each run; elsewhere use
 * `CurrentTenant.provide`. Work that requires it does not compile without one.
 *
 * @example
 * const report = Effect.flatMap(CurrentTenant, ({ id }) => Effect.log(`reporting for ${id}`))
 * const forAcme = report.pipe(CurrentTenant.provide("acme"))
 */
export class CurrentTenant extends Context.Tag("tenant-discovery/CurrentTenant")<
  CurrentTenant,
  Tenant
>() {
  /**
   * Runs an effect for a tenant: provides `CurrentTenant`, and adds `tenant_id` to every log line
   * and to every span that starts inside. Does not check that the tenant is active.
   *
   * A text is brought to its canonical form first. An invalid one fails with `InvalidTenantId`,
   * and the effect does not run.
   */
  static readonly provide = provide
}
