import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Logger, LogLevel, Schedule, TestClock } from "effect"
import { CurrentTenant, TenantDiscovery, TenantHealth, TenantWorker } from "tenant-discovery"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import { entriesSince, makeTimeline } from "../src/internal/timeline.js"

const layer = (ids: ReadonlyArray<string>) =>
  Layer.provideMerge(TenantHealth.layer(), TestTenantDiscovery.layer(ids))

/** The timeline, and a function that reads the entries since the last call. */
const follow = Effect.gen(function* () {
  const timeline = yield* makeTimeline(yield* TenantHealth)
  let seen = yield* timeline.get
  return Effect.gen(function* () {
    yield* TestClock.adjust("1 second")
    const now = yield* timeline.get
    const entries = entriesSince(seen, now, 0)
    seen = now
    return entries.map(({ kind, tenant, text }) => [kind, tenant?.id, text])
  })
})

const failing = TenantWorker.scheduled({
  name: "relay",
  schedule: Schedule.spaced("2 seconds"),
  run: Effect.flatMap(CurrentTenant, ({ id }) =>
    id === "acme" ? Effect.fail(new Error("no such table")) : Effect.void
  )
})

describe("the timeline", () => {
  it.scoped("has an entry for each change, with its cause", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const news = yield* follow
      yield* tenants.add("globex")
      expect(yield* news).toEqual([["added", "globex", "globex was added by an event"]])
      yield* tenants.rotate("globex")
      yield* tenants.update("globex", "Globex")
      expect(yield* news).toEqual([
        [
          "connections",
          "globex",
          "the connection settings of globex changed: its credentials were rotated"
        ],
        ["updated", "globex", "what is known of globex changed"]
      ])
      yield* tenants.remove("globex", {
        _tag: "Event",
        eventType: "tenant.service.suspended",
        eventId: "evt-1"
      })
      yield* tenants.remove("acme", { _tag: "Listing" })
      expect(yield* news).toEqual([
        ["removed", "globex", "globex was removed by the event tenant.service.suspended (evt-1)"],
        ["removed", "acme", "acme was removed since a list no longer has it"]
      ])
    }).pipe(Effect.provide(layer(["acme"])))
  )

  it.scoped("has the modes, the lists and their failures; lists in a row are one entry", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const news = yield* follow
      const { refresh } = yield* TenantDiscovery
      yield* tenants.setStatus("BootstrapOnly")
      expect(yield* news).toEqual([
        [
          "mode",
          undefined,
          "mode BootstrapOnly: running without events; only lists keep the tenants up to date"
        ]
      ])
      yield* tenants.failNextRefresh()
      yield* Effect.ignore(refresh)
      expect(yield* news).toEqual([
        ["list-failed", undefined, expect.stringMatching(/^a list failed: .*503/)]
      ])
      const timeline = yield* makeTimeline(yield* TenantHealth)
      for (let n = 0; n < 3; n++) {
        yield* refresh
        expect(yield* news).toEqual([["list", undefined, "a list was applied: 1 tenant is active"]])
      }
      expect((yield* timeline.get).numbered.map(({ entry }) => entry.kind)).toEqual([
        "mode",
        "list"
      ])
    }).pipe(Effect.provide(layer(["acme"])))
  )

  it.scoped("keeps the last 200 entries, and says how many changes of a turn it left out", () =>
    Effect.gen(function* () {
      const tenants = yield* TestTenantDiscovery
      const timeline = yield* makeTimeline(yield* TenantHealth)
      const before = yield* timeline.get
      for (let turn = 0; turn < 3; turn++) {
        for (let n = 0; n < 150; n++) yield* tenants.add(`tenant-${turn}-${n}`)
        yield* TestClock.adjust("1 second")
      }
      const entries = entriesSince(before, yield* timeline.get, 0)
      expect(entries).toHaveLength(201)
      expect(entries[0]).toMatchObject({
        kind: "omitted",
        text: "earlier entries are no longer kept"
      })
    }).pipe(Effect.provide(layer([])))
  )

  it.scoped("has the failures of the workers", () =>
    Effect.gen(function* () {
      const news = yield* follow
      for (let n = 0; n < 10; n++) yield* TestClock.adjust("1 second")
      const entries = yield* news
      expect(entries).toContainEqual([
        "worker-failed",
        "acme",
        "the worker relay failed for acme: Error: no such table"
      ])
      expect(JSON.stringify(entries)).not.toContain("globex")
    }).pipe(
      Effect.provide(Layer.provideMerge(failing, layer(["acme", "globex"]))),
      Logger.withMinimumLogLevel(LogLevel.Fatal)
    )
  )
})
