/**
 * The `Retry-After` header.
 */
import { Duration } from "effect"
/**
 * How long a server asks to be left alone: a count of seconds, or an HTTP date
 * seen from `now` (milliseconds of the wall clock). At most `cap`; a date in the
 * past is zero; anything else is `undefined`.
 */
export declare const parseRetryAfter: (
  header: string | undefined,
  now: number,
  cap: Duration.Duration
) => Duration.Duration | undefined
//# sourceMappingURL=retryAfter.d.ts.map
