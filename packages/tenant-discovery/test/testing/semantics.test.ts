/** What users of a discovery may rely on: one suite, over the double and over the real one. */
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Duration, Effect, Exit, Layer, Scope, Stream, TestClock } from "effect"
import type { YieldWrap } from "effect/Utils"
import { applyChanges } from "../../src/internal/view/edit.js"
import { TenantDiscovery, TenantId, TenantView } from "../../src/index.js"
import {
  type RemovalEventType,
  TestEvent,
  TestTenantDiscovery,
  TestTenantEvents,
  TestTenantManager
} from "../../src/testing.js"
import { collect, debounced, ids, SERVICE, settle, summary, world } from "../core/harness.js"

/** A discovery with the tenants `a` and `b`, and what a test does to it. */
interface Subject {
  readonly discovery: TenantDiscovery["Type"]
  readonly add: (id: string) => Effect.Effect<void>
  readonly remove: (id: string, type: RemovalEventType) => Effect.Effect<void>
  readonly rotate: (id: string) => Effect.Effect<void>
  readonly update: (id: string) => Effect.Effect<void>
  /** Ends the subscription, or brings it back. */
  readonly follow: (events: boolean) => Effect.Effect<void>
  readonly failNextRefresh: Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

/** Builds a layer, and answers its context and its close. */
const build = <A, E>(layer: Layer.Layer<A, E>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Effect.orDie(Layer.buildWithScope(layer, scope))
    return { context, close: Scope.close(scope, Exit.void) }
  })

const settled = Effect.zipLeft(settle)

const double: Effect.Effect<Subject> = Effect.gen(function* () {
  const { close, context } = yield* build(TestTenantDiscovery.layer(["a", "b"]))
  const controls = Context.get(context, TestTenantDiscovery)
  return {
    discovery: Context.get(context, TenantDiscovery),
    add: (id) => settled(controls.add(id)),
    remove: (id, type) => settled(controls.remove(id, type)),
    rotate: (id) => settled(controls.rotate(id)),
    update: (id) => settled(controls.update(id)),
    follow: (events) => settled(controls.setStatus(events ? "Live" : "BootstrapOnly")),
    failNextRefresh: controls.failNextRefresh(),
    close
  }
})

const real: Effect.Effect<Subject> = Effect.gen(function* () {
  const { close, context } = yield* build(world({ tenants: ["a", "b"] }))
  const events = Context.get(context, TestTenantEvents)
  const manager = Context.get(context, TestTenantManager)
  const send = (event: object) => settled(events.send(event))
  yield* debounced
  return {
    discovery: Context.get(context, TenantDiscovery),
    add: (id) => Effect.zipRight(manager.add(id), send(TestEvent.associated(id, SERVICE))),
    remove: (id, event_type) => {
      const event = { ...TestEvent.suspended(id, SERVICE), event_type }
      return Effect.zipRight(manager.remove(id), send(event))
    },
    rotate: (id) => send(TestEvent.credentialsRotated(id, SERVICE)),
    update: (id) => send(TestEvent.tenantUpdated(id)),
    follow: (up) => settled(up ? events.subscribed : events.lose()),
    failNextRefresh: manager.fail(undefined, 1),
    close
  }
})

type Body = (
  subject: Subject
) => Generator<YieldWrap<Effect.Effect<unknown, unknown, Scope.Scope>>, void, never>

const suspended = "tenant.service.suspended"

