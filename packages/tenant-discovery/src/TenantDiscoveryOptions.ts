/**
 * The options of the discovery, with their defaults. The options of HTTP and Redis are
 * with the layers of those edges.
 */
import { Duration } from "effect"

export interface TenantDiscoveryOptions {
  /**
   * The environment of the program: trimmed, lower-cased. Events of another environment are
   * dropped. Default: events of every environment count.
   */
  readonly environment?: string | undefined
  /** How often to list while all is well; 0 turns it off. Default 60 s. */
  readonly reconcileInterval?: Duration.DurationInput | undefined
  /** How far the interval varies, as a fraction of it to both sides, 0 to 1. Default 0.2. */
  readonly reconcileJitter?: number | undefined
  /**
   * How often to list while there is no subscription. Default: `reconcileInterval`, or 60 s
   * if that is off.
   */
  readonly bootstrapOnlyInterval?: Duration.DurationInput | undefined
  /** How often an outage at the start is retried; 0 means never. Default 3. */
  readonly startRetries?: number | undefined
  /** No retry begins later than this after the first try. Default 2 s. */
  readonly startRetryWindow?: Duration.DurationInput | undefined
  /** How long the start waits for the subscription before it goes on without. Default 5 s. */
  readonly subscribeTimeout?: Duration.DurationInput | undefined
  /**
   * The list that closes a gap begins after a random part of this, so that the replicas of a
   * fleet do not all list at once when Redis restarts; 0 turns it off. Default 2 s.
   */
  readonly resubscribeJitter?: Duration.DurationInput | undefined
  /** The first upper bound of the wait after a failed list; it doubles each time. Default 500 ms. */
  readonly relistBackoff?: Duration.DurationInput | undefined
  /** The largest upper bound of that wait. Default 30 s. */
  readonly relistBackoffCap?: Duration.DurationInput | undefined
  /** A second list must confirm a list that removes more than this fraction, 0 to 1. Default 0.5. */
  readonly massRemovalFraction?: number | undefined
  /** No confirmation for at most this many removals, unless no tenant is left. Default 5. */
  readonly massRemovalHandful?: number | undefined
  /**
   * In how many lists in a row a listed tenant must be missing before it is removed. 2 or more
   * protects against a lagging replica of the tenant manager. Events remove at once. Default 1.
   */
  readonly removalConfirmations?: number | undefined
  /** How long after a list that needs confirmation the next one begins. Default 1 s. */
  readonly confirmAfter?: Duration.DurationInput | undefined
  /** No two lists begin closer than this, unless `refresh` waits for one. Default 250 ms. */
  readonly relistDebounce?: Duration.DurationInput | undefined
  /** At least this many event IDs are remembered, to drop duplicates. Default 4096. */
  readonly duplicateWindow?: number | undefined
  /** How many messages may wait; more are dropped, and a list follows. Default 65 536. */
  readonly bufferMessages?: number | undefined
  /** How many characters may wait in messages. Default 64 Mi. */
  readonly bufferCharacters?: number | undefined
}

/** The default of every option of {@link TenantDiscoveryOptions}. */
export const defaultDiscoveryOptions = {
  reconcileInterval: Duration.seconds(60),
  reconcileJitter: 0.2,
  bootstrapOnlyInterval: Duration.seconds(60),
  startRetries: 3,
  startRetryWindow: Duration.seconds(2),
  subscribeTimeout: Duration.seconds(5),
  resubscribeJitter: Duration.seconds(2),
  relistBackoff: Duration.millis(500),
  relistBackoffCap: Duration.seconds(30),
  massRemovalFraction: 0.5,
  massRemovalHandful: 5,
  removalConfirmations: 1,
  confirmAfter: Duration.seconds(1),
  relistDebounce: Duration.millis(250),
  duplicateWindow: 4096,
  bufferMessages: 65_536,
  bufferCharacters: 64 * 1024 * 1024
} as const
