/** Time in proportion to the input, whatever it is made of. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { EventReader } from "../../src/internal/eventReader.js"
import { excerptOf } from "../../src/internal/http/sanitize.js"
import { decodeListing } from "../../src/internal/http/listing.js"
import { failureMessage } from "../../src/internal/redis/failureMessage.js"
import { circumstances, list, manyMessages, shapes } from "./shapes.js"

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

describe("time in proportion to the input", () => {
  it.each(shapes)("a message of %s", (_name, make) => {
    const reader = new EventReader("ledger", undefined, 16)
    expect(growth((text) => reader.read([text]), make)).toBeLessThan(BOUND)
  })

  it("many messages, each with an ID of its own", () => {
    const reader = new EventReader("ledger", undefined, 4096)
    expect(growth((text) => reader.read(text.split("\n")), manyMessages)).toBeLessThan(BOUND)
  })

  it.each(shapes)("what is told of a body of %s", (_name, make) => {
    expect(growth((text) => excerptOf(text, "secret"), make)).toBeLessThan(BOUND)
  })

  it.each(shapes)("what is told of a Redis error of %s", (_name, make) => {
    expect(growth((text) => failureMessage(new Error(text), circumstances), make)).toBeLessThan(
      BOUND
    )
  })

  it("a list", () => {
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
