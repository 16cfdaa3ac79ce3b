/** Steady change: tenants are created, deleted, suspended and reactivated, some flap; passwords rotate. */
import type { Simulator } from "@tenant-discovery/simulator"
import { Effect, Random } from "effect"

export const FLEET = 1_000
/** The tenants that are suspended and reactivated again and again. */
const FLAPPING = 10

const pick = (from: ReadonlyArray<string>): Effect.Effect<string> =>
  Effect.map(Random.nextIntBetween(0, from.length), (index) => from[index] ?? "")

export const makeChange = (simulator: Simulator.SimulatorService) => {
  const suspended: Array<string> = []

  const once = Effect.gen(function* () {
    const active = yield* simulator.activeTenantIds()
    const chance = yield* Random.next
    if (chance < 0.2) return yield* simulator.rotate(yield* pick(active))
    if (chance < 0.4 && suspended.length > 0) {
      return yield* simulator.reactivate(suspended.shift() ?? "")
    }
    if (chance < 0.6 && active.length > FLEET * 0.9) {
      const id = yield* pick(active)
      suspended.push(id)
      return yield* simulator.suspend(id)
    }
    if (chance < 0.8 && active.length > FLEET) {
      return yield* simulator.deleteTenant(yield* pick(active))
    }
    if (chance < 0.9) {
      const flapping = yield* pick(active.slice(0, FLAPPING))
      return yield* Effect.zipRight(simulator.suspend(flapping), simulator.reactivate(flapping))
    }
    return yield* simulator.create()
  })

  return {
    /** Makes one change after the other; creations and deletions balance. */
    steady: once.pipe(
      Effect.ignoreLogged,
      Effect.zipRight(Effect.sleep("40 millis")),
      Effect.forever
    ),
    /** Ends with exactly `FLEET` active tenants. */
    restore: Effect.gen(function* () {
      for (const id of suspended.splice(0)) yield* Effect.ignore(simulator.reactivate(id))
      const active = yield* simulator.activeTenantIds()
      for (let left = FLEET - active.length; left > 0; left--) yield* simulator.create()
      for (const id of active.slice(FLEET)) yield* simulator.deleteTenant(id)
    })
  }
}
