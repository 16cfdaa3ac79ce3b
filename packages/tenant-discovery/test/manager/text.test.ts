import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { textOf } from "../../src/internal/http/text.js"

const ascii = fc.uint8Array({ max: 0x7f, maxLength: 40 })
const any = fc.oneof(ascii, fc.uint8Array({ maxLength: 40 }))

describe("the text of a body", () => {
  it("is what a decoder of UTF-8 makes of it, wherever in its buffer it stands", () => {
    fc.assert(
      fc.property(any, fc.nat(9), fc.nat(9), (bytes, before, after) => {
        const room = new Uint8Array(before + bytes.length + after).fill(0xff)
        room.set(bytes, before)
        const part = room.subarray(before, before + bytes.length)
        expect(textOf(part)).toBe(new TextDecoder().decode(bytes))
      })
    )
  })

  it("has no byte order mark", () => {
    expect(textOf(new TextEncoder().encode("\ufeff[]"))).toBe("[]")
  })

  it("is the same with one letter beyond ASCII, at whatever place", () => {
    const letters = "abcdefghijklm"
    for (let at = 0; at <= letters.length; at++) {
      const text = `${letters.slice(0, at)}é${letters.slice(at)}`
      expect(textOf(new TextEncoder().encode(text))).toBe(text)
    }
  })
})
