/**
 * The tenant manager, treated badly, under the whole Node layer: at the start it is an
 * error that says what was the matter, and later it changes nothing but the status.
 */
import { describe, expect, it } from "@effect/vitest"
import type { Trouble } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import dns from "node:dns"
import * as http from "node:http"
import { inspect } from "node:util"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import { TenantId } from "../../src/Tenant.js"
import { agrees, isLive, quick, startProgram } from "../wire/support.js"
import { LONG, long, makeStage, play, type Stage, trouble, until } from "./support.js"

/** At the start each costs its retries: these stand for the others where time is short. */
const quickAtStart = ["refused", "401", "no answer in time", "truncated JSON"]

/** A second is enough for a list here, and what is slower is too slow. */
const hasty = { MULTI_TENANT_TIMEOUT: "1" }

/** Lists may be 64 kB long, so that too much of one needs no minute. */
const small: LayerConfigOptions = { ...quick, tenantManager: { listBodyLimit: 64 * 1024 } }

interface Fault {
  readonly name: string
  readonly strike: (stage: Stage) => Effect.Effect<unknown>
  /** The error's tag. */
  readonly error: string
  /** Whether it may be over by the next try. */
  readonly outage: boolean
}

const by =
  (trouble: Trouble) =>
  ({ simulator }: Stage) =>
    simulator.trouble(trouble)

const faults: ReadonlyArray<Fault> = [
  { name: "refused", strike: ({ api }) => api.cut, error: "Unavailable", outage: true },
  {
    name: "the link halved in the middle of the answer",
    strike: ({ api }) => api.halve(200, "toClient"),
    error: "Unavailable",
    outage: true
  },
  {
    name: "a reset in the body",
    strike: by({ _tag: "ResetInBody" }),
    error: "Unavailable",
    outage: true
  },
  { name: "500", strike: by({ _tag: "Status", status: 500 }), error: "Unavailable", outage: true },
  {
    name: "401",
    strike: by({ _tag: "Status", status: 401 }),
    error: "Unauthorized",
    outage: false
  },
  {
    name: "403 of a suspended association",
    strike: by({ _tag: "Suspended", status: "suspended" }),
    error: "Suspended",
    outage: false
  },
  {
    name: "403 without a body",
    strike: by({ _tag: "Denied" }),
    error: "AccessDenied",
    outage: false
  },
  { name: "404", strike: by({ _tag: "Status", status: 404 }), error: "NotFound", outage: false },
  { name: "418", strike: by({ _tag: "Status", status: 418 }), error: "Rejected", outage: false },
  { name: "no answer in time", strike: by({ _tag: "Hang" }), error: "TimedOut", outage: true },
  {
    name: "the link dead without a word",
    strike: ({ api }) => api.blackhole(),
    error: "TimedOut",
    outage: true
  },
  {
    name: "a byte a second",
    strike: by({ _tag: "Drip", millis: 1_000 }),
    error: "TimedOut",
    outage: true
  },
  {
    name: "truncated JSON",
    strike: by({ _tag: "TruncatedBody" }),
    error: "MalformedBody",
    outage: false
  },
  {
    name: "HTML",
    strike: by({ _tag: "RawBody", body: "<html>hello</html>" }),
    error: "MalformedBody",
    outage: false
  },
  {
    name: "a body past the limit",
    strike: by({ _tag: "OversizedBody", bytes: 65 * 1024 }),
    error: "BodyTooLarge",
    outage: false
  }
]

describe("the tenant manager, while the program runs", () => {
  it.scopedLive.each(faults.map((fault) => [fault.name, fault] as const))(
    "%s changes nothing but the status, and is made good",
    ([, { error, strike }]) =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { api, simulator } = stage
        const { discovery, statuses, verdict } = yield* play(stage, {
          variables: hasty,
          program: small
        })
        yield* isLive(discovery)
        const before = yield* discovery.view.get
        yield* strike(stage)
        const failed = yield* Effect.flip(discovery.refresh)
        expect(failed._tag).toBe(error)
        expect(yield* discovery.activeTenantIds).toBe(before.ids)
        const status = yield* discovery.status.get
        expect(status.mode).toBe("Live")
        expect(trouble(status)).toMatch(new RegExp(`^(?:${error}|CircuitOpen): `))
        // Events need no list.
        yield* simulator.create({ id: "heard", name: "Heard" })
        yield* agrees(simulator, discovery)
        yield* simulator.clearTrouble
        yield* Effect.orDie(api.resume)
        // By itself, and without a gap.
        yield* verdict
        expect(new Set(statuses.map(({ mode }) => mode))).toEqual(new Set(["Live"]))
      })
  )
})

describe("the tenant manager, at the start", () => {
  const taken = faults.filter(({ name }) => long || quickAtStart.includes(name))
  it.scopedLive.each(taken.map((fault) => [fault.name, fault] as const))(
    "%s is an error that says so, within bounds",
    ([, { error, outage, strike }]) =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        yield* strike(stage)
        const failed = yield* Effect.scoped(
          startProgram({ ...stage.variables, ...hasty }, small)
        ).pipe(Effect.flip, Effect.timeout("15 seconds"))
        expect(failed).toMatchObject({ _tag: error })
        expect(inspect(failed)).not.toContain(stage.variables["MULTI_TENANT_SERVICE_API_KEY"])
        if (!outage) expect(yield* stage.simulator.listCalls).toBe(1)
        yield* until("no connection is left", stage.proxy.connections, (count) => count === 0)
      })
  )

  it.scopedLive("500, then well, is a start", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      yield* stage.simulator.trouble({ _tag: "Status", status: 500, times: 2 })
      const { discovery, verdict } = yield* play(stage)
      expect(yield* stage.simulator.listCalls).toBeGreaterThanOrEqual(3)
      yield* isLive(discovery)
      yield* verdict
    })
  )
})

