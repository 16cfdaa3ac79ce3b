/**
 * What users of a discovery may rely on, as scenarios that know nothing of how its
 * tenants come to be. Run over the double and over the real thing.
 */
import { expect } from "@effect/vitest"
import { Deferred, Duration, Effect, Either, type Scope, Stream, TestClock } from "effect"
import {
  type DiscoveryMode,
  type TenantChange,
  type TenantDiscoveryService,
  TenantId,
  TenantView
} from "../../src/index.js"
import type { RemovalEventType } from "../../src/testing.js"

/** A discovery with tenants `a` and `b`, and how a scenario makes things happen to it. */
export interface Subject {
  readonly discovery: TenantDiscoveryService
  readonly add: (id: string) => Effect.Effect<void>
  readonly remove: (id: string, type: RemovalEventType) => Effect.Effect<void>
  readonly rotate: (id: string) => Effect.Effect<void>
  readonly update: (id: string) => Effect.Effect<void>
  /** Ends events, or brings them back. */
  readonly follow: (events: boolean) => Effect.Effect<void>
  /** The next refresh fails. */
  readonly failNextRefresh: Effect.Effect<void>
  readonly close: Effect.Effect<void>
}

export interface Scenario {
  readonly name: string
  readonly run: (subject: Subject) => Effect.Effect<void, never, Scope.Scope>
}

const quiet = TestClock.adjust(0)

const told = (change: TenantChange): string => {
  switch (change._tag) {
    case "Added":
      return `+${change.tenant.id}`
    case "Removed":
      return `-${change.tenant.id} ${
        change.cause._tag === "Event" ? change.cause.eventType : change.cause._tag
      }`
    case "ConnectionsChanged":
      return `${change.tenant.id} ${change.reason}`
    case "Updated":
      return `${change.tenant.id} updated`
  }
}

/** What `changes` tells from now on; `slow` lets it go on after each one. */
const listen = (discovery: TenantDiscoveryService, slow?: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    yield* discovery.changes.pipe(
      Stream.runForEach((change) =>
        Effect.zipRight(
          Effect.sync(() => lines.push(told(change))),
          slow ?? Effect.void
        )
      ),
      Effect.forkScoped
    )
    yield* quiet
    return lines
  })

const suspended = "tenant.service.suspended"

