/** Whatever comes, and in whatever pieces: the messages, and everything else as it came. */
import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { MessageReader } from "../../src/internal/redis/messageReader.js"
import { runs } from "../core/arbitraries.js"

type Frame =
  | { readonly _tag: "Message"; readonly text: string; readonly bytes: Buffer }
  | { readonly _tag: "Other"; readonly bytes: Buffer }

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

const text = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 10 }),
  fc.constantFrom("", "\r\n", "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n"),
  fc.integer({ min: 500, max: 5000 }).map((length) => "x".repeat(length))
)

const message = fc
  .record({
    start: fc.constantFrom("*3\r\n$7\r\nmessage\r\n", ">3\r\n$7\r\nmessage\r\n"),
    pattern: fc.constantFrom("*4\r\n$8\r\npmessage\r\n", ">4\r\n$8\r\npmessage\r\n"),
    patterned: fc.boolean(),
    channel: text,
    text
  })
  .map(({ channel, pattern, patterned, start, text }): Frame => {
    const head = patterned ? pattern + bulk("tenant-events:*") : start
    const bytes = Buffer.from(head + bulk(channel) + bulk(text))
    // What is no Unicode arrives as what the decoder makes of it.
    return { _tag: "Message", text: Buffer.from(text).toString(), bytes }
  })

const reply: fc.Arbitrary<string> = fc.letrec<{ reply: string; simple: string }>((tie) => ({
  simple: fc.oneof(
    fc.constantFrom("+OK\r\n", "-ERR no\r\n", ":7\r\n", "_\r\n", "#t\r\n", ",1.5\r\n", "(123\r\n"),
    fc.constantFrom("$-1\r\n", "*-1\r\n", "*0\r\n", "$0\r\n\r\n"),
    text.map(bulk)
  ),
  reply: fc.oneof(
    { depthSize: "small" },
    tie("simple"),
    fc
      .tuple(fc.constantFrom("*", "~", ">"), fc.array(tie("reply"), { maxLength: 4 }))
      .map(([type, members]) => `${type}${members.length}\r\n${members.join("")}`),
    fc
      .array(fc.tuple(tie("simple"), tie("reply")), { maxLength: 3 })
      .map((pairs) => `%${pairs.length}\r\n${pairs.flat().join("")}`)
  )
})).reply

const another = fc.oneof(
  fc.constantFrom("*2\r\n$4\r\npong\r\n$0\r\n\r\n", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"),
  reply
)

const isMessage = (bytes: string): boolean => /^[*>][34]\r\n\$[78]\r\np?message\r\n/.test(bytes)

const frame = fc.oneof(
  message,
  another
    .filter((bytes) => !isMessage(bytes))
    .map((bytes): Frame => ({ _tag: "Other", bytes: Buffer.from(bytes) }))
)

/** What was told, in order; what was handed over in a row as one. */
const read = (pieces: Iterable<Buffer>) => {
  const told: Array<{ readonly message?: string; rest?: string }> = []
  const reader = new MessageReader({
    message: (_kind, message) => {
      told.push({ message })
    },
    rest: (bytes) => {
      const last = told.at(-1)
      const rest = bytes.toString("latin1")
      if (last?.rest === undefined) told.push({ rest })
      else last.rest += rest
    }
  })
  for (const piece of pieces) reader.read(piece)
  return told
}

const inPieces = (bytes: Buffer, lengths: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const pieces: Array<Buffer> = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const length = lengths[i % Math.max(1, lengths.length)] ?? bytes.length
    pieces.push(bytes.subarray(at, at + length))
    at += length
  }
  return pieces
}

const lengths = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 6000 })),
  { maxLength: 8 }
)

describe("reading messages off the socket", () => {
  it("tells each message and hands over every other byte, in order, however it is cut", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 12 }), lengths, (frames, cuts) => {
        const expected: Array<{ readonly message?: string; rest?: string }> = []
        for (const one of frames) {
          const last = expected.at(-1)
          const rest = one.bytes.toString("latin1")
          if (one._tag === "Message") expected.push({ message: one.text })
          else if (last?.rest === undefined) expected.push({ rest })
          else last.rest += rest
        }
        const bytes = Buffer.concat(frames.map((one) => one.bytes))
        expect(read(inPieces(bytes, cuts))).toEqual(expected)
      }),
      runs(1000)
    )
  })

  it("hands over everything from the first byte on that it does not understand", () => {
    const garbage = fc.oneof(
      fc.constantFrom(
        "garbage\r\n",
        "*x\r\n",
        "$3x\r\nabc\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n"
      ),
      fc.constantFrom("*3\r\n$7\r\nmessage\r\n+c\r\n$1\r\nm\r\n", "$99999999999999999999\r\n"),
      fc.constant("*1\r\n".repeat(1000))
    )
    fc.assert(
      fc.property(message, garbage, fc.array(message), lengths, (first, odd, more, cuts) => {
        const after = Buffer.concat([Buffer.from(odd), ...more.map(({ bytes }) => bytes)])
        const told = read(inPieces(Buffer.concat([first.bytes, after]), cuts))
        expect(told).toEqual([
          { message: first._tag === "Message" ? first.text : "" },
          { rest: after.toString("latin1") }
        ])
      }),
      runs(300)
    )
  })

  it("a message of ten megabytes in pieces is put together once", () => {
    const text = "x".repeat(10_000_000)
    const bytes = Buffer.from(`*3\r\n$7\r\nmessage\r\n${bulk("c")}${bulk(text)}`)
    expect(read(inPieces(bytes, [65_536]))).toEqual([{ message: text }])
  })

  it("another reply that is too large to be one is left to the client", () => {
    const long = bulk("y".repeat(100_000))
    const bytes = Buffer.from(`*2\r\n${long}${long}`)
    expect(read(inPieces(bytes, [65_000]))).toEqual([{ rest: bytes.toString("latin1") }])
  })
})
