/** The validators, each named after its law. Each throws with what was seen and what was right. */
import { Effect, Either } from "effect"
import { defaultDiscoveryOptions, type TenantId, type TenantView } from "../../src/index.js"
import { TENANTS } from "./story.js"
import { allIds, type World } from "./World.js"

export class LawBroken extends Error {
  constructor(
    readonly law: string,
    what: string
  ) {
    super(`${law}: ${what}`)
  }
}

type Seen = NonNullable<ReturnType<World["look"]>>

const hold = (law: string, held: boolean, what: () => string): void => {
  if (!held) throw new LawBroken(law, what())
}

const sorted = (ids: Iterable<TenantId>): string => [...ids].sort().join(" ") || "nobody"

/** What is uncertain of a tenant is settled by an honest list that began after it, and was taken over. */
const settled = (world: World, taintedSeq: number, lastListedAt: number | undefined): boolean =>
  // Of two lists that ended at one moment nobody can tell which was taken over.
  world.answers.filter((call) => call.end?.at === lastListedAt).length === 1 &&
  world.answers.some(
    (call) => call.honest && call.startedSeq > taintedSeq && call.end?.at === lastListedAt
  )

/** NoLostEvent and NoResurrection: what an event that arrived said holds until something else happens. */
const eventsHold = (world: World, view: TenantView): void => {
  for (const id of allIds) {
    const { eventSaid } = world.of(id)
    if (eventSaid === "Added") {
      hold("NoLostEvent", view.has(id), () => `an event added ${id}, and the view lacks it`)
    }
    if (eventSaid === "Removed") {
      hold("NoResurrection", !view.has(id), () => `an event removed ${id}, and the view has it`)
    }
  }
}

/** Honest: the mode and `asOf` never claim more than happened. */
const honest = (world: World, { status, view }: Seen): void => {
  hold("Honest", (status.mode !== "BootstrapOnly") === world.subscribed, () =>
    world.subscribed ? "subscribed, and says not" : `not subscribed, and says ${status.mode}`
  )
  hold("Honest", status.tenantCount === view.size && status.mode === view.mode, () => {
    return `the status says ${status.mode}, ${status.tenantCount}; the view ${view.mode}, ${view.size}`
  })
  if (status.mode === "Live") {
    hold(
      "Honest",
      world.answers.some((call) => call.startedSeq > world.subscribedSeq),
      () => "Live, without a list that began after the subscription"
    )
  }
  for (const id of allIds) {
    const known = world.of(id)
    if (known.taintedSeq !== undefined && settled(world, known.taintedSeq, status.lastListedAt)) {
      known.taintedSeq = undefined
    }
    if (known.taintedSeq !== undefined) continue
    if (status.mode === "Live" || known.changedAt < view.asOf) {
      hold("Honest", view.has(id) === known.active, () => {
        const since = world.time.now - view.asOf
        return `${status.mode}, right as of ${since} ms ago; ${id} ${
          known.active ? "is missing" : "should be gone"
        }`
      })
    }
  }
}

/** Honest: `requireFresh` never gives out what is older than asked. */
export const freshAsAsked = (world: World): void => {
  const { discovery } = world
  const now = world.look()
  if (discovery === undefined || now === undefined) return
  const age = world.time.now - now.view.asOf
  const fresh = (maxAge: number) =>
    Either.isRight(world.time.run(Effect.either(discovery.requireFresh(maxAge))))
  hold("Honest", fresh(age + 1), () => `refused though it is only ${age} ms old`)
  if (age >= 1) hold("Honest", !fresh(age - 1), () => `older than asked: ${age} ms`)
}

/** Alternates: for each tenant Added and Removed take turns, and folded the changes are the view. */
const alternates = (world: World, view: TenantView): void => {
  const { outOfTurn, present, toldInVain } = world
  hold("Alternates", toldInVain === undefined, () => toldInVain ?? "")
  hold("Alternates", outOfTurn === undefined, () => outOfTurn ?? "")
  hold("Alternates", present.size === view.size && view.ids.every((id) => present.has(id)), () => {
    return `a reader knows ${sorted(present)}; the view has ${sorted(view.ids)}`
  })
}

