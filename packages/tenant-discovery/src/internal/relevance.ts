/**
 * Which raw messages are about another service, told before any of them is parsed.
 *
 * Sound: it may let a foreign message through, and never holds one of ours back.
 * It holds back only what looks like an event of another service, from brace to
 * brace: what is malformed or of an unknown type comes through, to be reported.
 *
 * A string in JSON without any backslash stands there letter by letter. So where the
 * text has no backslash and `event_type` stands in it once, that is where the type is,
 * or there is none. And where that type is about one service, the event is ours only if
 * the service's name occurs in quotes.
 *
 * On a fleet's channel this spares 19 of 20 messages the parse: 0.2 us in place of 1.5.
 */

const KEY_OF_TYPE = '"event_type"'
const KEY_OF_SERVICE = '"service_name"'

/** The types about one service, but for `cache.invalidate`, of which every service warns; and the one without effect. */
const ofOneServiceOrNone =
  /tenant\.(?:service\.(?:associated|reactivated|disassociated|suspended|purged)|credentials\.rotated|connections\.updated|created)"/y
const CREATED = "tenant.created"

const OPENING = "{".charCodeAt(0)
const CLOSING = "}".charCodeAt(0)
const QUOTE = '"'.charCodeAt(0)
const COLON = ":".charCodeAt(0)

/** Where the text begins that is the value of the key `key` found at `at`; -1 where there is none. */
const textAfter = (text: string, at: number, key: string): number => {
  const colon = at + key.length
  return text.charCodeAt(colon) === COLON && text.charCodeAt(colon + 1) === QUOTE ? colon + 2 : -1
}

/** Letters by how often they stand in events, the rarest first; what is not among them is rarer. */
const BY_RARITY = 'jqzkxwhygvbuplmorsin_-tecadf0123456789:,"'

/** The engine looks for the first letter, and letter by letter from there, only for texts as short as this. */
const SHORT = 6

const rarity = (letter: string): number => BY_RARITY.indexOf(letter)

/** Where in `pattern` its rarest letter is. */
const rarestIn = (pattern: string): number => {
  let rarest = 0
  for (let i = 1; i < pattern.length; i++) {
    if (rarity(pattern.charAt(i)) < rarity(pattern.charAt(rarest))) rarest = i
  }
  return rarest
}

/**
 * Finds one thing in a text that is looked at from left to right, part by part. Each find
 * is remembered until the parts have passed it, so the whole text is searched once.
 *
 * What is searched for is the piece of it that begins with its rarest letter: the whole of
 * a name in quotes takes 270 ns a message, and that piece 40.
 */
class Finder {
  private text = ""
  private next = -1
  private readonly offset: number
  private readonly piece: string

  constructor(private readonly pattern: string) {
    this.offset = rarestIn(pattern)
    this.piece = pattern.slice(this.offset, this.offset + SHORT)
  }

  begin(text: string): void {
    this.text = text
    this.next = -1
  }

  /** The first at `from` or later; beyond the text where there is none. */
  find(from: number): number {
    if (this.next < from) this.next = this.search(from)
    return this.next
  }

  private search(from: number): number {
    const { offset, pattern, piece, text } = this
    for (let at = from + offset; ; at++) {
      at = text.indexOf(piece, at)
      if (at < 0) return Number.POSITIVE_INFINITY
      if (text.startsWith(pattern, at - offset)) return at - offset
    }
  }
}

/** Tells of the parts of a text, from left to right, which may be a message to `service`. */
export class Sieve {
  private text = ""
  private readonly backslash = new Finder("\\")
  private readonly name: Finder
  private readonly type = new Finder(KEY_OF_TYPE)
  private readonly service = new Finder(KEY_OF_SERVICE)

  constructor(service: string) {
    this.name = new Finder(`"${service}"`)
  }

  begin(text: string): void {
    this.text = text
    this.backslash.begin(text)
    this.name.begin(text)
    this.type.begin(text)
    this.service.begin(text)
  }

  wanted(from: number, to: number): boolean {
    return (
      this.backslash.find(from) < to || this.name.find(from) < to || !this.isOfAnother(from, to)
    )
  }

  /** Of a part without a backslash, in which our name does not occur in quotes. */
  private isOfAnother(from: number, to: number): boolean {
    const { text } = this
    if (text.charCodeAt(from) !== OPENING || text.charCodeAt(to - 1) !== CLOSING) return false
    const key = this.type.find(from)
    if (key >= to) return false
    const type = textAfter(text, key, KEY_OF_TYPE)
    if (type < 0 || this.type.find(type) < to) return false
    ofOneServiceOrNone.lastIndex = type
    if (!ofOneServiceOrNone.test(text)) return false
    if (text.startsWith(CREATED, type)) return true
    const name = this.service.find(type)
    if (name >= to) return false
    const service = textAfter(text, name, KEY_OF_SERVICE)
    return service >= 0 && text.charCodeAt(service) !== QUOTE
  }
}

/** `true` where the message may concern `service`, or is no event that concerns another. */
export const mayConcern = (service: string): ((raw: string) => boolean) => {
  const sieve = new Sieve(service)
  return (raw) => {
    sieve.begin(raw)
    const wanted = sieve.wanted(0, raw.length)
    // So that the last message is not kept.
    sieve.begin("")
    return wanted
  }
}
