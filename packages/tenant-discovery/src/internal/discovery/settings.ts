/** The options of the discovery, decoded; durations in milliseconds. */
import { Duration, Schema } from "effect"
import {
  defaultDiscoveryOptions,
  type TenantDiscoveryOptions
} from "../../TenantDiscoveryOptions.js"
import * as Parse from "../config/parse.js"
import { count, decodeOptions, duration, fraction, parsed, withDefault } from "../options.js"

const defaults = defaultDiscoveryOptions
const millis = (key: keyof typeof defaults) => Duration.toMillis(defaults[key])

const Settings = Schema.Struct({
  environment: Schema.optional(parsed(Schema.String, Parse.environment)),
  reconcileInterval: withDefault(duration({ zero: true }), millis("reconcileInterval")),
  reconcileJitter: withDefault(fraction, defaults.reconcileJitter),
  bootstrapOnlyInterval: Schema.optional(duration()),
  startRetries: withDefault(count(0), defaults.startRetries),
  startRetryWindow: withDefault(duration({ zero: true }), millis("startRetryWindow")),
  subscribeTimeout: withDefault(duration(), millis("subscribeTimeout")),
  resubscribeJitter: withDefault(duration({ zero: true }), millis("resubscribeJitter")),
  relistBackoff: withDefault(duration(), millis("relistBackoff")),
  relistBackoffCap: withDefault(duration(), millis("relistBackoffCap")),
  massRemovalFraction: withDefault(fraction, defaults.massRemovalFraction),
  massRemovalHandful: withDefault(count(0), defaults.massRemovalHandful),
  removalConfirmations: withDefault(count(1), defaults.removalConfirmations),
  confirmAfter: withDefault(duration(), millis("confirmAfter")),
  relistDebounce: withDefault(duration(), millis("relistDebounce")),
  duplicateWindow: withDefault(count(1), defaults.duplicateWindow),
  bufferMessages: withDefault(count(1), defaults.bufferMessages),
  bufferCharacters: withDefault(count(1), defaults.bufferCharacters)
})

export interface DiscoverySettings extends Schema.Schema.Type<typeof Settings> {
  readonly bootstrapOnlyInterval: number
}

/** @throws RangeError for a bad option, which it names. */
export const decodeSettings = (
  owner: string,
  options: TenantDiscoveryOptions | undefined
): DiscoverySettings => {
  const settings = decodeOptions(owner, Settings, options)
  return {
    ...settings,
    bootstrapOnlyInterval:
      settings.bootstrapOnlyInterval ??
      (settings.reconcileInterval > 0
        ? settings.reconcileInterval
        : millis("bootstrapOnlyInterval"))
  }
}
