/** The validators, each named after its law. Each throws with what was seen and what was right. */
import { Effect, Either } from "effect"
import type { TenantId, TenantView } from "../../src/index.js"
import type { Reader } from "./Audience.js"
import { allIds } from "./Knowledge.js"
import { eachOnTime } from "./oneList.js"
import type { Seen } from "./Proofs.js"
import { hold, sorted } from "./verdict.js"
import type { World } from "./World.js"

/** Two sums of the same times may differ by this: milliseconds. */
const ROUNDING = 0.01

/** NoLostEvent and NoResurrection: what an event that arrived said holds until a later list can say otherwise. */
const eventsHold = ({ known, misled }: World, view: TenantView): void => {
  for (const id of allIds) {
    const { eventSaid } = known.of(id)
    if (eventSaid === "Added") {
      hold("NoLostEvent", view.has(id), () => `an event added ${id}, and the view lacks it`)
    }
    if (eventSaid === "Removed") {
      hold("NoResurrection", !view.has(id), () => `an event removed ${id}, and the view has it`)
    }
  }
  hold("Alternates", misled === undefined, () => misled ?? "")
}

/** Honest: the mode and `asOf` claim what happened: no more, and where it was proven no less. */
const honest = (world: World, { status, view }: Seen): void => {
  const { known, proofs } = world
  hold("Honest", (status.mode !== "BootstrapOnly") === known.subscribed, () =>
    known.subscribed ? "subscribed, and says not" : `not subscribed, and says ${status.mode}`
  )
  hold("Honest", status.tenantCount === view.size && status.mode === view.mode, () => {
    return `the status says ${status.mode}, ${status.tenantCount}; the view ${view.mode}, ${view.size}`
  })
  const { asOf } = proofs
  const ago = (time: number) => (time === 0 ? "never" : `${world.time.now - time} ms ago`)
  hold("Honest", asOf <= proofs.atMost + ROUNDING, () => {
    return `it says that it was right ${ago(asOf)}; that is proven of ${ago(proofs.atMost)}`
  })
  hold("Honest", asOf >= proofs.atLeast - ROUNDING, () => {
    return `it says that it was right ${ago(asOf)}, and that is proven of ${ago(proofs.atLeast)}`
  })
  const live = status.mode === "Live"
  hold("Honest", !live || proofs.takenSeq > known.subscribedSeq, () => {
    return "Live, without a list that began after the subscription"
  })
  for (const id of allIds) {
    const tenant = known.of(id)
    if (tenant.taintedSeq !== undefined && proofs.honestSeq > tenant.taintedSeq) {
      tenant.taintedSeq = undefined
    }
    if (tenant.taintedSeq !== undefined) continue
    if ((live && tenant.onTheLink === 0) || tenant.changedAt < asOf - ROUNDING) {
      hold("Honest", view.has(id) === tenant.active, () => {
        const claim = `${status.mode}, right as of ${world.time.now - asOf} ms ago`
        return `${claim}; ${id} ${tenant.active ? "is missing" : "should be gone"}`
      })
    }
  }
}

/** Honest: a refresh is done when a list that began after it was taken over. */
const refreshed = (world: World): void => {
  world.refreshes = world.refreshes.filter(({ at, fiber }) => {
    const exit = fiber.unsafePoll()
    if (exit?._tag === "Success" && Either.isRight(exit.value)) {
      hold("Honest", world.proofs.asOf >= at - ROUNDING, () => {
        return `a refresh is done, and the view is ${at - world.proofs.asOf} ms older than it`
      })
    }
    return exit === null
  })
}

/** Honest: `requireFresh` gives out nothing older than asked, and refuses nothing that is not. */
export const freshAsAsked = (world: World): void => {
  const { discovery } = world
  if (discovery === undefined || world.look() === undefined) return
  const age = world.time.now - world.proofs.asOf
  const fresh = (maxAge: number) =>
    Either.isRight(world.time.run(Effect.either(discovery.requireFresh(maxAge))))
  hold("Honest", fresh(age + 1), () => `refused though it is only ${age} ms old`)
  if (age >= 1) hold("Honest", !fresh(age - 1), () => `older than asked: ${age} ms`)
}

const knows = (reader: Reader, view: TenantView): void => {
  const as = sorted(view.ids)
  hold("Alternates", sorted(reader.present) === as, () => {
    return `the ${reader.name} reader knows ${sorted(reader.present)}; the view has ${as}`
  })
  hold("Alternates", sorted(reader.view.ids) === as, () => {
    return `the ${reader.name} reader's changes come to ${sorted(reader.view.ids)}; the view has ${as}`
  })
}

/** Alternates: for each reader Added and Removed of a tenant take turns, and the changes come to the view. */
const alternates = ({ audience }: World, view: TenantView): void => {
  if (audience === undefined) return
  for (const { name, outOfTurn } of audience.readers) {
    hold("Alternates", outOfTurn === undefined, () => `the ${name} reader was told ${outOfTurn}`)
  }
  knows(audience.quick, view)
  for (const sign of ["+", "-"]) {
    const [due, called] = [audience.due, audience.failing].map((calls) =>
      calls.filter((call) => call.startsWith(sign)).join(" ")
    )
    hold("Alternates", due === called, () => {
      return `a handler that fails was called for ${called}; it should be ${due}`
    })
  }
  hold("Alternates", audience.hanging.length <= 1, () => {
    return `a handler that hangs was called again: ${audience.hanging.join(" ")}`
  })
}

