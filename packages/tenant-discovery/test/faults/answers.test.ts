/**
 * What the tenant manager may answer, under the whole Node layer: what is believed and
 * when, what is waited for, and what is followed nowhere.
 */
import { describe, expect, it } from "@effect/vitest"
import type { Trouble } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import dns from "node:dns"
import * as http from "node:http"
import { TenantId } from "../../src/Tenant.js"
import { agrees, isLive, quick, startProgram } from "../wire/support.js"
import {
  LONG,
  long,
  makeStage,
  measured,
  modes,
  nothingLeft,
  play,
  trouble,
  until
} from "./support.js"

/** In doubt it is asked again soon. */
const confirmed = {
  program: { ...quick, discovery: { ...quick.discovery, confirmAfter: "20 millis" } }
} as const

describe("the tenant manager's answers", () => {
  it.scopedLive("429 with Retry-After is waited for, by whoever asks too", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { simulator } = stage
      const { discovery, statuses, verdict } = yield* play(stage)
      yield* isLive(discovery)
      yield* simulator.trouble({ _tag: "Status", status: 429, retryAfter: "1", times: 1 })
      const lists = yield* simulator.listCalls
      expect((yield* Effect.flip(discovery.refresh))._tag).toBe("TenantManagerRejected")
      expect(trouble(yield* discovery.status.get)).toMatch(/^TenantManagerRejected: .*429/)
      // Meanwhile events tell of changes as ever.
      yield* simulator.create({ id: "heard" })
      yield* agrees(simulator, discovery)
      expect(yield* simulator.listCalls).toBe(lists + 1)
      const asked = performance.now()
      yield* discovery.refresh
      // Timers and HTTP dates are coarse; without the wait it takes some milliseconds.
      expect(performance.now() - asked).toBeGreaterThan(800)
      expect(yield* simulator.listCalls).toBe(lists + 2)
      yield* verdict
      expect(modes(statuses)).toEqual(["Live"])
    })
  )

  it.scopedLive("a wrong content type is no reason to refuse a right body", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      yield* stage.simulator.trouble({ _tag: "WrongContentType" })
      const { discovery, statuses, verdict } = yield* play(stage)
      expect(yield* discovery.activeTenantIds).toHaveLength(8)
      yield* isLive(discovery)
      yield* discovery.refresh
      yield* verdict
      expect(statuses.map(trouble).filter((text) => text !== "")).toEqual([])
    })
  )

  const short = [
    ["null", { _tag: "NullList", times: 1 }],
    ["empty", { _tag: "EmptyList", times: 1 }],
    ["without 60 %", { _tag: "PartialList", drop: 0.6, times: 1 }]
  ] as const satisfies ReadonlyArray<readonly [string, Trouble]>

  it.scopedLive.each(short)("a list that is %s once removes nobody", ([, once]) =>
    Effect.gen(function* () {
      const stage = yield* makeStage({ tenants: 20 })
      const { discovery, statuses, told, verdict } = yield* play(stage, confirmed)
      yield* isLive(discovery)
      yield* stage.simulator.trouble(once)
      yield* discovery.refresh
      yield* verdict
      expect(new Set(statuses.map(({ tenantCount }) => tenantCount))).toEqual(new Set([20]))
      expect(modes(statuses)).toEqual(["Live"])
      expect(told).toHaveLength(20)
    })
  )

  const gone = [
    ["null", 20, [{ _tag: "NullList" }]],
    ["empty", 20, [{ _tag: "EmptyList" }]],
    ["without 60 %", 12, []]
  ] as const satisfies ReadonlyArray<readonly [string, number, ReadonlyArray<Trouble>]>

  it.scopedLive.each(gone)(
    "a list that is %s for good is believed once it is confirmed",
    ([, many, shown]) =>
      Effect.gen(function* () {
        const stage = yield* makeStage({ tenants: 20 })
        const { simulator } = stage
        const { discovery, statuses, told, verdict } = yield* play(stage, confirmed)
        yield* isLive(discovery)
        // Nobody tells of it: the events were lost.
        yield* simulator.trouble({ _tag: "Withhold" }, ...shown)
        const leaving = (yield* simulator.activeTenantIds()).slice(0, many)
        yield* Effect.forEach(leaving, (id) => simulator.suspend(id))
        const lists = yield* simulator.listCalls
        yield* discovery.refresh
        expect(yield* simulator.listCalls).toBe(lists + 2)
        expect(yield* discovery.activeTenantIds).toHaveLength(20 - many)
        yield* verdict
        expect(modes(statuses)).toEqual(["Live"])
        expect(statuses.at(-1)?.tenantCount).toBe(20 - many)
        expect(told.filter((what) => what.startsWith("Removed")).toSorted()).toEqual(
          leaving.map((id) => `Removed ${id}`).toSorted()
        )
      })
  )

  it.scopedLive("a redirect is not followed: the API key goes nowhere else", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      let visitors = 0
      const elsewhere = yield* Effect.acquireRelease(
        Effect.async<http.Server>((resume) => {
          const server = http.createServer((_request, response) => {
            visitors++
            response.end("[]")
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = elsewhere.address()
      const port = address !== null && typeof address === "object" ? address.port : 0
      const { discovery, statuses, verdict } = yield* play(stage)
      yield* isLive(discovery)
      yield* stage.simulator.trouble({
        _tag: "Redirect",
        to: `http://127.0.0.1:${port}/`,
        times: 1
      })
      expect((yield* Effect.flip(discovery.refresh))._tag).toBe("TenantManagerRejected")
      expect(trouble(yield* discovery.status.get)).toMatch(/^TenantManagerRejected: .*307/)
      yield* discovery.refresh
      expect(visitors).toBe(0)
      yield* verdict
      expect(modes(statuses)).toEqual(["Live"])
    })
  )

  it.scopedLive("its name resolves no more, and then again", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { discovery, statuses, verdict } = yield* play(stage, {
        variables: { MULTI_TENANT_URL: `http://localhost:${stage.api.port}` }
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
            yield* stage.api.reset
            const failed = yield* Effect.flip(discovery.refresh)
            expect(failed._tag).toBe("TenantManagerUnavailable")
            expect(failed.message).toContain("ENOTFOUND")
            expect(trouble(yield* discovery.status.get)).toContain("ENOTFOUND")
            // Events come by another way.
            yield* stage.simulator.create({ id: "heard" })
            yield* agrees(stage.simulator, discovery)
          }),
        (lookup) => Effect.sync(() => Object.assign(dns, { lookup }))
      )
      yield* stage.simulator.create({ id: "afterwards" })
      yield* Effect.retry(discovery.refresh, { times: 3 })
      yield* verdict
      expect(modes(statuses)).toEqual(["Live"])
    })
  )

  it.scopedLive("a name that no server knows is an error at the start", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const before = yield* measured
      const failed = yield* Effect.scoped(
        startProgram({
          ...stage.variables,
          // Kept by RFC 2606: no resolver may know it, and some are slow to say so.
          MULTI_TENANT_URL: "https://tenant-manager.invalid",
          MULTI_TENANT_TIMEOUT: "1"
        })
      ).pipe(Effect.flip, Effect.timeout("15 seconds"))
      expect(failed._tag).toMatch(/^(?:TenantManagerUnavailable|TenantManagerTimedOut)$/)
      yield* nothingLeft(stage, before)
    })
  )
})

