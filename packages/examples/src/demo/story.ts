/** The acts: what is done to the world, what is expected of the discovery, what was seen. */
import type { Simulator } from "@tenant-discovery/simulator"
import { Clock, Effect, Option, Ref, Stream } from "effect"
import type { TenantChange, TenantDiscovery, TenantView } from "tenant-discovery"
import type { Timeline } from "./timeline.js"

export interface Stage {
  readonly simulator: Simulator.SimulatorService
  readonly discovery: TenantDiscovery["Type"]
  readonly timeline: Timeline
  readonly told: Ref.Ref<ReadonlyArray<TenantChange>>
  readonly failures: Ref.Ref<number>
}

/** So that it can be read, and the worker seen at its work. */
const PAUSE = "900 millis"

/** An act that hangs is an act that failed. */
const PATIENCE = "12 seconds"

interface Seen {
  readonly kept: boolean
  readonly seen: string
}

const act = (
  stage: Stage,
  title: string,
  expected: string,
  play: Effect.Effect<Seen, unknown>
): Effect.Effect<void> =>
  Effect.gen(function* () {
    yield* Effect.sleep(PAUSE)
    yield* stage.timeline.act(title)
    const { kept, seen } = yield* play.pipe(
      Effect.timeout(PATIENCE),
      Effect.catchAllCause((cause) =>
        Effect.succeed({ kept: false, seen: `an error: ${String(cause)}` })
      )
    )
    yield* stage.timeline.verdict(kept, expected, seen)
    if (!kept) yield* Ref.update(stage.failures, (count) => count + 1)
  })

/** Waits until the view is as wanted; `false` where that does not happen in time. */
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

/** Does something, and says how long it took until the view had it. */
const seenAfter = <E>(
  stage: Stage,
  change: Effect.Effect<unknown, E>,
  wanted: (view: TenantView) => boolean,
  describe: (view: TenantView) => string
): Effect.Effect<Seen, E> =>
  Effect.gen(function* () {
    yield* change
    const began = yield* Clock.currentTimeNanos
    const kept = yield* until(stage, wanted)
    const took = Number((yield* Clock.currentTimeNanos) - began) / 1e6
    const view = yield* stage.discovery.view.get
    return {
      kept,
      seen: `${describe(view)}, ${took < 1 ? "at once" : `after ${Math.round(took)} ms`}`
    }
  })

const sorted = (ids: ReadonlyArray<string>): string => ids.toSorted().join(" ")

const isTruth = (stage: Stage, view: TenantView): Effect.Effect<boolean> =>
  Effect.map(stage.simulator.activeTenantIds(), (truth) => sorted(truth) === sorted(view.ids))

const listedAndLive = (stage: Stage): Effect.Effect<void> =>
  act(
    stage,
    "The program starts",
    "every tenant listed, in canonical spelling, and mode Live",
    Effect.gen(function* () {
      const live = yield* until(stage, ({ mode }) => mode === "Live")
      const view = yield* stage.discovery.view.get
      const right = yield* isTruth(stage, view)
      return { kept: live && right, seen: `${view.size} tenants, mode ${view.mode}` }
    })
  )

const events = (stage: Stage): Effect.Effect<void> => {
  const { simulator } = stage
  const count = (view: TenantView) => `${view.size} tenants`
  return Effect.all(
    [
      act(
        stage,
        "A tenant is associated with the service",
        "initech is active within moments",
        seenAfter(stage, simulator.create({ id: "initech" }), (v) => holds(v, "initech"), count)
      ),
      act(
        stage,
        "It is suspended",
        "initech is gone",
        seenAfter(stage, simulator.suspend("initech"), (v) => !holds(v, "initech"), count)
      ),
      act(
        stage,
        "It is reactivated",
        "initech is back",
        seenAfter(stage, simulator.reactivate("initech"), (v) => holds(v, "initech"), count)
      ),
      act(
        stage,
        "An event of another service, then a malformed message, then one of ours",
        "hooli is active, and nothing else came of it",
        seenAfter(
          stage,
          Effect.all([
            simulator.create({ id: "billing-only", services: ["billing"] }),
            simulator.publishRaw(simulator.channel ?? "", ['{"event_type": "tenant.ser']),
            simulator.create({ id: "hooli" })
          ]),
          (view) => holds(view, "hooli") && !holds(view, "billing-only"),
          count
        )
      )
    ],
    { discard: true }
  )
}

