/** What comes on the subscription's socket, right and wrong, in whatever pieces it comes. */
import { describe, expect, it } from "@effect/vitest"
import assert from "node:assert/strict"
import { setImmediate as turn } from "node:timers/promises"
import { MessageReader } from "../../src/internal/redis/messageReader.js"
import { cases, Dice, seed, TURN } from "./hostile.js"

const bulk = (text: string) => `$${Buffer.byteLength(text)}\r\n${text}\r\n`

const texts: readonly [string, ...ReadonlyArray<string>] = [
  "",
  "{}",
  '{"event_type":"tenant.deleted","tenant_id":"acme"}',
  "é\u2028\u{1f600}",
  "\r\n",
  "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n",
  "$-1\r\n",
  "x".repeat(300)
]

/** Replies of other kinds, as a server sends them in RESP 2 and 3. */
const others: readonly [string, ...ReadonlyArray<string>] = [
  "+OK\r\n",
  "-ERR unknown command\r\n",
  ":7\r\n",
  "$-1\r\n",
  "*-1\r\n",
  "*0\r\n",
  bulk("PONG"),
  `*2\r\n${bulk("pong")}${bulk("")}`,
  `*3\r\n${bulk("subscribe")}${bulk("tenant-events:production:")}:1\r\n`,
  `>3\r\n${bulk("psubscribe")}${bulk("tenant-events:*")}:1\r\n`,
  `*3\r\n${bulk("messages")}${bulk("c")}${bulk("no message")}`,
  `*2\r\n*1\r\n:1\r\n${bulk("nested")}`,
  `%1\r\n+server\r\n${bulk("redis")}`,
  "_\r\n",
  "#t\r\n",
  ",1.5\r\n"
]

/** What was said: a message, or bytes for the client, those in a row as one. */
type Said = { readonly message: string } | { readonly rest: string }

const listen = (read: (reader: MessageReader) => void): ReadonlyArray<Said> => {
  const said: Array<Said> = []
  const reader = new MessageReader({
    message: (_kind, raw) => said.push({ message: raw }),
    rest: (bytes) => {
      const last = said.at(-1)
      const rest = bytes.toString("latin1")
      if (last !== undefined && "rest" in last) said[said.length - 1] = { rest: last.rest + rest }
      else said.push({ rest })
    }
  })
  read(reader)
  return said
}

const whole = (bytes: Buffer) => listen((reader) => reader.read(bytes))

const inPieces = (bytes: Buffer, dice: Dice) =>
  listen((reader) => {
    const most = dice.pick([1, 3, 20, 100])
    for (let at = 0; at < bytes.length;) {
      const size = 1 + dice.below(most)
      // A copy each, as from a socket.
      reader.read(Buffer.from(bytes.subarray(at, at + size)))
      at += size
    }
  })

interface Stream {
  readonly bytes: Buffer
  readonly said: ReadonlyArray<Said>
}

const stream = (dice: Dice): Stream => {
  const said: Array<Said> = []
  let bytes = ""
  for (let replies = 1 + dice.below(6); replies > 0; replies--) {
    if (dice.chance(0.6)) {
      const message = dice.pick(texts)
      const type = dice.pick(["*", ">"])
      bytes += dice.chance(0.5)
        ? `${type}3\r\n${bulk("message")}${bulk("tenant-events:é:")}${bulk(message)}`
        : `${type}4\r\n${bulk("pmessage")}${bulk("tenant-events:*")}${bulk("c")}${bulk(message)}`
      said.push({ message })
    } else {
      const rest = dice.pick(others)
      bytes += rest
      const last = said.at(-1)
      if (last !== undefined && "rest" in last) said[said.length - 1] = { rest: last.rest + rest }
      else said.push({ rest })
    }
  }
  return { bytes: Buffer.from(bytes), said }
}

/** With some bytes changed, left out or put in. */
const spoilt = (bytes: Buffer, dice: Dice): Buffer => {
  let result = bytes
  for (let changes = 1 + dice.below(3); changes > 0; changes--) {
    const at = dice.below(result.length + 1)
    const byte = dice.chance(0.5) ? dice.below(256) : dice.pick([13, 10, 36, 42, 45, 48, 57, 62])
    const skipped = dice.below(3)
    const added = dice.chance(0.7) ? Buffer.of(byte) : Buffer.alloc(0)
    result = Buffer.concat([result.subarray(0, at), added, result.subarray(at + skipped)])
  }
  return result
}

/** A stream is several replies, each of them read twice. */
const streams = Math.ceil(cases / 4)

describe(`the socket, seed ${seed}`, () => {
  it(
    `${streams} streams: each message once, in order, whatever the pieces; the rest to the client`,
    async () => {
      const dice = new Dice(seed)
      for (let done = 0; done < streams; done++) {
        if (done % TURN === 0) await turn()
        const { bytes, said } = stream(dice)
        assert.deepEqual(whole(bytes), said)
        assert.deepEqual(inPieces(bytes, dice), said)
      }
    },
    streams * 2 + 60_000
  )

  it(
    `${streams} spoilt streams: never a throw, the same whatever the pieces, no byte twice`,
    async () => {
      const dice = new Dice(seed + 1)
      let spoiling = 0
      for (let done = 0; done < streams; done++) {
        if (done % TURN === 0) await turn()
        const { bytes, said } = stream(dice)
        const bad = spoilt(bytes, dice)
        const heard = whole(bad)
        assert.deepEqual(inPieces(bad, dice), heard)
        let length = 0
        for (const one of heard) {
          length += "rest" in one ? one.rest.length : Buffer.byteLength(one.message)
        }
        assert(length <= bad.length + 2 * bad.filter((byte) => byte > 127).length)
        if (JSON.stringify(heard) !== JSON.stringify(said)) spoiling++
      }
      expect(spoiling).toBeGreaterThan(streams / 2)
    },
    streams * 2 + 60_000
  )
})
