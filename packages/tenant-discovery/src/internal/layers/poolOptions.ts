/** The options of a pool: defaults and decoding. */
import { Duration, Schema } from "effect"
import { count, decodeOptions, durationOr, withDefault } from "../options.js"

/** The defaults of `TenantLayersOptions`. */
export const tenantLayersDefaults = {
  idleTimeout: Duration.minutes(5),
  maxTenants: 100,
  acquireTimeout: Duration.minutes(1),
  buildTimeout: Duration.seconds(30),
  rotationGrace: Duration.seconds(30),
  removalGrace: Duration.seconds(30),
  drain: Duration.seconds(10),
  closeTimeout: Duration.seconds(10),
  buildBackoff: Duration.millis(500),
  buildBackoffCap: Duration.seconds(30)
} as const

const defaults = tenantLayersDefaults

const PoolOptions = Schema.Struct({
  /** 0: never. */
  idleTimeout: durationOr(defaults.idleTimeout, { zero: true, infinity: true }),
  /** 0: no limit. */
  maxTenants: withDefault(count(0), defaults.maxTenants),
  acquireTimeout: durationOr(defaults.acquireTimeout),
  buildTimeout: durationOr(defaults.buildTimeout),
  rotationGrace: durationOr(defaults.rotationGrace),
  removalGrace: durationOr(defaults.removalGrace),
  drain: durationOr(defaults.drain),
  closeTimeout: durationOr(defaults.closeTimeout),
  buildBackoff: durationOr(defaults.buildBackoff),
  buildBackoffCap: durationOr(defaults.buildBackoffCap)
})

/** Durations in milliseconds. */
export interface PoolSettings extends Schema.Schema.Type<typeof PoolOptions> {
  readonly name: string
  /** The option or variable that sets `maxTenants`. */
  readonly maxTenantsName: string
}

/** Of each option the last value that is set. */
export const poolSettings = (
  name: string,
  levels: ReadonlyArray<object | undefined>,
  maxTenantsName = "the option maxTenants"
): PoolSettings => {
  const set = levels
    .flatMap((level) => Object.entries(level ?? {}))
    .filter(([, value]) => value !== undefined)
  return { ...decodeOptions(name, PoolOptions, Object.fromEntries(set)), name, maxTenantsName }
}
