/** The acts: each changes the servers, waits for an expected view and reports what it saw. */
import type { Simulator } from "@tenant-discovery/simulator"
import { Clock, Effect, Option, Ref, Stream } from "effect"
import type { TenantChange, TenantDiscovery, TenantView } from "tenant-discovery"
import type { Timeline } from "./timeline.js"

export interface Stage {
  readonly simulator: Simulator.SimulatorService
  readonly discovery: TenantDiscovery["Type"]
  readonly timeline: Timeline
  readonly received: Ref.Ref<ReadonlyArray<TenantChange>>
  readonly failures: Ref.Ref<number>
}

/** Between acts, so that a reader can follow. */
const PAUSE = "900 millis"

/** An act that takes longer has failed. */
const ACT_TIMEOUT = "12 seconds"

interface Seen {
  readonly ok: boolean
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
    const { ok, seen } = yield* play.pipe(
      Effect.timeout(ACT_TIMEOUT),
      Effect.catchAllCause((cause) =>
        Effect.succeed({ ok: false, seen: `an error: ${String(cause)}` })
      )
    )
    yield* stage.timeline.verdict(ok, expected, seen)
    if (!ok) yield* Ref.update(stage.failures, (count) => count + 1)
  })

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

/** Makes a change and measures the time until the view shows it. */
const seenAfter = <E>(
  stage: Stage,
  change: Effect.Effect<unknown, E>,
  wanted: (view: TenantView) => boolean,
  describe: (view: TenantView) => string
): Effect.Effect<Seen, E> =>
  Effect.gen(function* () {
    yield* change
    const began = yield* Clock.currentTimeNanos
    const ok = yield* until(stage, wanted)
    const took = Number((yield* Clock.currentTimeNanos) - began) / 1e6
    const view = yield* stage.discovery.view.get
    return {
      ok,
      seen: `${describe(view)}, ${took < 1 ? "at once" : `after ${Math.round(took)} ms`}`
    }
  })

const sorted = (ids: ReadonlyArray<string>): string => ids.toSorted().join(" ")

const isCorrect = (stage: Stage, view: TenantView): Effect.Effect<boolean> =>
  Effect.map(stage.simulator.activeTenantIds(), (active) => sorted(active) === sorted(view.ids))

const listedAndLive = (stage: Stage): Effect.Effect<void> =>
  act(
    stage,
    "The program starts",
    "all tenants, their IDs in canonical spelling, mode Live",
    Effect.gen(function* () {
      const live = yield* until(stage, ({ mode }) => mode === "Live")
      const view = yield* stage.discovery.view.get
      const correct = yield* isCorrect(stage, view)
      return { ok: live && correct, seen: `${view.size} tenants, mode ${view.mode}` }
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
        "initech is active",
        seenAfter(stage, simulator.create({ id: "initech" }), (v) => holds(v, "initech"), count)
      ),
      act(
        stage,
        "It is suspended",
        "initech is not active",
        seenAfter(stage, simulator.suspend("initech"), (v) => !holds(v, "initech"), count)
      ),
      act(
        stage,
        "It is reactivated",
        "initech is active again",
        seenAfter(stage, simulator.reactivate("initech"), (v) => holds(v, "initech"), count)
      ),
      act(
        stage,
        "An event of another service, then a malformed message, then one of ours",
        "only hooli becomes active",
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
        "mode BootstrapOnly, same tenants",
        seenAfter(
          stage,
          simulator.redis.kill,
          ({ mode }) => mode === "BootstrapOnly",
          (view) => `mode ${view.mode}, ${view.size} tenants`
        )
      ),
      act(
        stage,
        "umbrella is associated and initech suspended; both events are lost",
        "the view is unchanged and its mode is not Live",
        Effect.gen(function* () {
          const associated = yield* simulator.create({ id: "umbrella" })
          const suspended = yield* simulator.suspend("initech")
          const view = yield* stage.discovery.view.get
          const lost = !associated.published && !suspended.published
          return {
            ok: lost && view.mode !== "Live" && holds(view, "initech"),
            seen: `events ${lost ? "lost" : "published"}, mode ${view.mode}`
          }
        })
      ),
      act(
        stage,
        "Redis starts again",
        "resubscribed and relisted: umbrella added, initech removed",
        Effect.gen(function* () {
          const { ok, seen } = yield* seenAfter(
            stage,
            simulator.redis.start,
            (view) => view.mode === "Live" && holds(view, "umbrella") && !holds(view, "initech"),
            (view) => `mode ${view.mode}, ${view.size} tenants`
          )
          const correct = yield* isCorrect(stage, yield* stage.discovery.view.get)
          return {
            ok: ok && correct,
            seen: `${seen}; the view is ${correct ? "correct" : "wrong"}`
          }
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
        "a relist fails with a typed error and changes nothing",
        Effect.gen(function* () {
          const before = yield* discovery.activeTenantIds
          yield* simulator.trouble({ _tag: "Status", status: 503 })
          const error = yield* Effect.flip(discovery.refresh)
          const after = yield* discovery.activeTenantIds
          return {
            ok: error._tag === "TenantManagerUnavailable" && after === before,
            seen: `${error._tag}; ${after.length} tenants as before`
          }
        })
      ),
      act(
        stage,
        "The tenant manager answers an empty list once",
        "a second list must confirm it: no tenant is removed",
        Effect.gen(function* () {
          yield* simulator.clearTrouble
          yield* simulator.trouble({ _tag: "EmptyList", times: 1 })
          yield* discovery.refresh
          yield* discovery.refresh
          const view = yield* discovery.view.get
          return { ok: yield* isCorrect(stage, view), seen: `${view.size} tenants` }
        })
      )
    ],
    { discard: true }
  )
}

const receivedChanges = (stage: Stage): Effect.Effect<void> =>
  act(
    stage,
    "The changes that a reader received",
    "each transition once; Added and Removed alternate per tenant",
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
      const story = received.map(({ _tag, tenant }) => `${_tag} ${tenant.id}`)
      const expected = [
        "Added initech",
        "Removed initech",
        "Added initech",
        "Added hooli",
        "Removed initech",
        "Added umbrella"
      ]
      return {
        ok: alternates && expected.every((line) => story.includes(line)),
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
      receivedChanges(stage)
    ],
    { discard: true }
  )

/** The last act, which ends the program. */
export const playClose = (stage: Stage, close: Effect.Effect<void>): Effect.Effect<void> =>
  act(
    stage,
    "The program closes",
    "closed within two seconds; the IDs stay readable",
    Effect.gen(function* () {
      const before = (yield* stage.discovery.activeTenantIds).length
      const closed = yield* Effect.timeoutOption(close, "2 seconds")
      const after = (yield* stage.discovery.activeTenantIds).length
      return {
        ok: Option.isSome(closed) && after === before,
        seen: `${Option.isSome(closed) ? "closed" : "not closed"}; ${after} IDs`
      }
    })
  )
