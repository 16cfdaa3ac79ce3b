/** The mailbox of the listener under more messages than it holds. */
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeInputs, SERVICE, tagsOf } from "./support.js"

const ours = JSON.stringify({ event_type: "tenant.deleted", tenant_id: "acme" })
const other = JSON.stringify({
  event_type: "tenant.service.purged",
  tenant_id: "acme",
  payload: { service_name: "other" }
})

const make = (bufferMessages: number, bufferCharacters: number) =>
  makeInputs(SERVICE, { bufferMessages, bufferCharacters })

describe("overflow of the mailbox", () => {
  it.effect("drops messages, reports one loss, and drops no control input", () =>
    Effect.gen(function* () {
      const { offer, sink, takeWaiting } = yield* make(2, 1_000)
      sink.subscribed()
      for (let round = 0; round < 10; round++) {
        sink.message(ours)
        sink.alive(1n)
      }
      sink.lost({ _tag: "ConnectionLost", message: "closed" })
      offer({ _tag: "TimerFired" })
      expect(tagsOf(yield* takeWaiting)).toEqual([
        "Subscribed",
        "Message",
        "Alive",
        "Message",
        "Alive",
        // The loss comes before the heartbeats after it: they prove nothing.
        "Lost",
        "Subscribed",
        ...Array.from({ length: 8 }, () => "Alive"),
        "Lost",
        "TimerFired"
      ])
      // There is room again.
      sink.message(ours)
      expect(tagsOf(yield* takeWaiting)).toEqual(["Message"])
    })
  )

  it.effect("bounds the characters that wait", () =>
    Effect.gen(function* () {
      const { sink, takeWaiting } = yield* make(1_000, 2 * ours.length)
      for (let round = 0; round < 10; round++) sink.message(ours)
      expect(tagsOf(yield* takeWaiting)).toEqual(["Message", "Message", "Lost", "Subscribed"])
    })
  )

  it.effect("counts the messages of other services and does not keep them", () =>
    Effect.gen(function* () {
      const { sink, takeIgnored, takeWaiting } = yield* make(2, 1_000)
      for (let round = 0; round < 100; round++) sink.message(other)
      expect(tagsOf(yield* takeWaiting)).toEqual([])
      expect([takeIgnored(), takeIgnored()]).toEqual([100, 0])
    })
  )

  it.effect("hands out a burst in turns of at most 512, in the order of arrival", () =>
    Effect.gen(function* () {
      const { sink, takeWaiting } = yield* make(65_536, 1e9)
      for (let n = 0; n < 65_536; n++) sink.message(`${ours}${n}`)
      const turns = yield* takeWaiting
      expect(Math.max(...turns.map((turn) => tagsOf([turn]).length))).toBe(512)
      const order = turns.flat().flatMap((arrival) => ("raw" in arrival ? arrival.raw : []))
      expect(order.map((raw) => Number(raw.slice(ours.length)))).toEqual(
        Array.from({ length: 65_536 }, (_, n) => n)
      )
    })
  )
})