describe.each([
  ["the double", double],
  ["the real discovery", real]
])("%s", (_, make) => {
  const test = (name: string, body: Body) =>
    it.scoped(name, () => Effect.flatMap(make, (subject) => Effect.gen(() => body(subject))))

  test("begins Live with its tenants, frozen", function* ({ discovery }) {
    const active = yield* discovery.activeTenantIds
    expect(active).toEqual(["a", "b"])
    expect(Object.isFrozen(active)).toBe(true)
    expect(yield* discovery.activeTenantIds).toBe(active)
    expect((yield* discovery.activeTenants).map(({ id }) => id)).toEqual(active)
    expect(yield* discovery.isActive(TenantId.make("a"))).toBe(true)
    expect(yield* discovery.isActive(TenantId.make("c"))).toBe(false)
    const status = yield* discovery.status.get
    expect(status).toMatchObject({ mode: "Live", tenantCount: 2, lastError: undefined })
    expect((yield* discovery.view.get).mode).toBe("Live")
  })

  test("publishes transitions only, in order, with their causes", function* (subject) {
    const changes = yield* collect(subject.discovery.changes, summary)
    yield* subject.add("c")
    yield* subject.add("c")
    yield* subject.add("a")
    yield* subject.rotate("c")
    yield* subject.rotate("unknown")
    yield* subject.update("a")
    yield* subject.remove("a", suspended)
    yield* subject.remove("a", "tenant.deleted")
    yield* subject.remove("unknown", suspended)
    yield* subject.add("a")
    expect(changes).toEqual([
      "+c",
      "c CredentialsRotated",
      "a Updated",
      "-a tenant.service.suspended",
      "+a"
    ])
    expect((yield* subject.discovery.status.get).tenantCount).toBe(3)
    // A reader gets only the changes since it began.
    expect(yield* collect(subject.discovery.changes, summary)).toEqual([])
  })

  test("takes every spelling of an ID for one tenant", function* (subject) {
    const changes = yield* collect(subject.discovery.changes, summary)
    yield* subject.add("0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F")
    yield* subject.add("0193e8f0c4b87c4a9f3b2f6f0c1d2e3f")
    expect(changes).toEqual(["+0193e8f0c4b87c4a9f3b2f6f0c1d2e3f"])
  })

  test("conflates what a slow reader missed, to the same tenants", function* (subject) {
    const resume = yield* Deferred.make<void>()
    const before = yield* subject.discovery.view.get
    let folded = before
    yield* subject.discovery.changes.pipe(
      Stream.runForEach((change) => {
        folded = applyChanges(folded, [change])
        return Deferred.await(resume)
      }),
      Effect.forkScoped
    )
    yield* settle
    yield* subject.add("first")
    for (let i = 0; i < 4; i++) {
      yield* subject.remove("a", suspended)
      yield* subject.add("a")
      yield* subject.add(`x-${i}`)
      yield* subject.remove(`x-${i}`, "tenant.service.purged")
    }
    yield* Deferred.succeed(resume, undefined)
    yield* settle
    expect(folded.ids).toEqual(ids("a", "b", "first"))
    const changes = TenantView.diff(before, yield* subject.discovery.view.get).map(summary)
    expect(changes).toEqual(["+first", "-a tenant.service.suspended", "+a"])
  })

  test("calls handlers with replay, after a failure, and with the cause", function* (subject) {
    const calls: Array<string> = []
    yield* subject.discovery.onTenantAdded(
      ({ id }) => {
        calls.push(`+${id}`)
        return id === "a" ? Effect.die("a defect of the test") : Effect.void
      },
      { replay: true }
    )
    yield* subject.discovery.onTenantRemoved(({ id }, cause) =>
      Effect.sync(() => calls.push(`-${id} ${cause._tag}`))
    )
    yield* settle
    yield* subject.add("c")
    yield* subject.remove("b", "tenant.deleted")
    expect(calls).toEqual(["+a", "+b", "+c", "-b Event"])
  })

  test("lists on refresh; one that fails changes only lastError", function* ({
    discovery,
    failNextRefresh
  }) {
    const changes = yield* collect(discovery.changes, summary)
    yield* TestClock.adjust(Duration.seconds(1))
    const before = (yield* discovery.status.get).lastListedAt
    yield* failNextRefresh
    const error = yield* Effect.flip(discovery.refresh)
    expect(yield* discovery.status.get).toMatchObject({
      mode: "Live",
      lastListedAt: before,
      lastError: { _tag: "ListFailed", error }
    })
    yield* discovery.refresh
    expect((yield* discovery.status.get).lastListedAt).toBeGreaterThan(before ?? 0)
    expect(changes).toEqual([])
  })

  test("ages without events and is fresh again with them", function* ({ discovery, follow }) {
    const modes = yield* collect(
      Stream.changes(Stream.map(discovery.status.changes, ({ mode }) => mode)),
      (mode) => mode
    )
    yield* follow(false)
    yield* TestClock.adjust(Duration.seconds(10))
    const stale = yield* Effect.flip(discovery.requireFresh(Duration.seconds(9)))
    expect(stale).toMatchObject({ _tag: "StaleTenantView", mode: "BootstrapOnly" })
    yield* follow(true)
    yield* discovery.requireFresh(0)
    expect(modes.filter((mode) => mode !== "Resyncing")).toEqual(["Live", "BootstrapOnly", "Live"])
  })

  test("ends its readers at close, fails refresh, and the IDs still answer", function* ({
    add,
    close,
    discovery
  }) {
    const reading = yield* Effect.fork(Stream.runDrain(discovery.changes))
    yield* settle
    yield* close
    yield* reading.await
    expect(yield* Effect.flip(discovery.refresh)).toMatchObject({
      _tag: "TenantManagerUnavailable",
      message: "the tenant discovery is closed"
    })
    yield* add("late")
    expect(yield* discovery.activeTenantIds).toEqual(["a", "b"])
  })
})
