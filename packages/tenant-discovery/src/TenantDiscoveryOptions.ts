/**
 * The options of the discovery itself, with their defaults. What is about HTTP or
 * Redis is with the layers of those edges.
 */
import { Duration } from "effect"

export interface TenantDiscoveryOptions {
  /** Events of another environment are dropped where this is set. */
  readonly environment?: string | undefined
  /** How often to list while all is well; 0 turns it off. Default 60 s. */
  readonly reconcileInterval?: Duration.DurationInput | undefined
  /** How far the interval varies, as a fraction of it to both sides. Default 0.2. */
  readonly reconcileJitter?: number | undefined
  /**
   * How often to list while there is no subscription. Default: as
   * `reconcileInterval`, and 60 s where that is off.
   */
  readonly bootstrapOnlyInterval?: Duration.DurationInput | undefined
  /** How often an outage at the start is tried again. Default 3. */
  readonly startRetries?: number | undefined
  /** No further try begins later than this after the first. Default 2 s. */
  readonly startRetryWindow?: Duration.DurationInput | undefined
  /** How long the start waits for the first word of the subscription, before it goes on without. Default 5 s. */
  readonly subscribeTimeout?: Duration.DurationInput | undefined
  /** The first upper bound of the wait after a failed list; it doubles. Default 500 ms. */
  readonly relistBackoff?: Duration.DurationInput | undefined
  /** Where the doubling ends. Default 30 s. */
  readonly relistBackoffCap?: Duration.DurationInput | undefined
  /** A list that removes more than this fraction of the tenants is confirmed first. Default 0.5. */
  readonly massRemovalFraction?: number | undefined
  /** But not where it removes no more than these, unless it leaves nobody. Default 5. */
  readonly massRemovalHandful?: number | undefined
  /** How long after a list in doubt the one that confirms it is asked for. Default 1 s. */
  readonly confirmAfter?: Duration.DurationInput | undefined
  /** How long `tenant.activated` events are gathered before one list. Default 250 ms. */
  readonly relistDebounce?: Duration.DurationInput | undefined
  /** How many event IDs are remembered, to know a duplicate. Default 4096. */
  readonly duplicateWindow?: number | undefined
  /** How many messages may wait for the loop before they are let go. Default 65 536. */
  readonly bufferMessages?: number | undefined
  /** How many characters may wait in them. Default 64 Mi. */
  readonly bufferCharacters?: number | undefined
}

/** The defaults of every option; see {@link TenantDiscoveryOptions}. */
export const defaultDiscoveryOptions = {
  reconcileInterval: Duration.seconds(60),
  reconcileJitter: 0.2,
  startRetries: 3,
  startRetryWindow: Duration.seconds(2),
  subscribeTimeout: Duration.seconds(5),
  relistBackoff: Duration.millis(500),
  relistBackoffCap: Duration.seconds(30),
  massRemovalFraction: 0.5,
  massRemovalHandful: 5,
  confirmAfter: Duration.seconds(1),
  relistDebounce: Duration.millis(250),
  duplicateWindow: 4096,
  bufferMessages: 65_536,
  bufferCharacters: 64 * 1024 * 1024
} as const
