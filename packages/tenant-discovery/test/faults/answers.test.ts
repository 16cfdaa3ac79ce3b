/** Unusual answers of the tenant manager under the whole Node layer. */
import { describe, expect } from "@effect/vitest"
import type { Trouble } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import dns from "node:dns"
import { TenantId } from "../../src/Tenant.js"
import { agrees, isLive, quick, startProgram } from "../wire/support.js"
import {
  LONG,
  long,
  makeServers,
  measureLeftovers,
  modes,
  expectNothingLeft,
  watch,
  watchLive,
  lastErrorText,
  until
} from "./support.js"
import { live, liveEach } from "../support/live.js"

/** Confirms a suspicious list soon. */
const confirmed = {
  program: { ...quick, discovery: { ...quick.discovery, confirmAfter: "20 millis" } }
} as const

describe("the tenant manager's answers", () => {
  live("waits for the Retry-After of a 429, also in refresh", function* () {
    const servers = yield* makeServers()
    const { simulator } = servers
    const { discovery, statuses, verify } = yield* watch(servers)
    yield* isLive(discovery)
    yield* simulator.trouble({ _tag: "Status", status: 429, retryAfter: "1", times: 1 })
    const lists = yield* simulator.listCalls
    const asked = performance.now()
    expect((yield* Effect.flip(discovery.refresh))._tag).toBe("TenantManagerRejected")
    expect(lastErrorText(yield* discovery.status.get)).toMatch(/^TenantManagerRejected: .*429/)
    // Events still apply.
    yield* simulator.create({ id: "by-event" })
    yield* agrees(simulator, discovery)
    expect(yield* simulator.listCalls).toBe(lists + 1)
    yield* discovery.refresh
    // Timers may fire a little early.
    expect(performance.now() - asked).toBeGreaterThan(950)
    expect(yield* simulator.listCalls).toBe(lists + 2)
    yield* verify
    expect(modes(statuses)).toEqual(["Live"])
  })

  live("accepts a correct body with a wrong content type", function* () {
    const servers = yield* makeServers()
    yield* servers.simulator.trouble({ _tag: "WrongContentType" })
    const { discovery, statuses, verify } = yield* watch(servers)
    expect(yield* discovery.activeTenantIds).toHaveLength(8)
    yield* isLive(discovery)
    yield* discovery.refresh
    yield* verify
    expect(statuses.map(lastErrorText).filter((text) => text !== "")).toEqual([])
  })

  const gone = [
    ["null", 20, [{ _tag: "NullList" }]],
    ["empty", 20, [{ _tag: "EmptyList" }]],
    ["without 60 %", 12, []]
  ] as const satisfies ReadonlyArray<readonly [string, number, ReadonlyArray<Trouble>]>

  liveEach(gone)("a second list that is %s confirms the removal", function* ([, many, shown]) {
    const { discovery, notified, simulator, statuses, verifyLive } = yield* watchLive(
      { tenants: 20 },
      confirmed
    )
    // The events are lost.
    yield* simulator.trouble({ _tag: "Withhold" }, ...shown)
    const leaving = (yield* simulator.activeTenantIds()).slice(0, many)
    yield* Effect.forEach(leaving, (id) => simulator.suspend(id))
    const lists = yield* simulator.listCalls
    yield* discovery.refresh
    expect(yield* simulator.listCalls).toBe(lists + 2)
    expect(yield* discovery.activeTenantIds).toHaveLength(20 - many)
    yield* verifyLive
    expect(statuses.at(-1)?.tenantCount).toBe(20 - many)
    expect(notified.filter((what) => what.startsWith("Removed")).toSorted()).toEqual(
      leaving.map((id) => `Removed ${id}`).toSorted()
    )
  })

  live("reports a name that does not resolve, then recovers", function* () {
    const servers = yield* makeServers()
    const { discovery, statuses, verify } = yield* watch(servers, {
      variables: { MULTI_TENANT_URL: `http://localhost:${servers.api.port}` }
    })
    yield* isLive(discovery)
    yield* Effect.acquireUseRelease(
      Effect.sync(() => {
        const { lookup } = dns
        const gone = (hostname: string, ...rest: ReadonlyArray<unknown>) => {
          const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
            code: "ENOTFOUND"
          })
          const callback = rest.at(-1)
          if (typeof callback === "function") setImmediate(() => callback(error))
        }
        Object.assign(dns, { lookup: gone })
        return lookup
      }),
      () =>
        Effect.gen(function* () {
          yield* servers.api.reset
          const failed = yield* Effect.flip(discovery.refresh)
          expect(failed._tag).toBe("TenantManagerUnavailable")
          expect(failed.message).toContain("ENOTFOUND")
          expect(lastErrorText(yield* discovery.status.get)).toContain("ENOTFOUND")
          // Events still apply.
          yield* servers.simulator.create({ id: "by-event" })
          yield* agrees(servers.simulator, discovery)
        }),
      (lookup) => Effect.sync(() => Object.assign(dns, { lookup }))
    )
    yield* servers.simulator.create({ id: "afterwards" })
    yield* Effect.retry(discovery.refresh, { times: 3 })
    yield* verify
    expect(modes(statuses)).toEqual(["Live"])
  })

  live("an unknown host name is a typed error at the start", function* () {
    const servers = yield* makeServers()
    const before = yield* measureLeftovers
    const failed = yield* Effect.scoped(
      startProgram({
        ...servers.variables,
        // Reserved by RFC 2606; some resolvers answer slowly.
        MULTI_TENANT_URL: "https://tenant-manager.invalid",
        MULTI_TENANT_TIMEOUT: "1"
      })
    ).pipe(Effect.flip, Effect.timeout("15 seconds"))
    expect(failed._tag).toMatch(/^(?:TenantManagerUnavailable|TenantManagerTimedOut)$/)
    yield* expectNothingLeft(servers, before)
  })
})

