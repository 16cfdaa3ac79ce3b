/** What is kept of a text does not keep the text: a slice in V8 does. */
import { describe, expect, it } from "@effect/vitest"
import * as v8 from "node:v8"
import { runInNewContext } from "node:vm"
import { TenantId } from "../../src/index.js"
import { excerptOf, makeProgram, readList, redisMessage } from "./support.js"

v8.setFlagsFromString("--expose-gc")
const gc: unknown = runInNewContext("gc")

const usedAfterCollection = (): number => {
  if (typeof gc !== "function") throw new Error("V8 exposes no gc")
  for (let round = 0; round < 2; round++) gc()
  return process.memoryUsage().heapUsed
}

/** How many bytes of the heap the result of `make` keeps. */
const keptBy = (make: () => unknown): number => {
  const before = usedAfterCollection()
  const kept = make()
  const after = usedAfterCollection()
  expect(kept).toBeDefined()
  return after - before
}

const PADDING = 500_000
const MANY = 20
/** V8 itself keeps the text that a regular expression matched last. */
const FEW = 4 * PADDING

/** A text of half a megabyte, flat in memory as one from a socket is. */
const digits = (index: number): string => Buffer.alloc(PADDING, String(index % 10)).toString()

const readMany = <A>(read: (padding: string, index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: MANY }, (_, index) => read(digits(index), index))

const COMING = 2000
const ROOM = "x".repeat(3500)
/** A quarter of all the texts. */
const QUARTER = (2 * COMING * ROOM.length) / 4

/** Events of tenants that become active and are suspended, each a flat text. */
function* addedAndRemoved(): Generator<string> {
  for (let i = 0; i < 2 * COMING; i++) {
    const [type, more] =
      i % 2 === 0 ? ["associated", "isolation_mode"] : ["suspended", "previous_status"]
    yield Buffer.from(
      `{"event_id":"event-${i}-of-some-length","event_type":"tenant.service.${type}","tenant_id":"tenant-${i >> 1}-of-some-length","payload":{"service_name":"ledger","${more}":"${ROOM}"}}`
    ).toString()
  }
}

describe("memory that is kept", () => {
  it("an event, its ID and its log lines keep no message", () => {
    const program = makeProgram(4096)
    const readings = () =>
      readMany((padding, index) =>
        program.read([
          `{"event_type":"tenant.service.associated","event_id":"event-${index}-of-some-length","tenant_id":"tenant-${index}-of-some-length","payload":{"service_name":"ledger"},"junk":"${padding}"}`,
          `{"event_type":"tenant.of.a.type.${index}","event_id":"other-${index}-of-some-length","tenant_id":"tenant-${index}","junk":"${padding}"}`,
          `{"event_type":"${padding}","tenant_id":"tenant-${index}"}`,
          `{"event_type":"tenant.deleted","event_id":"${padding}","tenant_id":"${padding}","payload":{"${padding}":1}}`,
          `{"event_type":"tenant.cache.invalidate","tenant_id":"tenant-${index}","payload":{"service_name":"${padding}"}}`
        ])
      )
    expect(keptBy(() => ({ program, readings: readings() }))).toBeLessThan(FEW)
  })

  it("the view, its change log and the recent event IDs keep no message", () => {
    const others = Array.from({ length: COMING }, (_, i) => ({
      id: TenantId.make(`other-${i}`),
      name: undefined
    }))
    const receiveAll = () => {
      const program = makeProgram(2 * COMING, others)
      for (const raw of addedAndRemoved()) program.receive([raw])
      expect(program.state().view.size).toBe(COMING)
      expect(program.state().view.log.length).toBeGreaterThan(2 * COMING)
      return program
    }
    expect(keptBy(receiveAll)).toBeLessThan(QUARTER)
  })

  it("a list in flight keeps no message", () => {
    const receiveAll = () => {
      const program = makeProgram(2 * COMING)
      program.startList()
      for (const raw of addedAndRemoved()) program.receive([raw])
      expect(program.state().list).toBeDefined()
      return program
    }
    expect(keptBy(receiveAll)).toBeLessThan(QUARTER)
  })

  it.each<readonly [string, (padding: string, index: number) => unknown]>([
    [
      "a tenant and its name keep no body",
      (padding, index) =>
        readList(
          JSON.parse(
            `[{"id":"tenant-${index}-of-some-length","name":"The name of ${index}","junk":"${padding}"},{"id":"${padding}"}]`
          )
        )
    ],
    [
      "an excerpt keeps no body",
      (padding) =>
        [`{"key":"${padding}"}`, `<html>${padding}`].map((body) => excerptOf(body, "secret"))
    ],
    ["the message of a Redis error keeps no text of the server", redisMessage]
  ])("%s", (_name, read) => {
    expect(keptBy(() => readMany(read))).toBeLessThan(FEW)
  })
})
