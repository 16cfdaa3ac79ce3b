/** The options of `TenantConnections`: defaults and decoding. */
import { Duration, Schema } from "effect"
import { durationOr, withDefault } from "../options.js"
import { ConnectionSettings } from "./connectionSchema.js"

/** The defaults of `TenantConnectionsOptions`. */
export const tenantConnectionsDefaults = {
  ttl: Duration.minutes(2),
  staleFor: Duration.hours(12),
  staleWhileError: true,
  checkInterval: Duration.seconds(30),
  failureTtl: Duration.seconds(1),
  rotationJitter: Duration.seconds(5),
  inUseFor: Duration.minutes(5)
} as const

const defaults = tenantConnectionsDefaults

export const ConnectionOptions = Schema.Struct({
  ttl: durationOr(defaults.ttl),
  staleFor: durationOr(defaults.staleFor, { infinity: true }),
  staleWhileError: withDefault(Schema.Boolean, defaults.staleWhileError),
  /** 0: no revalidation. */
  checkInterval: durationOr(defaults.checkInterval, { zero: true }),
  failureTtl: durationOr(defaults.failureTtl),
  rotationJitter: durationOr(defaults.rotationJitter),
  inUseFor: durationOr(defaults.inUseFor),
  connectionSettings: Schema.optional(Schema.typeSchema(ConnectionSettings))
})

/** Durations in milliseconds. */
export type ConnectionOptions = typeof ConnectionOptions.Type