describe("the tenant manager's answers", () => {
  it.scopedLive("429 with Retry-After is waited for, by whoever asks too", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { simulator } = stage
      const { discovery, verdict } = yield* play(stage)
      yield* isLive(discovery)
      yield* simulator.trouble({ _tag: "Status", status: 429, retryAfter: "1", times: 1 })
      const lists = yield* simulator.listCalls
      expect((yield* Effect.flip(discovery.refresh))._tag).toBe("Rejected")
      const asked = performance.now()
      yield* discovery.refresh
      // Timers and HTTP dates are coarse; without the wait it takes some milliseconds.
      expect(performance.now() - asked).toBeGreaterThan(800)
      expect(yield* simulator.listCalls).toBe(lists + 2)
      yield* verdict
    })
  )

  it.scopedLive("a wrong content type is no reason to refuse a right body", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      yield* stage.simulator.trouble({ _tag: "WrongContentType" })
      const { discovery, verdict } = yield* play(stage)
      expect(yield* discovery.activeTenantIds).toHaveLength(8)
      yield* verdict
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
      const { discovery, statuses, verdict } = yield* play(stage, {
        program: { ...quick, discovery: { ...quick.discovery, confirmAfter: "20 millis" } }
      })
      yield* isLive(discovery)
      yield* stage.simulator.trouble(once)
      yield* discovery.refresh
      yield* verdict
      expect(new Set(statuses.map(({ tenantCount }) => tenantCount))).toEqual(new Set([20]))
    })
  )

  it.scopedLive("a list without 60 % for good is believed once it is confirmed", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage({ tenants: 20 })
      const { simulator } = stage
      const { discovery, statuses, verdict } = yield* play(stage, {
        program: { ...quick, discovery: { ...quick.discovery, confirmAfter: "20 millis" } }
      })
      yield* isLive(discovery)
      // Nobody tells of it: the events were lost.
      yield* simulator.trouble({ _tag: "Withhold" })
      const gone = (yield* simulator.activeTenantIds()).slice(0, 12)
      yield* Effect.forEach(gone, (id) => simulator.suspend(id))
      const lists = yield* simulator.listCalls
      yield* discovery.refresh
      expect(yield* simulator.listCalls).toBe(lists + 2)
      expect(yield* discovery.activeTenantIds).toHaveLength(8)
      yield* verdict
      expect(statuses.at(-1)?.tenantCount).toBe(8)
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
      const { discovery, verdict } = yield* play(stage)
      yield* isLive(discovery)
      yield* stage.simulator.trouble({
        _tag: "Redirect",
        to: `http://127.0.0.1:${port}/`,
        times: 1
      })
      expect((yield* Effect.flip(discovery.refresh))._tag).toBe("Rejected")
      yield* discovery.refresh
      expect(visitors).toBe(0)
      yield* verdict
    })
  )

  it.scopedLive("its name resolves no more, and then again", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      const { discovery, verdict } = yield* play(stage, {
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
            expect(failed._tag).toBe("Unavailable")
            expect(failed.message).toContain("ENOTFOUND")
            expect((yield* discovery.status.get).mode).toBe("Live")
          }),
        (lookup) => Effect.sync(() => Object.assign(dns, { lookup }))
      )
      yield* stage.simulator.create({ id: "afterwards" })
      yield* Effect.retry(discovery.refresh, { times: 3 })
      yield* verdict
    })
  )
})

describe.runIf(long)("the tenant manager, at length", () => {
  it.scopedLive(
    "100 MB of body end at the limit, and the program goes on",
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage()
        const { discovery, verdict } = yield* play(stage)
        yield* isLive(discovery)
        yield* stage.simulator.trouble({ _tag: "OversizedBody", bytes: 100e6, times: 1 })
        expect((yield* Effect.flip(discovery.refresh))._tag).toBe("BodyTooLarge")
        yield* discovery.refresh
        yield* verdict
      }),
    LONG
  )

  it.scopedLive(
    "a million tenants",
    () =>
      Effect.gen(function* () {
        const stage = yield* makeStage({ tenants: 1_000_000 })
        const { simulator } = stage
        const { discovery } = yield* startProgram(stage.variables, {
          // The simulator makes its list in this process too, and takes its time.
          events: { ...quick.events, heartbeatTimeout: "30 seconds" },
          tenantManager: { listBodyLimit: 512 * 1024 * 1024 }
        })
        expect(yield* discovery.activeTenantIds).toHaveLength(1_000_000)
        yield* until("it is live", discovery.status.get, ({ mode }) => mode === "Live")
        const truth = yield* simulator.activeTenantIds()
        const known = new Set<string>(yield* discovery.activeTenantIds)
        expect(truth.filter((id) => !known.has(id))).toEqual([])
        yield* simulator.create({ id: "one-more" })
        yield* simulator.suspend(truth[0] ?? "")
        yield* until(
          "both are heard",
          discovery.activeTenantIds,
          (ids) => ids.includes(TenantId.make("one-more")) && ids.length === 1_000_000
        )
      }),
    LONG
  )
})
