/**
 * Reads published messages straight off the socket, and hands the client whatever else
 * comes, in order and whole reply by whole reply.
 *
 * Of the 1.6 us that ioredis takes to receive a message and do nothing with it, two
 * thirds are its parser's and its events': an object a bulk string, three texts, two
 * events. On a fleet's channel, where nearly every message is another service's, that is
 * most of what a message costs.
 *
 * What it does not understand it does not judge: from there on everything goes to the
 * client's own parser, which then emits the messages itself.
 */

/** Whom to give what was read. */
export interface MessageReaderTargets {
  readonly message: (kind: "message" | "pmessage", raw: string) => void
  /** Whole replies of another kind; from the first incomprehensible byte on, everything. */
  readonly rest: (bytes: Buffer) => void
}

const CR = 13
const LF = 10
const DOLLAR = 36
const MINUS = 45
const ZERO = 48
const NINE = 57

/** How the frames of messages begin, in RESP 2 and 3, and how many names come before the message. */
const heads = ["*", ">"].flatMap((type) => [
  { kind: "message" as const, bytes: Buffer.from(`${type}3\r\n$7\r\nmessage\r\n`), names: 1 },
  { kind: "pmessage" as const, bytes: Buffer.from(`${type}4\r\n$8\r\npmessage\r\n`), names: 2 }
])

/** No server sends more in one string (`proto-max-bulk-len`). */
const MOST_OF_A_STRING = 512 * 1024 * 1024
/** A reply that is not a message is small: one that does not fit is none we know. */
const MOST_OF_ANOTHER = 65_536
const DEEPEST = 16

/** Why there is no end of a frame. */
const INCOMPLETE = -1
const UNKNOWN = -2

type Head = (typeof heads)[number]

const headAt = (bytes: Buffer, at: number): Head | undefined => {
  for (const head of heads) if (startsWith(bytes, at, head.bytes)) return head
  return undefined
}

const startsWith = (bytes: Buffer, at: number, head: Buffer): boolean => {
  for (let i = 0; i < head.length; i++) if (bytes[at + i] !== head[i]) return false
  return true
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
  private text = 0

  constructor(private readonly targets: MessageReaderTargets) {}

  read(chunk: Buffer): void {
    if (this.off) return this.targets.rest(chunk)
    this.held.push(chunk)
    this.heldLength += chunk.length
    if (this.heldLength < this.wanted) return
    const bytes = this.held.length === 1 ? chunk : Buffer.concat(this.held, this.heldLength)
    this.wanted = 0
    const at = this.frames(bytes)
    this.held = at < bytes.length && !this.off ? [bytes.subarray(at)] : []
    this.heldLength = bytes.length - at
    if (this.off) this.handOver(bytes, at, bytes.length)
  }

  /** Takes frame after frame; where the first one begins that is not whole, or not understood. */
  private frames(bytes: Buffer): number {
    let at = 0
    // Where the replies begin that are not handed over yet.
    let rest = 0
    while (at < bytes.length) {
      const head = headAt(bytes, at)
      const end =
        head === undefined ? this.frameEnd(bytes, at, 0) : this.messageEnd(bytes, at, head)
      if (end < 0) {
        this.off =
          end === UNKNOWN || (head === undefined && bytes.length - at > MOST_OF_ANOTHER)
        break
      }
      if (head !== undefined) {
        this.handOver(bytes, rest, at)
        rest = end
        this.targets.message(head.kind, bytes.toString("utf8", this.text, end - 2))
      }
      at = end
    }
    this.handOver(bytes, rest, at)
    return at
  }

  private handOver(bytes: Buffer, from: number, to: number): void {
    if (from < to) this.targets.rest(bytes.subarray(from, to))
  }

  /** Where the frame of a message ends; where its text begins is in `text`. */
  private messageEnd(bytes: Buffer, at: number, head: Head): number {
    let end = at + head.bytes.length
    for (let i = 0; i <= head.names; i++) {
      if (end >= bytes.length) return INCOMPLETE
      const length = bytes[end] === DOLLAR ? this.count(bytes, end + 1) : UNKNOWN
      if (length < 0) return length
      if (length > MOST_OF_A_STRING) return UNKNOWN
      this.text = this.after
      end = this.after + length + 2
    }
    if (end <= bytes.length) return end
    this.wanted = end - at
    return INCOMPLETE
  }

  /** The number that fills the line from `at` on; the place behind the line is in `after`. */
  private count(bytes: Buffer, at: number): number {
    let value = 0
    for (let i = at; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0
      if (byte >= ZERO && byte <= NINE && value <= Number.MAX_SAFE_INTEGER / 100) {
        value = value * 10 + byte - ZERO
      } else if (byte === CR && i > at) {
        if (i + 1 >= bytes.length) return INCOMPLETE
        this.after = i + 2
        return bytes[i + 1] === LF ? value : UNKNOWN
      } else {
        return UNKNOWN
      }
    }
    return INCOMPLETE
  }

  private lineEnd(bytes: Buffer, at: number): number {
    const cr = bytes.indexOf("\r\n", at)
    return cr < 0 ? INCOMPLETE : cr + 2
  }

  /** Where the reply of any kind ends that begins at `at`. */
  private frameEnd(bytes: Buffer, at: number, depth: number): number {
    if (at >= bytes.length) return INCOMPLETE
    switch (String.fromCharCode(bytes[at] ?? 0)) {
      case "+":
      case "-":
      case ":":
      case "_":
      case ",":
      case "#":
      case "(":
        return this.lineEnd(bytes, at)
      case "$":
      case "!":
      case "=": {
        if (bytes[at + 1] === MINUS) return this.lineEnd(bytes, at)
        const length = this.count(bytes, at + 1)
        if (length < 0) return length
        const end = this.after + length + 2
        return end > bytes.length ? INCOMPLETE : end
      }
      case "*":
      case "~":
      case ">":
        return this.membersEnd(bytes, at, depth, 1)
      case "%":
      case "|":
        return this.membersEnd(bytes, at, depth, 2)
      default:
        return UNKNOWN
    }
  }

  private membersEnd(bytes: Buffer, at: number, depth: number, each: number): number {
    if (bytes[at + 1] === MINUS) return this.lineEnd(bytes, at)
    const members = this.count(bytes, at + 1)
    if (members < 0 || depth >= DEEPEST) return members < 0 ? members : UNKNOWN
    let end = this.after
    for (let i = 0; i < members * each; i++) {
      end = this.frameEnd(bytes, end, depth + 1)
      if (end < 0) return end
    }
    return end
  }
}
