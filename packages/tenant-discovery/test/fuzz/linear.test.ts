/** Time and memory in proportion to the size of an input. */
import { describe, expect, it } from "@effect/vitest"
import * as v8 from "node:v8"
import {
  excerptOf,
  listText,
  makeProgram,
  manyMessages,
  readList,
  redisMessage,
  shapes
} from "./support.js"

const GROWTH = 16
const SMALL = 10_000
/** In proportion it is 16, and quadratic 256. */
const BOUND = 80
/** Less than that is noise of the heap. */
const NOISE = 64 * 1024

/** Microseconds of processor time, the least of several runs. */
const time = (run: () => void): number => {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage()
    run()
    const { system, user } = process.cpuUsage(before)
    least = Math.min(least, user + system)
  }
  return least
}

/** All bytes that are allocated, collected or not. */
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

const isLinear = (run: (text: string) => void, make: (size: number) => string): void => {
  const small = make(SMALL)
  const large = make(SMALL * GROWTH)
  // The first run allocates what is made once.
  run(small)
  run(large)
  // Several small runs, for the resolution of the clock.
  const few = time(() => {
    for (let round = 0; round < 8; round++) run(small)
  })
  expect((8 * time(() => run(large))) / Math.max(few, 500)).toBeLessThan(BOUND)
  const least = Math.max(
    NOISE,
    allocated(() => run(small))
  )
  expect(allocated(() => run(large)) / least).toBeLessThan(BOUND / 2)
}

describe("time and memory in proportion to the input", () => {
  const { read } = makeProgram(4096)

  it.each(shapes)("a message of %s", (_name, make) => {
    isLinear((text) => read([text]), make)
  })

  it("many messages, each with an ID of its own", () => {
    const { receive } = makeProgram(4096)
    isLinear((text) => receive(text.split("\n")), manyMessages)
  })

  it.each(shapes)("the excerpt of a body of %s", (_name, make) => {
    isLinear((text) => excerptOf(text, "secret"), make)
  })

  it.each(shapes)("a Redis error of %s", (_name, make) => {
    isLinear(redisMessage, make)
  })

  it("a list", () => {
    isLinear((text) => readList(JSON.parse(text)), listText)
  })

  it("a depth of 100 000, in every place", () => {
    const depth = 100_000
    const nested = [
      `${"[".repeat(depth)}${"]".repeat(depth)}`,
      `${'{"__proto__":'.repeat(depth)}1${"}".repeat(depth)}`
    ]
    for (const value of nested) {
      const { outcomes } = read([
        value,
        `{"event_type":"tenant.updated","tenant_id":"x","payload":${value}}`,
        `{"event_type":${value},"tenant_id":"x"}`,
        `{"event_type":"tenant.updated","tenant_id":${value}}`,
        `{"event_type":"tenant.service.associated","tenant_id":"x","payload":{"service_name":"ledger","modules":${value},"secret_paths":${value}}}`
      ])
      expect([...outcomes].sort()).toEqual([
        ["applied", 2],
        ["malformed", 3]
      ])
      const body: unknown = JSON.parse(
        `[${value},{"id":${value}},{"id":"x","name":${value},"status":""}]`
      )
      expect(readList(body)).toMatchObject({
        right: { tenants: [{ id: "x", name: undefined }], skipped: 2 }
      })
    }
  })
})
