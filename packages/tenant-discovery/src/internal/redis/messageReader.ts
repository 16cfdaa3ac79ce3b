/**
 * Reads published messages straight off the socket, and hands the client whatever else
 * comes, in order and whole reply by whole reply.
 *
 * Of the microsecond that ioredis takes to receive a message and do nothing with it, two
 * thirds are its parser's and its events': an object a bulk string, three texts, two
 * events. On a fleet's channel, where nearly every message is another service's, that is
 * most of what a message costs: with it, foreign messages are told for less than ioredis
 * takes to hand them over (0.4 us).
 *
 * What it does not understand it does not judge: from there on everything goes to the
 * client's own parser, which then emits the messages itself.
 */
import type { MessageSieve } from "../signals.js"

/** Whom to give what was read. */
export interface MessageReaderTargets {
  readonly message: (kind: "message" | "pmessage", raw: string) => void
  /** Whole replies of another kind; from the first incomprehensible byte on, everything. */
  readonly rest: (bytes: Buffer) => void
  /** What it does not want is not told. */
  readonly sieve?: () => MessageSieve | undefined
}

const CR = 13
const LF = 10
const DOLLAR = 36
const MINUS = 45
const ZERO = 48
const NINE = 57

/** How the frames of messages begin, in RESP 2 and 3, and how many names come before the message. */
const heads = ["*", ">"].flatMap((type) => [
  { kind: "message" as const, text: `${type}3\r\n$7\r\nmessage\r\n`, names: 1 },
  { kind: "pmessage" as const, text: `${type}4\r\n$8\r\npmessage\r\n`, names: 2 }
])

/** No server sends more in one string (`proto-max-bulk-len`). */
const MOST_OF_A_STRING = 512 * 1024 * 1024
/** A reply that is not a message is small: one that does not fit is none we know. */
const MOST_OF_ANOTHER = 65_536
const DEEPEST = 16
/** How much of the next piece most often completes a frame. */
const FIRST_TRY = 1024

/** Why there is no end of a frame. */
const INCOMPLETE = -1
const UNKNOWN = -2

type Head = (typeof heads)[number]

const headAt = (text: string, at: number): Head | undefined => {
  for (const head of heads) if (text.startsWith(head.text, at)) return head
  return undefined
}

export class MessageReader {
  private held: Array<Buffer> = []
  private heldLength = 0
  /** How long what is held must be before it is looked at again. */
  private wanted = 0
  private off = false
  /** Behind the line whose number was read last. */
  private after = 0
  /** Where the text of the message that was found last begins. */
  private begins = 0

  constructor(private readonly targets: MessageReaderTargets) {}

  read(chunk: Buffer): void {
    if (this.off) return this.targets.rest(chunk)
    let from = 0
    if (this.heldLength > 0) {
      from = this.join(chunk)
      if (from === INCOMPLETE) {
        this.held.push(chunk)
        this.heldLength += chunk.length
        return
      }
      if (this.off) return this.handOver(chunk, from, chunk.length)
    }
    const bytes = from === 0 ? chunk : chunk.subarray(from)
    const at = this.frames(bytes)
    if (this.off) return this.handOver(bytes, at, bytes.length)
    this.held = at < bytes.length ? [bytes.subarray(at)] : []
    this.heldLength = bytes.length - at
  }

  /**
   * Completes the frame that is held with the beginning of `chunk`; where in it the next
   * one begins, or `INCOMPLETE`. To put the whole chunk behind what is held would be a copy
   * of 64 KB a piece: a tenth of the time.
   */
  private join(chunk: Buffer): number {
    const { heldLength } = this
    for (let least = FIRST_TRY; ; least *= 4) {
      // Nothing can be said before that much is there.
      if (heldLength + chunk.length < this.wanted) return INCOMPLETE
      const take = Math.max(least, this.wanted - heldLength)
      const bytes = Buffer.concat([...this.held, chunk.subarray(0, take)])
      const at = this.frames(bytes)
      if (at > 0 || this.off) {
        this.held = []
        this.heldLength = 0
        this.handOver(bytes, at, heldLength)
        return Math.max(at - heldLength, 0)
      }
      if (take >= chunk.length) return INCOMPLETE
    }
  }

