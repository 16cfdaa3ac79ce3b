/** Time in proportion to the input, whatever it is made of. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventReader } from "../../src/internal/eventReader.js"
import { excerpt } from "../../src/internal/http/sanitize.js"
import { decodeListing } from "../../src/internal/http/listing.js"
import { explain } from "../../src/internal/redis/explain.js"

const GROWTH = 16
/** In proportion it is 16, and quadratic 256: a busy machine is not held against it. */
const BOUND = 80

const SMALL = 10_000

/** The least time that it took, of several: what else the machine did is not in it. */
const quickest = (run: () => void): number => {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const began = performance.now()
    run()
    least = Math.min(least, performance.now() - began)
  }
  return least
}

const growth = (run: (text: string) => void, make: (size: number) => string): number => {
  const small = make(SMALL)
  const large = make(SMALL * GROWTH)
  run(small)
  // Times a few, so that the small one is not lost in the clock's coarseness.
  const few = quickest(() => {
    for (let round = 0; round < 8; round++) run(small)
  })
  return (8 * quickest(() => run(large))) / Math.max(few, 0.5)
}

const repeated = (part: string) => (size: number) => part.repeat(Math.ceil(size / part.length))
const inside = (part: string) => (size: number) =>
  `{"event_type":"tenant.service.associated","tenant_id":"x",${repeated(part)(size)}"payload":{"service_name":"other"}}`

const messages: ReadonlyArray<readonly [string, (size: number) => string]> = [
  ["one long text", (size) => `"${"x".repeat(size)}"`],
  ["quotes", repeated('"')],
  ["backslashes", repeated("\\")],
  ["open arrays", repeated("[")],
  ["arrays in arrays", (size) => "[".repeat(size / 2) + "]".repeat(size / 2)],
  ["objects in objects", (size) => `${'{"a":'.repeat(size / 6)}1${"}".repeat(size / 6)}`],
  ["white space", repeated(" ")],
  ["service_name and white space", inside('"service_name"      ,')],
  ["service_name and a colon", inside('"service_name":      7,')],
  ["the beginning of a type", inside('"tenant.service.":1,')],
  ["duplicate keys", inside('"event_id":"x",')],
  [
    "different keys",
    (size) => inside(Array.from({ length: size / 12 }, (_, n) => `"${n}":1,`).join(""))(1)
  ],
  ["the service's name, nearly", repeated('"ledge')],
  ["one long number", (size) => `[1${"0".repeat(size)}]`],
  ["lone surrogates", repeated("\ud800")]
]

describe("time in proportion to the input", () => {
  it.each(messages)("a message of %s", (_name, make) => {
    const reader = new EventReader("ledger", undefined, 16)
    expect(growth((text) => reader.read([text]), make)).toBeLessThan(BOUND)
  })

  it("many messages, each with an ID of its own", () => {
    const reader = new EventReader("ledger", undefined, 4096)
    const many = (size: number) =>
      Array.from({ length: size / 100 }, (_, n) =>
        JSON.stringify({ event_type: "tenant.deleted", tenant_id: `t${n}`, event_id: `e${n}` })
      ).join("\n")
    expect(growth((text) => reader.read(text.split("\n")), many)).toBeLessThan(BOUND)
  })

  it.each(messages)("what is told of a body of %s", (_name, make) => {
    expect(growth((text) => excerpt(text, "secret"), make)).toBeLessThan(BOUND)
  })

  it.each(messages)("what is told of a Redis error of %s", (_name, make) => {
    const at = {
      server: "Redis",
      channel: "c",
      tls: undefined,
      answered: true,
      secrets: ["secret"]
    }
    expect(growth((text) => explain(new Error(text), at), make)).toBeLessThan(BOUND)
  })

  it("a list", () => {
    const list = (size: number) =>
      JSON.stringify(
        Array.from({ length: size / 40 }, (_, n) => ({
          id: n % 3 === 0 ? `a b ${n}` : `tenant-${n}`
        }))
      )
    const decode = (text: string) => {
      const body: unknown = JSON.parse(text)
      Effect.runSync(decodeListing(body))
    }
    expect(growth(decode, list)).toBeLessThan(BOUND)
  })

  it("depth 100 000, in every place", () => {
    const reader = new EventReader("ledger", undefined, 16)
    const depth = 100_000
    const nested = [
      `${"[".repeat(depth)}${"]".repeat(depth)}`,
      `${'{"__proto__":'.repeat(depth)}1${"}".repeat(depth)}`
    ]
    for (const value of nested) {
      const { tally } = reader.read([
        value,
        `{"event_type":"tenant.updated","tenant_id":"x","payload":${value}}`,
        `{"event_type":${value},"tenant_id":"x"}`,
        `{"event_type":"tenant.updated","tenant_id":${value}}`,
        `{"event_type":"tenant.service.associated","tenant_id":"x","payload":{"service_name":"ledger","modules":${value},"secret_paths":${value}}}`
      ])
      expect(tally).toMatchObject({ received: 5, applied: 1, malformed: 4 })
      const body: unknown = JSON.parse(
        `[${value},{"id":${value}},{"id":"x","name":${value},"status":""}]`
      )
      expect(Effect.runSync(decodeListing(body))).toMatchObject({
        tenants: [{ id: "x", name: undefined }],
        skipped: 2
      })
    }
  })
})
