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
const TIME_BOUND = 80
const MEMORY_BOUND = 40
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

/** How many times as much time and memory a text takes that is 16 times as long. */
const growth = (run: (text: string) => void, make: (size: number) => string) => {
  const small = make(SMALL)
  const large = make(SMALL * GROWTH)
  // The first run allocates what is made once.
  run(small)
  run(large)
  // Several small runs, for the resolution of the clock.
  const few = time(() => {
    for (let round = 0; round < 8; round++) run(small)
  })
  const least = allocated(() => run(small))
  return {
    time: (8 * time(() => run(large))) / Math.max(few, 500),
    memory: allocated(() => run(large)) / Math.max(least, NOISE)
  }
}

describe("time and memory grow in proportion to the input", () => {
  const { read, receive } = makeProgram(4096)

  const cases: ReadonlyArray<readonly [string, (text: string) => void, (size: number) => string]> =
    [
      ...shapes.flatMap(([name, make]) => [
        [`a message of ${name}`, (text: string) => read([text]), make] as const,
        [
          `the excerpt of a body of ${name}`,
          (text: string) => excerptOf(text, "secret"),
          make
        ] as const,
        [`a Redis error of ${name}`, redisMessage, make] as const
      ]),
      ["many messages", (text) => receive(text.split("\n")), manyMessages],
      ["a list", (text) => readList(JSON.parse(text)), listText]
    ]

  it.each(cases)("%s", (_name, run, make) => {
    const { memory, time } = growth(run, make)
    expect(time).toBeLessThan(TIME_BOUND)
    expect(memory).toBeLessThan(MEMORY_BOUND)
  })

  it("a depth of 100 000, in every place", () => {
    const depth = 100_000
    const nested = [
      `${"[".repeat(depth)}${"]".repeat(depth)}`,
      `${'{"__proto__":'.repeat(depth)}1${"}".repeat(depth)}`
    ]
    for (const value of nested) {
      const readings = read([
        value,
        `{"event_type":"tenant.updated","tenant_id":"x","payload":${value}}`,
        `{"event_type":${value},"tenant_id":"x"}`,
        `{"event_type":"tenant.updated","tenant_id":${value}}`,
        `{"event_type":"tenant.service.associated","tenant_id":"x","payload":{"service_name":"ledger","modules":${value},"secret_paths":${value}}}`
      ])
      expect(readings.map(({ outcome }) => outcome)).toEqual([
        "malformed",
        "applied",
        "malformed",
        "malformed",
        "applied"
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