  /**
   * Takes frame after frame; where the first one begins that is not whole, or not understood.
   * One text of all bytes, in which the engine searches and compares, costs less than a
   * text a message, of which most are not wanted.
   */
  private frames(bytes: Buffer): number {
    this.wanted = 0
    const text = bytes.toString("latin1")
    const sieve = this.targets.sieve?.()
    sieve?.begin(text)
    let at = 0
    // Where the replies begin that are not handed over yet.
    let rest = 0
    while (at < text.length) {
      const head = headAt(text, at)
      const end = head === undefined ? this.frameEnd(text, at, 0) : this.messageEnd(text, at, head)
      if (end < 0) {
        this.off = end === UNKNOWN || (head === undefined && text.length - at > MOST_OF_ANOTHER)
        break
      }
      if (head !== undefined) {
        this.handOver(bytes, rest, at)
        rest = end
        const { begins } = this
        if (sieve?.wanted(begins, end - 2) !== false) {
          this.targets.message(head.kind, bytes.toString("utf8", begins, end - 2))
        }
      }
      at = end
    }
    sieve?.begin("")
    this.handOver(bytes, rest, at)
    return at
  }

  private handOver(bytes: Buffer, from: number, to: number): void {
    if (from < to) this.targets.rest(bytes.subarray(from, to))
  }

  /** Where the frame of a message ends; where its text begins is in `begins`. */
  private messageEnd(text: string, at: number, head: Head): number {
    let end = at + head.text.length
    for (let i = 0; i <= head.names; i++) {
      if (end >= text.length) return INCOMPLETE
      const length = text.charCodeAt(end) === DOLLAR ? this.count(text, end + 1) : UNKNOWN
      if (length < 0) return length
      if (length > MOST_OF_A_STRING) return UNKNOWN
      this.begins = this.after
      end = this.after + length + 2
    }
    if (end <= text.length) return end
    this.wanted = end - at
    return INCOMPLETE
  }

  /** The number that fills the line from `at` on; the place behind the line is in `after`. */
  private count(text: string, at: number): number {
    let value = 0
    for (let i = at; i < text.length; i++) {
      const byte = text.charCodeAt(i)
      if (byte >= ZERO && byte <= NINE && value <= Number.MAX_SAFE_INTEGER / 100) {
        value = value * 10 + byte - ZERO
      } else if (byte === CR && i > at) {
        if (i + 1 >= text.length) return INCOMPLETE
        this.after = i + 2
        return text.charCodeAt(i + 1) === LF ? value : UNKNOWN
      } else {
        return UNKNOWN
      }
    }
    return INCOMPLETE
  }

  private lineEnd(text: string, at: number): number {
    const cr = text.indexOf("\r\n", at)
    return cr < 0 ? INCOMPLETE : cr + 2
  }

  /** Where the reply of any kind ends that begins at `at`. */
  private frameEnd(text: string, at: number, depth: number): number {
    if (at >= text.length) return INCOMPLETE
    switch (text.charAt(at)) {
      case "+":
      case "-":
      case ":":
      case "_":
      case ",":
      case "#":
      case "(":
        return this.lineEnd(text, at)
      case "$":
      case "!":
      case "=": {
        if (text.charCodeAt(at + 1) === MINUS) return this.lineEnd(text, at)
        const length = this.count(text, at + 1)
        if (length < 0) return length
        const end = this.after + length + 2
        return end > text.length ? INCOMPLETE : end
      }
      case "*":
      case "~":
      case ">":
        return this.membersEnd(text, at, depth, 1)
      case "%":
      case "|":
        return this.membersEnd(text, at, depth, 2)
      default:
        return UNKNOWN
    }
  }

  private membersEnd(text: string, at: number, depth: number, each: number): number {
    if (text.charCodeAt(at + 1) === MINUS) return this.lineEnd(text, at)
    const members = this.count(text, at + 1)
    if (members < 0 || depth >= DEEPEST) return members < 0 ? members : UNKNOWN
    let end = this.after
    for (let i = 0; i < members * each; i++) {
      end = this.frameEnd(text, end, depth + 1)
      if (end < 0) return end
    }
    return end
  }
}