/** Guarded: no list alone empties the set, or takes more than half of it and more than five. */
const guarded = (world: World): void => {
  const present = new Set<TenantId>()
  let before = 0
  let answered = -1
  let gone: Array<TenantId> = []
  const check = (): void => {
    const mass =
      gone.length > 0 && (gone.length === before || (gone.length > before / 2 && gone.length > 5))
    if (!mass) return
    const two = world.answers.slice(Math.max(0, answered - 2), answered)
    hold(
      "Guarded",
      two.length === 2 &&
        gone.every((id) => two.every((call) => call.end?.tenants?.has(id) === false)),
      () => `a list took ${sorted(gone)} of ${before} tenants without a second one that says so`
    )
  }
  for (const told of world.quick) {
    if (told.answered !== answered) {
      check()
      gone = []
      answered = told.answered
      before = present.size
    }
    const { change } = told
    if (change._tag === "Added") present.add(change.tenant.id)
    if (change._tag === "Removed") {
      present.delete(change.tenant.id)
      if (change.cause._tag === "Listing") gone.push(change.tenant.id)
    }
  }
  check()
}

/** OneList: never two at once; lists that nobody asked for keep their distance. */
const oneList = (world: World): void => {
  const most = world.time.run(world.manager.mostUnderWay)
  hold("OneList", most <= 1, () => `${most} lists at once`)
  const apart = 250
  const close = world.calls.filter((call, i) => {
    const last = world.calls[i - 1]
    return last !== undefined && call.startedAt - last.startedAt < apart - 1
  })
  const allowed = world.refreshes + defaultDiscoveryOptions.startRetries
  hold("OneList", close.length <= allowed, () => {
    return `${close.length} lists within ${apart} ms of the one before; ${allowed} were asked for`
  })
}

/** What holds at every moment at which all is quiet. */
export const always = (world: World): void => {
  const now = world.look()
  if (now === undefined) return
  eventsHold(world, now.view)
  alternates(world, now.view)
  honest(world, now)
}

/** What holds of the whole. */
export const inAll = (world: World): void => {
  guarded(world)
  oneList(world)
}

/** Longer than a reconcile interval with its jitter, a slow list, one in doubt and the one that confirms it. */
const ONE_INTERVAL = 60_000 * 1.2 + 2 * 900 + 1000 + 500

/** Converges: once faults stop, the view equals the truth within one reconcile interval. */
export const converges = (world: World): void => {
  world.do({ _tag: "ListsWell" }, () => always(world))
  world.do({ _tag: "Subscribe" }, () => always(world))
  world.do({ _tag: "Wait", millis: ONE_INTERVAL }, () => always(world))
  const now = world.look()
  hold("Converges", now !== undefined || world.failedToStart, () => "it never started")
  if (now === undefined) return
  hold("Converges", sorted(now.view.ids) === sorted(world.truth), () => {
    return `the view has ${sorted(now.view.ids)}; the truth is ${sorted(world.truth)}`
  })
  hold("Converges", now.status.mode === "Live", () => `the mode is ${now.status.mode}`)
}

/** Bounded: a slow reader is never further behind than three states of so many tenants. */
export const bounded = (world: World): void => {
  world.time.pass(3 * 2 * TENANTS * world.history.slowness, () => undefined)
  const now = world.look()
  if (now === undefined) return
  hold("Bounded", sorted(world.slowView.ids) === sorted(now.view.ids), () => {
    return `a slow reader still has ${sorted(world.slowView.ids)}; the view ${sorted(now.view.ids)}`
  })
}

/** SilentAfterClose: no callback, no list, no subscription, no timer, and the last view still answers. */
export const silentAfterClose = (world: World): void => {
  const last = world.look()
  world.close()
  const calls = world.calls.length
  const handled = world.handled.length
  world.shout()
  world.time.pass(3_600_000, () => undefined)
  hold("SilentAfterClose", world.calls.length === calls, () => "a list was asked for")
  hold("SilentAfterClose", world.handled.length === handled, () => "a handler was called")
  hold("SilentAfterClose", world.subscriptions === 0, () => "a subscription is left")
  hold(
    "SilentAfterClose",
    world.time.run(world.manager.underWay) === 0,
    () => "a list is under way"
  )
  hold(
    "SilentAfterClose",
    sorted(world.look()?.view.ids ?? []) === sorted(last?.view.ids ?? []),
    () => "the IDs are others than before"
  )
  hold(
    "SilentAfterClose",
    world.time.sleeping === 0,
    () => `${world.time.sleeping} timers are left`
  )
  world.closeReaders()
}
