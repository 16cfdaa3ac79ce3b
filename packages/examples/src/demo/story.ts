/** The acts: each changes the servers, waits for an expected view and checks what it sees. */
import type { Simulator } from "@tenant-discovery/simulator"
import { Clock, Effect, Option, Ref, Stream } from "effect"
import type { TenantChange, TenantDiscovery, TenantView } from "tenant-discovery"
import type { Timeline } from "./timeline.js"

export interface Stage {
  readonly simulator: Simulator.SimulatorService
  readonly discovery: TenantDiscovery["Type"]
  readonly timeline: Timeline
  readonly received: Ref.Ref<ReadonlyArray<TenantChange>>
  readonly close: Effect.Effect<void>
}

/** A tenant that the tenant manager lists in capitals with dashes. */
const UUID = "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f"

/** Between acts, so that a reader can follow. */
const PAUSE = "900 millis"

/** An act that takes longer has failed. */
const ACT_TIMEOUT = "12 seconds"

/** What was expected, and whether it was so. */
type Check = readonly [expected: string, ok: boolean]

interface Seen {
  readonly seen: string
  readonly checks: ReadonlyArray<Check>
}

interface Act {
  readonly title: string
  readonly play: (stage: Stage) => Effect.Effect<Seen, unknown>
}

/** Waits for a view; `false` where it does not appear within ten seconds. */
const until = (
  { discovery }: Stage,
  wanted: (view: TenantView) => boolean
): Effect.Effect<boolean> =>
  discovery.view.changes.pipe(
    Stream.filter(wanted),
    Stream.runHead,
    Effect.timeoutOption("10 seconds"),
    Effect.map((found) => Option.isSome(Option.flatten(found)))
  )

const holds = (view: TenantView, id: string): boolean => view.ids.some((known) => known === id)

const describe = (view: TenantView): string => `${view.size} tenants, mode ${view.mode}`

const sorted = (ids: ReadonlyArray<string>): string => ids.toSorted().join(" ")

/** The tenants of the view are those of the tenant manager. */
const agrees = (stage: Stage, view: TenantView): Effect.Effect<Check> =>
  Effect.map(stage.simulator.activeTenantIds(), (active) => [
    "the tenants are those of the tenant manager",
    sorted(active) === sorted(view.ids)
  ])

/** Makes a change and measures the time until the view shows it. */
const seenAfter = <E>(
  stage: Stage,
  change: Effect.Effect<unknown, E>,
  expected: string,
  wanted: (view: TenantView) => boolean
): Effect.Effect<Seen & { readonly view: TenantView }, E> =>
  Effect.gen(function* () {
    yield* change
    const began = yield* Clock.currentTimeNanos
    const ok = yield* until(stage, wanted)
    const took = Number((yield* Clock.currentTimeNanos) - began) / 1e6
    const view = yield* stage.discovery.view.get
    const when = took < 1 ? "at once" : `after ${Math.round(took)} ms`
    return { view, seen: `${describe(view)}, ${when}`, checks: [[expected, ok]] }
  })

const start: Act = {
  title: "The program starts",
  play: (stage) =>
    Effect.gen(function* () {
      const live = yield* until(stage, ({ mode }) => mode === "Live")
      const view = yield* stage.discovery.view.get
      return {
        seen: describe(view),
        checks: [
          ["it is subscribed to the events: mode Live", live],
          yield* agrees(stage, view),
          ["an ID in capitals with dashes has its canonical form", holds(view, UUID)]
        ]
      }
    })
}

/** A change that an event reports. */
const reported = (
  title: string,
  change: (stage: Stage) => Effect.Effect<unknown, unknown>,
  expected: string,
  wanted: (view: TenantView) => boolean
): Act => ({
  title,
  play: (stage) =>
    Effect.gen(function* () {
      const { checks, seen, view } = yield* seenAfter(stage, change(stage), expected, wanted)
      return { seen, checks: [...checks, yield* agrees(stage, view)] }
    })
})

const events: ReadonlyArray<Act> = [
  reported(
    "A tenant is associated with the service",
    ({ simulator }) => simulator.create({ id: "initech" }),
    "initech is active",
    (view) => holds(view, "initech")
  ),
  reported(
    "It is suspended",
    ({ simulator }) => simulator.suspend("initech"),
    "initech is not active",
    (view) => !holds(view, "initech")
  ),
  reported(
    "It is reactivated",
    ({ simulator }) => simulator.reactivate("initech"),
    "initech is active again",
    (view) => holds(view, "initech")
  ),
  reported(
    "An event of another service, a malformed message, then one of ours",
    ({ simulator }) =>
      Effect.all([
        simulator.create({ id: "billing-only", services: ["billing"] }),
        simulator.publishRaw(simulator.channel ?? "", ['{"event_type": "tenant.ser']),
        simulator.create({ id: "hooli" })
      ]),
    "only hooli becomes active",
    (view) => holds(view, "hooli") && !holds(view, "billing-only")
  )
]

