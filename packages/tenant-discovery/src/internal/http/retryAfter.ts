/** The `Retry-After` header. */

const SECONDS = /^\d+$/
/** A date begins with the name of a day; `Date.parse` alone accepts far more. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /

/**
 * The wait that a server asks for, in milliseconds: a count of seconds, or an HTTP date seen from
 * `now` (milliseconds of the wall clock). A date in the past is 0; anything else is `undefined`.
 */
export const parseRetryAfter = (header: string | undefined, now: number): number | undefined => {
  const text = header?.trim() ?? ""
  const asked = SECONDS.test(text)
    ? Number(text) * 1000
    : HTTP_DATE.test(text)
      ? Date.parse(text) - now
      : Number.NaN
  return Number.isNaN(asked) ? undefined : Math.max(0, asked)
}
