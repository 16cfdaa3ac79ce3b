/** The laws that hold whenever nothing can run. */
import { Effect, Either } from "effect"
import type { TenantView } from "../../src/index.js"
import type { Observation } from "./Freshness.js"
import { checkListEffects } from "./listLaws.js"
import { allIds } from "./Model.js"
import type { Reader, Readers } from "./Readers.js"
import type { Simulation } from "./Simulation.js"
import { require, sorted } from "./violation.js"

/** Milliseconds by which two sums of the same times may differ. */
const ROUNDING = 0.01

/** NoLostEvent, NoResurrection: what an event said holds until a later list contradicts it. */
const checkEvents = ({ model }: Simulation, view: TenantView): void => {
  for (const id of allIds) {
    const { lastEvent } = model.of(id)
    require("NoLostEvent", lastEvent !== "Added" || view.has(id), () => `the view lacks ${id}`)
    require("NoResurrection", lastEvent !== "Removed" || !view.has(id), () => `the view has ${id}`)
  }
}

/** Honest: mode, `asOf` and status say what is proven, no more and no less. */
const checkHonesty = (simulation: Simulation, observation: Observation): void => {
  const { freshness, model } = simulation
  const { status, view } = observation
  const { asOf, earliest, latest } = freshness
  const honest = (condition: boolean, detail: () => string) => require("Honest", condition, detail)
  const ago = (time: number) => (time === 0 ? "never" : `${simulation.time.now - time} ms ago`)
  honest((status.mode !== "BootstrapOnly") === model.subscribed, () => {
    return `${model.subscribed ? "" : "not "}subscribed, and the mode is ${status.mode}`
  })
  honest(status.tenantCount === view.size && status.mode === view.mode, () => {
    return `the status says ${status.mode}, ${status.tenantCount}; the view ${view.mode}, ${view.size}`
  })
  honest(asOf <= latest + ROUNDING, () => `asOf is ${ago(asOf)}; proven is ${ago(latest)}`)
  honest(asOf >= earliest - ROUNDING, () => `asOf is ${ago(asOf)}; proven is ${ago(earliest)}`)
  const isLive = status.mode === "Live"
  honest(!isLive || freshness.appliedSeq > model.subscribedSeq, () => {
    return "Live without a list that began after the subscription"
  })
  for (const id of allIds) {
    const tenant = model.of(id)
    if (tenant.uncertainSeq !== undefined && freshness.honestSeq > tenant.uncertainSeq) {
      tenant.uncertainSeq = undefined
    }
    const isClaimed = (isLive && tenant.eventsInFlight === 0) || tenant.changedAt < asOf - ROUNDING
    if (tenant.uncertainSeq !== undefined || !isClaimed) continue
    honest(view.has(id) === tenant.active, () => {
      return `${status.mode}, asOf ${ago(asOf)}; ${id} ${tenant.active ? "is missing" : "is not active"}`
    })
  }
  const awaiting = simulation.lists.awaitingRemoval(view)
  honest(status.awaitingRemoval === awaiting, () => {
    return `${status.awaitingRemoval} tenants await removal; it should be ${awaiting}`
  })
}

/** Refreshed: a refresh ends with the first list that began after it and is applied or fails. */
const checkRefreshes = (simulation: Simulation): void => {
  const { freshness, lists } = simulation
  const failedSeq = lists.calls.findLast(({ end }) => end !== undefined && !end.answer)?.startedSeq
  simulation.refreshes = simulation.refreshes.filter(({ at, fiber, seq }) => {
    const exit = fiber.unsafePoll()
    if (exit === null) {
      require("Refreshed", freshness.certainSeq <= seq, () => "a list was applied; a refresh waits")
      require("Refreshed", (failedSeq ?? 0) <= seq, () => "a list failed; a refresh waits")
    } else if (exit._tag === "Success" && Either.isRight(exit.value)) {
      require("Refreshed", freshness.asOf >= at - ROUNDING, () => {
        return `a refresh succeeded; the view is ${at - freshness.asOf} ms older than it`
      })
    }
    return exit === null
  })
}

/** Honest: `requireFresh` answers a view if and only if it is as fresh as required. */
export const checkRequireFresh = (simulation: Simulation): void => {
  const { discovery } = simulation
  if (discovery === undefined || simulation.observe() === undefined) return
  const age = simulation.time.now - simulation.freshness.asOf
  const isFresh = (maxAge: number) =>
    Either.isRight(simulation.time.run(Effect.either(discovery.requireFresh(maxAge))))
  require("Honest", isFresh(age + 1), () => `refused a view that is ${age} ms old`)
  if (age >= 1) require("Honest", !isFresh(age - 1), () => `answered a view that is ${age} ms old`)
}

/** Alternates: what the reader received comes to the view. */
export const checkUpToDate = (reader: Reader, view: TenantView): void => {
  const [received, expected] = [sorted(reader.view.ids), sorted(view.ids)]
  require("Alternates", received === expected, () => {
    return `the ${reader.name} reader's changes come to ${received}; the view has ${expected}`
  })
}

/** Alternates: each reader gets `Added` and `Removed` of a tenant in turns. */
const checkReaders = (readers: Readers, view: TenantView): void => {
  for (const { name, unexpected } of readers.all) {
    require("Alternates", unexpected === undefined, () => `the ${name} reader got ${unexpected}`)
  }
  checkUpToDate(readers.quick, view)
  for (const sign of ["+", "-"]) {
    const [expected, called] = [readers.expectedCalls, readers.failing].map((calls) =>
      calls.filter((call) => call.startsWith(sign)).join(" ")
    )
    require("Alternates", expected === called, () => {
      return `a handler that fails was called for ${called}; expected ${expected}`
    })
  }
  require("Alternates", readers.hanging.length <= 1, () => {
    return `a handler that hangs was called again: ${readers.hanging.join(" ")}`
  })
}

/** Every law of this file, and what the lists did since the last check. */
export const checkLaws = (simulation: Simulation): void => {
  const now = simulation.observe()
  if (now === undefined) return
  checkEvents(simulation, now.view)
  if (simulation.readers !== undefined) checkReaders(simulation.readers, now.view)
  checkListEffects(simulation, now.view)
  checkHonesty(simulation, now)
  checkRefreshes(simulation)
}