const redisAway: ReadonlyArray<Act> = [
  {
    title: "Redis is killed",
    play: (stage) =>
      Effect.gen(function* () {
        const before = yield* stage.discovery.activeTenantIds
        const { checks, seen, view } = yield* seenAfter(
          stage,
          stage.simulator.redis.kill,
          "the program knows that it misses events: mode BootstrapOnly",
          ({ mode }) => mode === "BootstrapOnly"
        )
        return { seen, checks: [...checks, ["it keeps its tenants", view.ids === before]] }
      })
  },
  {
    title: "umbrella is associated and initech suspended; both events are lost",
    play: ({ discovery, simulator }) =>
      Effect.gen(function* () {
        const associated = yield* simulator.create({ id: "umbrella" })
        const suspended = yield* simulator.suspend("initech")
        const view = yield* discovery.view.get
        return {
          seen: describe(view),
          checks: [
            ["no event reached the program", !associated.published && !suspended.published],
            ["the view does not claim to be live", view.mode !== "Live"]
          ]
        }
      })
  },
  {
    title: "Redis starts again",
    play: (stage) =>
      Effect.gen(function* () {
        const { checks, seen, view } = yield* seenAfter(
          stage,
          stage.simulator.redis.start,
          "it subscribed and listed again: umbrella is active, initech is not",
          (view) => view.mode === "Live" && holds(view, "umbrella") && !holds(view, "initech")
        )
        return { seen, checks: [...checks, yield* agrees(stage, view)] }
      })
  }
]

const managerFails: ReadonlyArray<Act> = [
  {
    title: "The tenant manager answers 503",
    play: ({ discovery, simulator }) =>
      Effect.gen(function* () {
        const before = yield* discovery.activeTenantIds
        yield* simulator.trouble({ _tag: "Status", status: 503 })
        const error = yield* Effect.flip(discovery.refresh)
        const after = yield* discovery.activeTenantIds
        return {
          seen: `${error._tag}; ${after.length} tenants`,
          checks: [
            ["a list fails with a typed error", error._tag === "TenantManagerUnavailable"],
            ["it changes no tenant", after === before]
          ]
        }
      })
  },
  {
    title: "The tenant manager answers an empty list once",
    play: (stage) =>
      Effect.gen(function* () {
        const { discovery, simulator } = stage
        yield* simulator.clearTrouble
        yield* simulator.trouble({ _tag: "EmptyList", times: 1 })
        yield* discovery.refresh
        const meanwhile = (yield* discovery.activeTenantIds).length
        yield* discovery.refresh
        const view = yield* discovery.view.get
        return {
          seen: describe(view),
          checks: [
            ["no tenant is removed before a second list confirms it", meanwhile === view.size],
            yield* agrees(stage, view)
          ]
        }
      })
  }
]

const receivedChanges: Act = {
  title: "The changes that a reader received",
  play: (stage) =>
    Effect.gen(function* () {
      const received = yield* Ref.get(stage.received)
      const last = new Map<string, string>()
      const alternates = received
        .filter(({ _tag }) => _tag === "Added" || _tag === "Removed")
        .every(({ _tag, tenant }) => {
          const before = last.get(tenant.id)
          last.set(tenant.id, _tag)
          return before !== _tag
        })
      const changes = received.map(({ _tag, tenant }) => `${_tag} ${tenant.id}`)
      const expected = [
        "Added hooli",
        "Added initech",
        "Added initech",
        "Added umbrella",
        "Removed initech",
        "Removed initech"
      ]
      return {
        seen: changes.join(", "),
        checks: [
          ["each transition once", sorted(changes) === sorted(expected)],
          ["Added and Removed alternate for each tenant", alternates]
        ]
      }
    })
}

const close: Act = {
  title: "The program closes",
  play: (stage) =>
    Effect.gen(function* () {
      const before = (yield* stage.discovery.activeTenantIds).length
      const closed = Option.isSome(yield* Effect.timeoutOption(stage.close, "2 seconds"))
      const after = (yield* stage.discovery.activeTenantIds).length
      return {
        seen: `${closed ? "closed" : "not closed"}; ${after} tenants`,
        checks: [
          ["it closes within two seconds", closed],
          ["the tenants can still be read", after === before]
        ]
      }
    })
}

const ACTS: ReadonlyArray<Act> = [
  start,
  ...events,
  ...redisAway,
  ...managerFails,
  receivedChanges,
  close
]

/** Seconds that the acts take. */
export const DURATION = 15

/** How many acts are played; the close is left out where the program stays. */
export const actCount = (stays: boolean): number => ACTS.length - (stays ? 1 : 0)

const playAct = (stage: Stage, { play, title }: Act, place: string) =>
  Effect.gen(function* () {
    yield* Effect.sleep(PAUSE)
    yield* stage.timeline.act(`Act ${place}: ${title}`)
    const { checks, seen } = yield* play(stage).pipe(
      Effect.timeout(ACT_TIMEOUT),
      Effect.catchAllCause((cause) =>
        Effect.succeed<Seen>({
          seen: `an error: ${String(cause)}`,
          checks: [["the act ends without an error", false]]
        })
      )
    )
    yield* stage.timeline.line(`  seen   ${seen}`)
    yield* Effect.forEach(checks, ([expected, ok]) => stage.timeline.check(ok, expected), {
      discard: true
    })
    return checks.map(([, ok]) => ok)
  })

/** Plays the acts. Answers each check: whether it was as expected. */
export const playStory = (stage: Stage, stays: boolean): Effect.Effect<ReadonlyArray<boolean>> => {
  const count = actCount(stays)
  return Effect.map(
    Effect.forEach(ACTS.slice(0, count), (act, at) => playAct(stage, act, `${at + 1} of ${count}`)),
    (checks) => checks.flat()
  )
}
