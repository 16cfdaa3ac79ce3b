/** Memory in proportion to the input while it is read, and to what is kept afterwards. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as v8 from "node:v8"
import { runInNewContext } from "node:vm"
import { TenantId, TenantView } from "../../src/index.js"
import { decodeListing } from "../../src/internal/http/listing.js"
import { excerptOf } from "../../src/internal/http/sanitize.js"
import { failureMessage } from "../../src/internal/redis/failureMessage.js"
import { EventReader } from "../../src/internal/eventReader.js"
import { Machine } from "../../src/internal/machine.js"
import { settingsOf } from "../../src/internal/settings.js"
import { circumstances, list, manyMessages, shapes } from "./shapes.js"

const GROWTH = 16
/** In proportion it is 16, and quadratic 256. */
const BOUND = 40

const SMALL = 10_000
/** Less than that is nothing; the heap is not counted by the byte. */
const NOTHING = 64 * 1024

/** Every byte that is allocated, whether it is let go of again or not. */
const allocated = (run: () => void): number => {
  const profiler = new v8.GCProfiler()
  let last = process.memoryUsage().heapUsed
  profiler.start()
  run()
  const end = process.memoryUsage().heapUsed
  let sum = 0
  for (const { afterGC, beforeGC } of profiler.stop().statistics) {
    sum += beforeGC.heapStatistics.usedHeapSize - last
    last = afterGC.heapStatistics.usedHeapSize
  }
  return sum + end - last
}

const growth = (run: (text: string) => void, make: (size: number) => string): number => {
  const [small, large] = [make(SMALL), make(SMALL * GROWTH)]
  // The first time costs what is made once.
  run(small)
  run(large)
  return (
    allocated(() => run(large)) /
    Math.max(
      NOTHING,
      allocated(() => run(small))
    )
  )
}

v8.setFlagsFromString("--expose-gc")
const gc: unknown = runInNewContext("gc")

/** What the heap has more of than before, once all that nobody holds is collected. */
const kept = (make: () => unknown): number => {
  const collected = () => {
    if (typeof gc !== "function") throw new Error("there is no gc to be had")
    for (let round = 0; round < 2; round++) gc()
    return process.memoryUsage().heapUsed
  }
  const before = collected()
  const held = make()
  const after = collected()
  expect(held).toBeDefined()
  return after - before
}

const PADDING = 500_000
const MANY = 20
/** One or two may be held by the engine itself: what a regular expression matched last. */
const FEW = 4 * PADDING

/** A text of half a megabyte, flat in memory as one from a socket is. */
const digits = (index: number): string => Buffer.alloc(PADDING, String(index % 10)).toString()

/** So many times something that was read from a long text. */
const readings = <A>(read: (padding: string, index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: MANY }, (_, index) => read(digits(index), index))

const others = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: TenantId.make(`other-${i}`), name: undefined }))

const COMING = 2000
const ROOM = "x".repeat(3500)
/** Of the texts of all that come and go. */
const QUARTER = (2 * COMING * ROOM.length) / 4

/** Events of tenants that come and leave, each a flat text as one from a socket is. */
function* comingAndGoing(): Generator<string> {
  for (let i = 0; i < 2 * COMING; i++) {
    const [type, more] =
      i % 2 === 0 ? ["associated", "isolation_mode"] : ["suspended", "previous_status"]
    yield Buffer.from(
      `{"event_id":"event-${i}-of-some-length","event_type":"tenant.service.${type}","tenant_id":"tenant-${i >> 1}-of-some-length","payload":{"service_name":"ledger","${more}":"${ROOM}"}}`
    ).toString()
  }
}

describe("memory in proportion to the input", () => {
  const reader = () => new EventReader("ledger", undefined, 16)

  it.each(shapes)("a message of %s", (_name, make) => {
    const reading = reader()
    expect(growth((text) => reading.read([text]), make)).toBeLessThan(BOUND)
    expect(growth((text) => excerptOf(text, "secret"), make)).toBeLessThan(BOUND)
    expect(growth((text) => failureMessage(new Error(text), circumstances), make)).toBeLessThan(
      BOUND
    )
  })

  it("many messages, and a list", () => {
    const reading = reader()
    expect(growth((text) => reading.read(text.split("\n")), manyMessages)).toBeLessThan(BOUND)
    const decode = (text: string) => {
      const body: unknown = JSON.parse(text)
      Effect.runSync(decodeListing(body))
    }
    expect(growth(decode, list)).toBeLessThan(BOUND)
  })
})

describe("what is kept holds on to nothing of what it was read from", () => {
  it("what an event asks, its ID and what is told of it", () => {
    const reading = new EventReader("ledger", undefined, 4096)
    const read = (padding: string, index: number) => {
      const { directives, notices } = reading.read([
        `{"event_type":"tenant.service.associated","event_id":"event-${index}-of-some-length","tenant_id":"tenant-${index}-of-some-length","payload":{"service_name":"ledger"},"junk":"${padding}"}`,
        `{"event_type":"tenant.of.a.type.${index}","event_id":"other-${index}-of-some-length","tenant_id":"tenant-${index}","junk":"${padding}"}`,
        `{"event_type":"${padding}","tenant_id":"tenant-${index}"}`
      ])
      return { directives, notices }
    }
    expect(kept(() => ({ reading, told: readings(read) }))).toBeLessThan(FEW)
  })

  it("tenants that events brought and took away, and why", () => {
    const hold = () => {
      const reading = new EventReader("ledger", undefined, COMING)
      // Somebody else stays, so that those who left are not forgotten at once.
      let { view } = TenantView.applyListing(TenantView.empty, others(COMING))
      for (const raw of comingAndGoing()) {
        view = TenantView.applyEvents(view, reading.read([raw]).directives)
      }
      expect(view.size).toBe(COMING)
      return { reading, view }
    }
    expect(kept(hold)).toBeLessThan(QUARTER)
  })

  it("what came while a list was under way", () => {
    const now = { mono: 0, wall: 0 }
    const hold = () => {
      const machine = new Machine<never>("ledger", settingsOf(), () => 0, now)
      machine.accept([{ _tag: "Subscribed" }], now)
      machine.listStarted(now)
      for (const raw of comingAndGoing()) {
        machine.accept([{ _tag: "Messages", messages: [raw] }], now)
        machine.takeEffects()
      }
      return machine
    }
    expect(kept(hold)).toBeLessThan(QUARTER)
  })

  it("a tenant and its name", () => {
    const read = (padding: string, index: number) => {
      const body: unknown = JSON.parse(
        `[{"id":"tenant-${index}-of-some-length","name":"The name of ${index}","junk":"${padding}"},{"id":"${padding}"}]`
      )
      return Effect.runSync(Effect.either(decodeListing(body)))
    }
    expect(Either.isRight(read("", 0))).toBe(true)
    expect(kept(() => readings(read))).toBeLessThan(FEW)
  })

  it("an excerpt of a body that nobody has asked for yet", () => {
    const read = (padding: string) => [
      excerptOf(`{"key":"${padding}"}`, "secret"),
      excerptOf(`<html>${padding}`, "secret")
    ]
    expect(kept(() => readings(read))).toBeLessThan(FEW)
  })

  it("the beginning of a body, and an explanation", () => {
    const read = (padding: string) => [
      excerptOf(`{"key":"${padding}"}`, "secret"),
      excerptOf(`<html>${padding}`, "secret"),
      failureMessage(new Error(padding), circumstances)
    ]
    expect(kept(() => readings(read))).toBeLessThan(FEW)
  })
})
