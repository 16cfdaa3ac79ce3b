/** The options with their defaults filled in, in milliseconds. */
import { Duration } from "effect"
import { defaultDiscoveryOptions, type TenantDiscoveryOptions } from "../TenantDiscoveryOptions.js"

export interface Settings {
  readonly environment: string | undefined
  readonly reconcileInterval: number
  readonly reconcileJitter: number
  readonly bootstrapOnlyInterval: number
  readonly startRetries: number
  readonly startRetryWindow: number
  readonly subscribeTimeout: number
  readonly relistBackoff: number
  readonly relistBackoffCap: number
  readonly massRemovalFraction: number
  readonly massRemovalHandful: number
  readonly confirmAfter: number
  readonly relistDebounce: number
  readonly duplicateWindow: number
  readonly bufferMessages: number
  readonly bufferCharacters: number
}

export const settingsOf = (options: TenantDiscoveryOptions = {}): Settings => {
  const defaults = defaultDiscoveryOptions
  const reconcileInterval = Duration.toMillis(
    options.reconcileInterval ?? defaults.reconcileInterval
  )
  const whenOff = Duration.toMillis(defaults.reconcileInterval)
  return {
    environment: options.environment,
    reconcileInterval,
    reconcileJitter: options.reconcileJitter ?? defaults.reconcileJitter,
    bootstrapOnlyInterval:
      options.bootstrapOnlyInterval === undefined
        ? reconcileInterval || whenOff
        : Duration.toMillis(options.bootstrapOnlyInterval),
    startRetries: options.startRetries ?? defaults.startRetries,
    startRetryWindow: Duration.toMillis(options.startRetryWindow ?? defaults.startRetryWindow),
    subscribeTimeout: Duration.toMillis(options.subscribeTimeout ?? defaults.subscribeTimeout),
    relistBackoff: Duration.toMillis(options.relistBackoff ?? defaults.relistBackoff),
    relistBackoffCap: Duration.toMillis(options.relistBackoffCap ?? defaults.relistBackoffCap),
    massRemovalFraction: options.massRemovalFraction ?? defaults.massRemovalFraction,
    massRemovalHandful: options.massRemovalHandful ?? defaults.massRemovalHandful,
    confirmAfter: Duration.toMillis(options.confirmAfter ?? defaults.confirmAfter),
    relistDebounce: Duration.toMillis(options.relistDebounce ?? defaults.relistDebounce),
    duplicateWindow: options.duplicateWindow ?? defaults.duplicateWindow,
    bufferMessages: options.bufferMessages ?? defaults.bufferMessages,
    bufferCharacters: options.bufferCharacters ?? defaults.bufferCharacters
  }
}
