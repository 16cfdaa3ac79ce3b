/** The options of `TenantHealth`: defaults and decoding. */
import { Duration, Schema } from "effect"
import { durationOr } from "../options.js"

/** The defaults of `TenantHealthOptions`. */
export const tenantHealthDefaults = {
  maxStaleness: Duration.minutes(5),
  degradedAfter: Duration.seconds(10),
  waitingAfter: Duration.minutes(1)
} as const

const defaults = tenantHealthDefaults

export const HealthOptions = Schema.Struct({
  maxStaleness: durationOr(defaults.maxStaleness),
  degradedAfter: durationOr(defaults.degradedAfter, { zero: true }),
  waitingAfter: durationOr(defaults.waitingAfter, { zero: true, infinity: true })
})

/** Durations in milliseconds. */
export type HealthSettings = typeof HealthOptions.Type
