/** Steady change: tenants are created, deleted, suspended and reactivated; passwords rotate. */
import type { Simulator } from "@tenant-discovery/simulator"
import { Effect } from "effect"

export const FLEET = 5_000

const pick = (from: ReadonlyArray<string>): string =>
  from[Math.floor(Math.random() * from.length)] ?? ""

/** Makes one change after the other; creations and deletions balance. */
export const steadyChange = (simulator: Simulator.SimulatorService): Effect.Effect<never> => {
  const suspended: Array<string> = []
  const once = Effect.gen(function* () {
    const active = yield* simulator.activeTenantIds()
    const chance = Math.random()
    if (chance < 0.2) return yield* simulator.rotate(pick(active))
    if (chance < 0.4 && suspended.length > 0) {
      return yield* simulator.reactivate(suspended.shift() ?? "")
    }
    if (chance < 0.6 && active.length > FLEET / 2) {
      const id = pick(active)
      suspended.push(id)
      return yield* simulator.suspend(id)
    }
    if (chance < 0.8 && active.length > FLEET) return yield* simulator.deleteTenant(pick(active))
    return yield* simulator.create()
  })
  return once.pipe(Effect.ignoreLogged, Effect.zipRight(Effect.sleep("20 millis")), Effect.forever)
}
