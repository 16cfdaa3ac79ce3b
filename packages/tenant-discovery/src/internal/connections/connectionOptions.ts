/** The options of `TenantConnections`: defaults and decoding. */
import { Duration, Schema } from "effect"
import { durationOr } from "../options.js"
import { ConnectionSettings } from "./connectionSchema.js"

/** The defaults of `TenantConnectionsOptions`. */
export const tenantConnectionsDefaults = {
  ttl: Duration.minutes(2),
  staleFor: Duration.hours(12),
  checkInterval: Duration.seconds(30),
  failureTtl: Duration.seconds(1),
  rotationJitter: Duration.seconds(5),
  inUseFor: Duration.minutes(5)
} as const

const defaults = tenantConnectionsDefaults

export const ConnectionOptions = Schema.Struct({
  ttl: durationOr(defaults.ttl),
  /** 0: nothing stale is answered. */
  staleFor: durationOr(defaults.staleFor, { zero: true, infinity: true }),
  /** 0: no revalidation. */
  checkInterval: durationOr(defaults.checkInterval, { zero: true }),
  failureTtl: durationOr(defaults.failureTtl),
  rotationJitter: durationOr(defaults.rotationJitter),
  inUseFor: durationOr(defaults.inUseFor),
  connectionSettings: Schema.optional(Schema.typeSchema(ConnectionSettings))
})

/** Durations in milliseconds. */
export type ConnectionOptions = typeof ConnectionOptions.Type