const redisAway = (stage: Stage): Effect.Effect<void> => {
  const { simulator } = stage
  return Effect.all(
    [
      act(
        stage,
        "Redis is killed",
        "mode BootstrapOnly, the tenants stay",
        seenAfter(
          stage,
          simulator.redis.kill,
          ({ mode }) => mode === "BootstrapOnly",
          (view) => `mode ${view.mode}, ${view.size} tenants`
        )
      ),
      act(
        stage,
        "Meanwhile umbrella is associated and initech suspended: both events are lost",
        "the view cannot know, and says so: not Live",
        Effect.gen(function* () {
          const associated = yield* simulator.create({ id: "umbrella" })
          const suspended = yield* simulator.suspend("initech")
          const view = yield* stage.discovery.view.get
          const lost = !associated.published && !suspended.published
          return {
            kept: lost && view.mode !== "Live" && holds(view, "initech"),
            seen: `events ${lost ? "lost" : "published"}, mode ${view.mode}`
          }
        })
      ),
      act(
        stage,
        "Redis comes back",
        "subscribed again, re-listed, and told as ordinary changes: umbrella added, initech removed",
        Effect.gen(function* () {
          const { kept, seen } = yield* seenAfter(
            stage,
            simulator.redis.start,
            (view) => view.mode === "Live" && holds(view, "umbrella") && !holds(view, "initech"),
            (view) => `mode ${view.mode}, ${view.size} tenants`
          )
          const right = yield* isTruth(stage, yield* stage.discovery.view.get)
          return { kept: kept && right, seen: `${seen}; the view is the truth: ${right}` }
        })
      )
    ],
    { discard: true }
  )
}

const managerFails = (stage: Stage): Effect.Effect<void> => {
  const { discovery, simulator } = stage
  return Effect.all(
    [
      act(
        stage,
        "The tenant manager answers 503",
        "a re-list fails with a typed error, and changes nothing",
        Effect.gen(function* () {
          const before = yield* discovery.activeTenantIds
          yield* simulator.trouble({ _tag: "Status", status: 503 })
          const error = yield* Effect.flip(discovery.refresh)
          const after = yield* discovery.activeTenantIds
          return {
            kept: error._tag === "TenantManagerUnavailable" && after === before,
            seen: `${error._tag}; ${after.length} tenants as before`
          }
        })
      ),
      act(
        stage,
        "It answers again, with an empty list",
        "not believed before a second list has confirmed it: nobody is removed",
        Effect.gen(function* () {
          yield* simulator.clearTrouble
          yield* simulator.trouble({ _tag: "EmptyList", times: 1 })
          yield* discovery.refresh
          yield* discovery.refresh
          const view = yield* discovery.view.get
          return { kept: yield* isTruth(stage, view), seen: `${view.size} tenants` }
        })
      )
    ],
    { discard: true }
  )
}

const toldChanges = (stage: Stage): Effect.Effect<void> =>
  act(
    stage,
    "What a reader of `changes` was told",
    "each transition once, Added and Removed by turns for a tenant",
    Effect.gen(function* () {
      const told = yield* Ref.get(stage.told)
      const last = new Map<string, string>()
      const alternates = told
        .filter(({ _tag }) => _tag === "Added" || _tag === "Removed")
        .every(({ _tag, tenant }) => {
          const before = last.get(tenant.id)
          last.set(tenant.id, _tag)
          return before !== _tag
        })
      const story = told.map(({ _tag, tenant }) => `${_tag} ${tenant.id}`)
      const expected = [
        "Added initech",
        "Removed initech",
        "Added initech",
        "Added hooli",
        "Removed initech",
        "Added umbrella"
      ]
      return {
        kept: alternates && expected.every((line) => story.includes(line)),
        seen: story.join(", ")
      }
    })
  )

export const playStory = (stage: Stage): Effect.Effect<void> =>
  Effect.all(
    [
      listedAndLive(stage),
      events(stage),
      redisAway(stage),
      managerFails(stage),
      toldChanges(stage)
    ],
    { discard: true }
  )

/** The last act, which ends the program. */
export const playClose = (stage: Stage, close: Effect.Effect<void>): Effect.Effect<void> =>
  act(
    stage,
    "The program closes",
    "done within two seconds; the IDs still answer",
    Effect.gen(function* () {
      const before = (yield* stage.discovery.activeTenantIds).length
      const closed = yield* Effect.timeoutOption(close, "2 seconds")
      const after = (yield* stage.discovery.activeTenantIds).length
      return {
        kept: Option.isSome(closed) && after === before,
        seen: `${Option.isSome(closed) ? "closed" : "not closed"}; ${after} IDs`
      }
    })
  )
