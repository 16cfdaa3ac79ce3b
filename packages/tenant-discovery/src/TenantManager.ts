/**
 * The HTTP side of the house: what the tenant manager answers.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import { Context, Duration, Effect, Layer, type Redacted } from "effect"
import type { TenantSettings } from "./internal/connections/connectionSchema.js"
import type { Tenant, TenantId } from "./Tenant.js"
import type { TenantManagerError } from "./TenantManagerError.js"

/** The active tenants of the service, as one answer of the tenant manager had them. */
export interface TenantListing {
  /** Canonical, in the answer's order. One that the answer repeats is repeated here; the first is believed. */
  readonly tenants: ReadonlyArray<Tenant>
  /** How many elements were passed over because they were null, no object, or had an invalid ID. */
  readonly skipped: number
}

/** How the tenant manager is reached. */
export interface TenantManagerOptions {
  /** The service whose tenants are asked for. */
  readonly service: string
  /** Absolute, `http` or `https`, without credentials, query or fragment. A path is kept. */
  readonly url: string | URL
  /** Sent as `X-API-Key`, and nowhere else to be seen. */
  readonly apiKey: Redacted.Redacted
  /** Between the base URL and the path: `/v1`; empty for old servers. Slashes around it do not matter. */
  readonly apiPrefix?: string | undefined
  /** For one whole call, from connecting to the last byte of the body. */
  readonly timeout?: Duration.DurationInput | undefined
  /** Bytes of a listing that are read at most. */
  readonly listBodyLimit?: number | undefined
  /** The most that is believed of a `Retry-After`. */
  readonly maxRetryAfter?: Duration.DurationInput | undefined
  readonly circuitBreaker?:
    | {
        /** Outages in a row (`TenantManagerUnavailable`, `TenantManagerTimedOut`) that open it; 0 turns it off. */
        readonly threshold?: number | undefined
        /** How long nothing is sent before one probe at a time is. */
        readonly resetAfter?: Duration.DurationInput | undefined
      }
    | undefined
}

/** What holds where {@link TenantManagerOptions} say nothing. */
export const tenantManagerDefaults = {
  apiPrefix: "/v1",
  timeout: Duration.seconds(30),
  /** 64 MiB: about half a million tenants. */
  listBodyLimit: 64 * 1024 * 1024,
  connectionsBodyLimit: 10 * 1024 * 1024,
  maxRetryAfter: Duration.seconds(60),
  circuitBreaker: { threshold: 5, resetAfter: Duration.seconds(30) }
} as const

/**
 * Loaded when a client is made: the platform's HTTP modules take an eighth of the time in
 * which all of `effect` is loaded, and a program whose tenants come from elsewhere needs none.
 */
const overHttp = Effect.promise(() => import("./internal/http/tenantManager.js"))

export class TenantManager extends Context.Tag("tenant-discovery/TenantManager")<
  TenantManager,
  {
    /** The service that this client asks for. */
    readonly service: string
    /**
     * `GET {base}{prefix}/tenants/active?service={service}`: one call, no retry of its own.
     * Elements that were passed over are told in one warning. Interrupting it aborts the request.
     */
    readonly listActiveTenants: Effect.Effect<TenantListing, TenantManagerError>
    /**
     * `GET {base}{prefix}/tenants/{tenantId}/associations/{service}/connections`: one call, no
     * retry and no cache of its own (`TenantConnections` has them). `TenantManagerMalformedBody` names the
     * place in the JSON, never what stands there. Interrupting it aborts the request.
     */
    readonly getConnections: (
      tenantId: TenantId
    ) => Effect.Effect<TenantSettings, TenantManagerError>
  }
>() {
  /**
   * A client over whatever `HttpClient` is given. Nothing is sent before it is used; it loads
   * modules, so it cannot be run synchronously.
   * Its circuit breaker is shared by all of its calls. Redirects are never followed:
   * a client built on `fetch` is told so with each call, with a `RequestInit` that
   * takes the place of one given to that client's layer.
   *
   * Dies with a `TypeError` where the URL or the key cannot be sent at all; what
   * comes from a user belongs in a `Config` that checks it first.
   */
  static readonly make = (
    options: TenantManagerOptions
  ): Effect.Effect<Context.Tag.Service<TenantManager>, never, HttpClient.HttpClient> =>
    Effect.flatMap(overHttp, ({ make }) => make(options))

  /** {@link TenantManager.make} as a layer. */
  static readonly layer = (
    options: TenantManagerOptions
  ): Layer.Layer<TenantManager, never, HttpClient.HttpClient> =>
    Layer.effect(TenantManager, TenantManager.make(options))
}
