/** The options of a pool: defaults and decoding. */
import { Duration, Schema } from "effect"
import { count, decodeOptions, duration, withDefault } from "../options.js"

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
const idle = duration({ zero: true, infinity: true })
const millis = (value: Duration.Duration) => withDefault(duration(), Duration.toMillis(value))

const PoolOptions = Schema.Struct({
  /** 0: never. */
  idleTimeout: withDefault(idle, Duration.toMillis(defaults.idleTimeout)),
  /** 0: no limit. */
  maxTenants: withDefault(count(0), defaults.maxTenants),
  acquireTimeout: millis(defaults.acquireTimeout),
  buildTimeout: millis(defaults.buildTimeout),
  rotationGrace: millis(defaults.rotationGrace),
  removalGrace: millis(defaults.removalGrace),
  drain: millis(defaults.drain),
  closeTimeout: millis(defaults.closeTimeout),
  buildBackoff: millis(defaults.buildBackoff),
  buildBackoffCap: millis(defaults.buildBackoffCap)
})

/** Durations in milliseconds. */
export interface PoolSettings extends Schema.Schema.Type<typeof PoolOptions> {
  readonly name: string
  /** The option or variable that sets `maxTenants`. */
  readonly maxTenantsName: string
}

/** What `given` does not set comes from `own`. */
export const poolSettings = (
  name: string,
  own: object,
  given: object = {},
  maxTenantsName = "the option maxTenants"
): PoolSettings => {
  const isSet = ([, value]: readonly [string, unknown]) => value !== undefined
  const options = { ...own, ...Object.fromEntries(Object.entries(given).filter(isSet)) }
  return { ...decodeOptions(name, PoolOptions, options), name, maxTenantsName }
}