const MILLION = 1_000_000

describe.runIf(long)("the tenant manager, at length", () => {
  it.scopedLive(
    "100 MB of body end at the limit, and the program goes on",
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { discovery, statuses, verdict } = yield* play(stage)
        yield* isLive(discovery)
        yield* stage.simulator.trouble({ _tag: "OversizedBody", bytes: 100e6, times: 1 })
        expect((yield* Effect.flip(discovery.refresh))._tag).toBe("TenantManagerBodyTooLarge")
        expect(trouble(yield* discovery.status.get)).toMatch(/^TenantManagerBodyTooLarge: /)
        yield* discovery.refresh
        yield* verdict
        expect(modes(statuses)).toEqual(["Live"])
      }),
    LONG
  )

  it.scopedLive(
    "a million tenants",
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage({ tenants: MILLION })
        const { simulator } = stage
        const before = yield* measured
        const { close, discovery } = yield* startProgram(stage.variables, {
          // The simulator makes its list in this process too, and takes its time.
          events: { ...quick.events, heartbeatTimeout: "30 seconds" },
          tenantManager: { listBodyLimit: 512 * 1024 * 1024 }
        })
        expect(yield* discovery.activeTenantIds).toHaveLength(MILLION)
        yield* until("it is live", discovery.status.get, ({ mode }) => mode === "Live")
        const truth = yield* simulator.activeTenantIds()
        const known = new Set<string>(yield* discovery.activeTenantIds)
        expect(truth.filter((id) => !known.has(id))).toEqual([])
        let welcomed = 0
        const left: Array<string> = []
        yield* discovery.onTenantAdded(() => Effect.sync(() => welcomed++), { replay: true })
        yield* discovery.onTenantRemoved(({ id }) => Effect.sync(() => left.push(id)))
        yield* simulator.create({ id: "one-more" })
        yield* simulator.suspend(truth[0] ?? "")
        yield* until(
          "both are heard",
          discovery.activeTenantIds,
          (ids) => ids.includes(TenantId.make("one-more")) && ids.length === MILLION
        )
        yield* until(
          "each is told once",
          Effect.sync(() => ({ welcomed, left })),
          (told) => told.welcomed >= MILLION && told.left.length > 0
        )
        // Whether the one that left was welcomed depends on which came first.
        expect(welcomed).toBeLessThanOrEqual(MILLION + 1)
        expect(left).toEqual([truth[0]])
        const status = yield* discovery.status.get
        expect(status).toMatchObject({ mode: "Live", tenantCount: MILLION, lastError: undefined })
        yield* close.pipe(Effect.timeout("2 seconds"))
        yield* nothingLeft(stage, before)
      }),
    LONG
  )
})