export const scenarios: ReadonlyArray<Scenario> = [
  {
    name: "begins Live with its tenants, frozen",
    run: ({ discovery }) =>
      Effect.gen(function* () {
        const ids = yield* discovery.activeTenantIds
        expect(ids).toEqual(["a", "b"])
        expect(Object.isFrozen(ids)).toBe(true)
        expect(yield* discovery.activeTenantIds).toBe(ids)
        expect((yield* discovery.activeTenants).map(({ id }) => id)).toEqual(ids)
        expect(yield* discovery.isActive(TenantId.make("a"))).toBe(true)
        expect(yield* discovery.isActive(TenantId.make("c"))).toBe(false)
        const status = yield* discovery.status.get
        expect(status).toMatchObject({ mode: "Live", tenantCount: 2, lastError: undefined })
        expect((yield* discovery.view.get).mode).toBe("Live")
      })
  },
  {
    name: "tells transitions alone, in order, and why",
    run: (subject) =>
      Effect.gen(function* () {
        const lines = yield* listen(subject.discovery)
        yield* subject.add("c")
        yield* subject.add("c")
        yield* subject.add("a")
        yield* subject.rotate("c")
        yield* subject.rotate("nobody")
        yield* subject.update("a")
        yield* subject.remove("a", suspended)
        yield* subject.remove("a", "tenant.deleted")
        yield* subject.remove("nobody", suspended)
        yield* subject.add("a")
        expect(lines).toEqual([
          "+c",
          "c CredentialsRotated",
          "a updated",
          "-a tenant.service.suspended",
          "+a"
        ])
        expect((yield* subject.discovery.status.get).tenantCount).toBe(3)
      })
  },
  {
    name: "every spelling of an ID is one tenant",
    run: (subject) =>
      Effect.gen(function* () {
        const lines = yield* listen(subject.discovery)
        yield* subject.add("0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F")
        yield* subject.add("0193e8f0c4b87c4a9f3b2f6f0c1d2e3f")
        expect(lines).toEqual(["+0193e8f0c4b87c4a9f3b2f6f0c1d2e3f"])
      })
  },
  {
    name: "a busy reader is told of what left and came back as both, and comes to the same",
    run: (subject) =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        const before = yield* subject.discovery.view.get
        let folded = before
        yield* subject.discovery.changes.pipe(
          Stream.runForEach((change) =>
            Effect.zipRight(
              Effect.sync(() => {
                folded = TenantView.applyChanges(folded, [change])
              }),
              Deferred.await(gate)
            )
          ),
          Effect.forkScoped
        )
        yield* quiet
        yield* subject.add("first")
        for (let i = 0; i < 4; i++) {
          yield* subject.remove("a", suspended)
          yield* subject.add("a")
          yield* subject.add(`x-${i}`)
          yield* subject.remove(`x-${i}`, "tenant.service.purged")
        }
        yield* Deferred.succeed(gate, undefined)
        yield* quiet
        expect([...folded.ids].sort()).toEqual(["a", "b", "first"])
        const now = yield* subject.discovery.view.get
        expect(TenantView.diff(before, now).map(told)).toEqual(
          expect.arrayContaining(["-a tenant.service.suspended", "+a", "+first"])
        )
      })
  },
  {
    name: "handlers replay, go on after a failure, and tell the cause",
    run: (subject) =>
      Effect.gen(function* () {
        const added: Array<string> = []
        const removed: Array<string> = []
        yield* subject.discovery.onTenantAdded(
          ({ id }) =>
            Effect.zipRight(
              Effect.sync(() => added.push(id)),
              id === "a" ? Effect.die("no") : Effect.void
            ),
          { replay: true }
        )
        yield* subject.discovery.onTenantRemoved(({ id }, cause) =>
          Effect.sync(() => removed.push(`${id} ${cause._tag}`))
        )
        yield* quiet
        yield* subject.add("c")
        yield* subject.remove("b", "tenant.deleted")
        expect(added).toEqual(["a", "b", "c"])
        expect(removed).toEqual(["b Event"])
      })
  },
  {
    name: "a refresh lists, or fails and leaves all as it was",
    run: (subject) =>
      Effect.gen(function* () {
        const { discovery } = subject
        const lines = yield* listen(discovery)
        yield* TestClock.adjust(Duration.seconds(1))
        const before = (yield* discovery.status.get).lastListedAt
        yield* subject.failNextRefresh
        const error = yield* Effect.flip(discovery.refresh)
        const status = yield* discovery.status.get
        expect(status).toMatchObject({
          mode: "Live",
          lastListedAt: before,
          lastError: { _tag: "ListFailed", error }
        })
        yield* Effect.orDie(discovery.refresh)
        expect((yield* discovery.status.get).lastListedAt).toBeGreaterThan(before ?? 0)
        expect(lines).toEqual([])
      }).pipe(Effect.orDie)
  },
  {
    name: "says when it follows events no more, grows old, and is fresh again",
    run: (subject) =>
      Effect.gen(function* () {
        const { discovery } = subject
        const modes: Array<DiscoveryMode> = []
        yield* discovery.status.changes.pipe(
          Stream.map(({ mode }) => mode),
          Stream.changes,
          Stream.runForEach((mode) => Effect.sync(() => modes.push(mode))),
          Effect.forkScoped
        )
        yield* quiet
        yield* subject.follow(false)
        yield* TestClock.adjust(Duration.seconds(10))
        const stale = yield* Effect.either(discovery.requireFresh(Duration.seconds(9)))
        expect(Either.isLeft(stale) && stale.left).toMatchObject({
          _tag: "StaleTenantView",
          mode: "BootstrapOnly"
        })
        yield* subject.follow(true)
        expect(Either.isRight(yield* Effect.either(discovery.requireFresh(0)))).toBe(true)
        expect(modes.filter((mode) => mode !== "Resyncing")).toEqual([
          "Live",
          "BootstrapOnly",
          "Live"
        ])
      })
  },
  {
    name: "ends with its scope: readers end, refresh fails, the IDs still answer",
    run: (subject) =>
      Effect.gen(function* () {
        const { discovery } = subject
        const reading = yield* Effect.fork(Stream.runDrain(discovery.changes))
        yield* quiet
        yield* subject.close
        yield* reading.await
        expect(yield* discovery.activeTenantIds).toEqual(["a", "b"])
        const after = yield* Effect.either(discovery.refresh)
        expect(Either.isLeft(after) && after.left).toMatchObject({
          _tag: "TenantManagerUnavailable",
          message: /closed/
        })
        yield* subject.add("late")
        expect(yield* discovery.activeTenantIds).toEqual(["a", "b"])
      })
  }
]
