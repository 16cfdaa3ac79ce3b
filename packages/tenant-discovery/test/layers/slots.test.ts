import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Option } from "effect"
import { type Outcome, Slots, type Waiter } from "../../src/internal/layers/slots.js"
import { TenantId } from "../../src/Tenant.js"

const queued = (slots: Slots, id: string) =>
  Effect.map(Deferred.make<Outcome>(), (outcome) => {
    const waiter: Waiter = { tenantId: TenantId.make(id), outcome, granted: false }
    slots.enqueue(waiter)
    return waiter
  })

const outcomeOf = ({ outcome }: Waiter) =>
  Effect.flatMap(
    Deferred.poll(outcome),
    Option.match({ onNone: () => Effect.succeed(undefined), onSome: (done) => done })
  )

describe("places", () => {
  it.effect("go to those who wait, in order, and to nobody before them", () =>
    Effect.gen(function* () {
      const slots = new Slots(1)
      expect(slots.tryTake()).toBe(true)
      expect(slots.tryTake()).toBe(false)
      const first = yield* queued(slots, "first")
      const second = yield* queued(slots, "second")
      slots.giveBack()
      expect(yield* outcomeOf(first)).toBe("Granted")
      expect(yield* outcomeOf(second)).toBeUndefined()
      expect(slots.tryTake()).toBe(false)
      slots.giveBack()
      expect(yield* outcomeOf(second)).toBe("Granted")
      slots.giveBack()
      expect(slots.tryTake()).toBe(true)
    })
  )

  it.effect("that were granted to one who has gone go to the next", () =>
    Effect.gen(function* () {
      const slots = new Slots(1)
      slots.tryTake()
      const first = yield* queued(slots, "first")
      const second = yield* queued(slots, "second")
      slots.giveBack()
      slots.leave(first)
      expect(yield* outcomeOf(second)).toBe("Granted")
      slots.leave(second)
      expect(slots.tryTake()).toBe(true)
      const third = yield* queued(slots, "third")
      slots.leave(third)
      expect(slots.waiting).toBe(0)
      slots.giveBack()
      expect(slots.tryTake()).toBe(true)
    })
  )

  it.effect("are not needed by who can share, nor waited for after the close", () =>
    Effect.gen(function* () {
      const slots = new Slots(1)
      slots.tryTake()
      const one = yield* queued(slots, "acme")
      const other = yield* queued(slots, "globex")
      slots.wake(TenantId.make("acme"))
      expect([yield* outcomeOf(one), yield* outcomeOf(other)]).toEqual(["Shared", undefined])
      slots.close()
      expect(yield* outcomeOf(other)).toBe("Closed")
      expect(slots.waiting).toBe(0)
    })
  )
})
