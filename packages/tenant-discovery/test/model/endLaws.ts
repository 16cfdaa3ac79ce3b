/** The laws of the end: once faults end, and after the close. */
import { checkLaws, checkUpToDate } from "./laws.js"
import { allIds } from "./Model.js"
import type { Simulation } from "./Simulation.js"
import { require, sorted } from "./violation.js"

/** The longest reconcile interval with its jitter. */
const INTERVAL = 60_000 * 1.2

/** Longer than lists that confirm a removal take, each after one second. */
const confirmations = ({ start }: Simulation): number =>
  Math.max(1, start.removalConfirmations - 1) * 1000 + 500

/** The mode that the discovery should reach. */
const checkMode = (simulation: Simulation, what: string): void => {
  const seen = simulation.observe()
  const expected = simulation.model.subscribed ? "Live" : "BootstrapOnly"
  require("Converges", seen === undefined || seen.status.mode === expected, () => {
    return `the mode is ${seen?.status.mode} ${what}`
  })
}

/**
 * Converges: once faults end, the view equals the truth within one reconcile interval. If the
 * tenant manager answers completely, a gap of the subscription is closed within its jitter.
 */
export const checkConvergence = (simulation: Simulation): void => {
  const { lists, model, start, time } = simulation
  const check = () => checkLaws(simulation)
  simulation.take({ _tag: "RepairLists" }, check)
  simulation.take({ _tag: "RepairBus" }, check)
  if (start.ending === "Converge") simulation.take({ _tag: "Subscribe" }, check)
  // What is under way arrives or times out.
  for (let waited = 0; waited < 120 && !simulation.idle; waited++) time.pass(1000, check)
  if (lists.calls.at(-1)?.end?.answer?.incomplete === false) {
    time.pass(start.resubscribeJitter + confirmations(simulation), check)
    checkMode(simulation, "after the time in which a gap is closed")
  }
  time.pass(INTERVAL + confirmations(simulation), check)
  const now = simulation.observe()
  require("Converges", now !== undefined || simulation.failedToStart, () => "it did not start")
  if (now === undefined) return
  require("Converges", sorted(now.view.ids) === sorted(model.active), () => {
    return `the view has ${sorted(now.view.ids)}; active are ${sorted(model.active)}`
  })
  checkMode(simulation, "after an interval")
  require("Refreshed", simulation.refreshes.length === 0, () => "a refresh waits for an interval")
}

/**
 * Bounded: a stalled reader misses two states of the view at most, which come to four changes
 * of a tenant each; and in time the slowest reader has the view.
 */
export const checkBounded = (simulation: Simulation): void => {
  const { readers, start, time } = simulation
  if (readers === undefined) return
  const { stalled } = readers
  const before = stalled.received.length
  readers.releaseStalled()
  const queued = stalled.received.slice(before)
  for (const id of allIds) {
    const count = queued.filter(({ tenant }) => tenant.id === id).length
    require("Bounded", count <= 2 * 4, () => `${count} changes of ${id} waited for a reader`)
  }
  const slowest = Math.max(start.slowness, 3000)
  time.pass(3 * 4 * allIds.length * slowest, () => checkLaws(simulation))
  const now = simulation.observe()
  if (now !== undefined) for (const reader of readers.all) checkUpToDate(reader, now.view)
}

/** SilentAfterClose: no handler, list, subscription, timer or fiber; the last view still answers. */
export const checkSilence = (simulation: Simulation): void => {
  const { bus, lists, time } = simulation
  const last = simulation.observe()?.view
  const { readers } = simulation
  simulation.close()
  const before = { lists: lists.calls.length, calls: readers?.handlerCalls }
  const silent = (condition: boolean, detail: () => string) =>
    require("SilentAfterClose", condition, detail)
  silent(simulation.fiberCount === 0, () => `${simulation.fiberCount} fibers are left`)
  silent(lists.inFlight === 0, () => "a list is in flight")
  silent(bus.sinks.size === 0, () => "a subscription is left")
  const pending = simulation.refreshes.filter(({ fiber }) => fiber.unsafePoll() === null)
  silent(pending.length === 0, () => `${pending.length} refreshes wait`)
  bus.signalAfterClose()
  // The stalled reader goes on, so that every reader but the hanging handler can end.
  readers?.releaseStalled()
  time.pass(3_600_000, () => undefined)
  silent(lists.calls.length === before.lists, () => "a list began")
  silent(readers?.handlerCalls === before.calls, () => "a handler was called")
  const waiting = (readers?.all ?? []).filter(({ fiber }) => fiber?.unsafePoll() === null)
  silent(waiting.length === 0, () => `${waiting.length} readers wait`)
  const view = simulation.observe()?.view
  silent(view?.ids === last?.ids, () => `the view has ${sorted(view?.ids ?? [])}`)
  silent(time.timers.size === 0, () => `${time.timers.size} timers are left`)
  readers?.close()
}