const MILLION = 1_000_000

describe.runIf(long)("large lists", () => {
  live(
    "a body of 100 MB ends at the limit and the program continues",
    function* () {
      const { discovery, simulator, verifyLive } = yield* watchLive()
      yield* simulator.trouble({ _tag: "OversizedBody", bytes: 100e6, times: 1 })
      expect((yield* Effect.flip(discovery.refresh))._tag).toBe("TenantManagerBodyTooLarge")
      expect(lastErrorText(yield* discovery.status.get)).toMatch(/^TenantManagerBodyTooLarge: /)
      yield* discovery.refresh
      yield* verifyLive
    },
    LONG
  )

  live(
    "lists a million tenants",
    function* () {
      const servers = yield* makeServers({ tenants: MILLION })
      const { simulator } = servers
      const before = yield* measureLeftovers
      const { close, discovery } = yield* startProgram(servers.variables, {
        // The simulator makes its list in this process too.
        events: { ...quick.events, heartbeatTimeout: "30 seconds" },
        tenantManager: { listBodyLimit: 512 * 1024 * 1024 }
      })
      expect(yield* discovery.activeTenantIds).toHaveLength(MILLION)
      yield* until("the mode is Live", discovery.status.get, ({ mode }) => mode === "Live")
      const truth = yield* simulator.activeTenantIds()
      const known = new Set<string>(yield* discovery.activeTenantIds)
      expect(truth.filter((id) => !known.has(id))).toEqual([])
      let added = 0
      const left: Array<string> = []
      yield* discovery.onTenantAdded(() => Effect.sync(() => added++), { replay: true })
      yield* discovery.onTenantRemoved(({ id }) => Effect.sync(() => left.push(id)))
      yield* simulator.create({ id: "one-more" })
      yield* simulator.suspend(truth[0] ?? "")
      yield* until(
        "both events apply",
        discovery.activeTenantIds,
        (ids) => ids.includes(TenantId.make("one-more")) && ids.length === MILLION
      )
      yield* until(
        "each handler is called",
        Effect.sync(() => ({ added, left })),
        (notified) => notified.added >= MILLION && notified.left.length > 0
      )
      // The removed tenant was added first, or not at all.
      expect(added).toBeLessThanOrEqual(MILLION + 1)
      expect(left).toEqual([truth[0]])
      const status = yield* discovery.status.get
      expect(status).toMatchObject({ mode: "Live", tenantCount: MILLION, lastError: undefined })
      yield* close.pipe(Effect.timeout("2 seconds"))
      yield* expectNothingLeft(servers, before)
    },
    LONG
  )
})
