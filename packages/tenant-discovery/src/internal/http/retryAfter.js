/**
 * The `Retry-After` header.
 */
import { Duration } from "effect"
const SECONDS = /^\d+$/
/** A date begins with the name of a day; `Date.parse` alone would take far more. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /
/**
 * How long a server asks to be left alone: a count of seconds, or an HTTP date
 * seen from `now` (milliseconds of the wall clock). At most `cap`; a date in the
 * past is zero; anything else is `undefined`.
 */
export const parseRetryAfter = (header, now, cap) => {
  const text = header?.trim() ?? ""
  let asked
  if (SECONDS.test(text)) asked = Number(text) * 1000
  else if (HTTP_DATE.test(text)) asked = Date.parse(text) - now
  if (asked === undefined || Number.isNaN(asked)) return undefined
  return Duration.min(Duration.millis(Math.max(0, asked)), cap)
}
//# sourceMappingURL=retryAfter.js.map