/** What holds at every moment at which all is quiet. */
export const always = (world: World): void => {
  const now = world.look()
  if (now === undefined) return
  eventsHold(world, now.view)
  alternates(world, now.view)
  honest(world, now)
  refreshed(world)
}

/** Whether a list that takes so many of so many away is to be confirmed first. */
const isMass = (gone: number, present: number): boolean =>
  gone > 0 && (gone === present || (gone > present / 2 && gone > 5))

/**
 * Guarded: no list alone empties the set, or takes more than half of it and more than
 * five. What the list before lacked too may go; the rest is judged by itself.
 */
const guarded = ({ audience, lists }: World): void => {
  if (audience === undefined) return
  const present = new Set<TenantId>()
  let before = 0
  let answered = -1
  let gone: Array<TenantId> = []
  const check = (): void => {
    const [previous, took] = [lists.answers[answered - 2], lists.answers[answered - 1]]
    // Of two lists that ended at one moment nobody can tell which of them took somebody.
    if (took?.end?.at === previous?.end?.at) return
    const lackedTwice = gone.filter((id) =>
      [previous, took].every((call) => call?.end?.tenants?.has(id) === false)
    )
    const rest = gone.length - lackedTwice.length
    hold(
      "Guarded",
      !isMass(gone.length, before) || !isMass(rest, before - lackedTwice.length),
      () => `a list took ${sorted(gone)} of ${before} tenants without a second one that says so`
    )
  }
  for (const id of audience.quickAtFirst) present.add(id)
  for (const [i, change] of audience.quick.told.entries()) {
    const by = audience.answeredBy[i] ?? answered
    if (by !== answered) {
      check()
      gone = []
      answered = by
      before = present.size
    }
    if (change._tag === "Added") present.add(change.tenant.id)
    if (change._tag === "Removed") {
      present.delete(change.tenant.id)
      if (change.cause._tag === "Listing") gone.push(change.tenant.id)
    }
  }
  check()
}

/** What holds of the whole. */
export const inAll = (world: World): void => {
  guarded(world)
  eachOnTime(world)
}

/** Longer than a reconcile interval with its jitter, a list in doubt and the one that confirms it. */
const ONE_INTERVAL = 60_000 * 1.2 + 1000 + 500

/** Converges: once faults stop, the view equals the truth within one reconcile interval. */
export const converges = (world: World): void => {
  const all = () => always(world)
  world.do({ _tag: "ListsWell" }, all)
  world.do({ _tag: "BusWell" }, all)
  if (world.start.ending === "Converge") world.do({ _tag: "Subscribe" }, all)
  // What was late before the faults stopped still has to arrive, or to time out.
  for (let waited = 0; waited < 120 && !world.atRest; waited++) world.time.pass(1000, all)
  world.time.pass(ONE_INTERVAL, all)
  const now = world.look()
  hold("Converges", now !== undefined || world.failedToStart, () => "it never started")
  if (now === undefined) return
  hold("Converges", sorted(now.view.ids) === sorted(world.known.truth), () => {
    return `the view has ${sorted(now.view.ids)}; the truth is ${sorted(world.known.truth)}`
  })
  const mode = world.known.subscribed ? "Live" : "BootstrapOnly"
  hold("Converges", now.status.mode === mode, () => `the mode is ${now.status.mode}`)
}

/**
 * Bounded: whatever a reader did not see comes to two states of the view, and a
 * tenant to four changes in each; and in time even the slowest knows the view.
 */
export const bounded = (world: World): void => {
  const { audience } = world
  if (audience === undefined) return
  const { stalled } = audience
  const before = stalled.told.length
  audience.release()
  const kept = stalled.told.slice(before)
  for (const id of allIds) {
    const count = kept.filter(({ tenant }) => tenant.id === id).length
    hold("Bounded", count <= 2 * 4, () => `${count} changes of ${id} were kept for a reader`)
  }
  // What they have not seen yet, and what happens meanwhile.
  const slowest = Math.max(world.start.slowness, 3000)
  world.time.pass(3 * 4 * allIds.length * slowest, () => always(world))
  const now = world.look()
  if (now !== undefined) for (const reader of audience.readers) knows(reader, now.view)
}

/** SilentAfterClose: no callback, no list, no subscription, no timer, no fiber, and the last view still answers. */
export const silentAfterClose = (world: World): void => {
  const last = world.look()
  world.close()
  const { audience, lists, time } = world
  const before = { lists: lists.calls.length, calls: audience?.calls }
  const silent = (held: boolean, what: () => string) => hold("SilentAfterClose", held, what)
  silent(world.fibers === 0, () => `${world.fibers} fibers are left`)
  silent(lists.underWay === 0, () => "a list is under way")
  silent(world.subscriptions === 0, () => "a subscription is left")
  silent(
    world.refreshes.every(({ fiber }) => fiber.unsafePoll() !== null),
    () => {
      return "somebody waits for a refresh for ever"
    }
  )
  world.shout()
  // A stalled reader goes on, so that all but the handler that hangs can come to their end.
  audience?.release()
  time.pass(3_600_000, () => undefined)
  silent(lists.calls.length === before.lists, () => "a list was asked for")
  silent(audience?.calls === before.calls, () => "a handler was called")
  silent(audience?.readers.every(({ fiber }) => fiber?.unsafePoll() !== null) ?? true, () => {
    return "a reader waits for changes for ever"
  })
  silent(sorted(world.look()?.view.ids ?? []) === sorted(last?.view.ids ?? []), () => {
    return "the IDs are others than before"
  })
  silent(time.sleeping === 0, () => `${time.sleeping} timers are left`)
  audience?.leave()
}
