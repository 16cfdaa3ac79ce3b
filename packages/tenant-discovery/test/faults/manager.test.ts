/**
 * Faults of the tenant manager under the whole Node layer: at the start each is a typed error;
 * later each changes the status only.
 */
import { describe, expect } from "@effect/vitest"
import type { Trouble } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { inspect } from "node:util"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import { agrees, quick, startProgram } from "../wire/support.js"
import {
  long,
  makeServers,
  measureLeftovers,
  expectNothingLeft,
  watchLive,
  type Servers,
  lastErrorText
} from "./support.js"
import { liveEach } from "../support/live.js"

/** Only a long run takes every fault at the start, where each costs its retries. */
const quickAtStart = ["a refused connection", "401", "no answer", "truncated JSON"]

/** A list here takes much less than one second. */
const hasty = { MULTI_TENANT_TIMEOUT: "1" }

/** A limit of 64 kB per list keeps the oversized body small. */
const small: LayerConfigOptions = { ...quick, tenantManager: { listBodyLimit: 64 * 1024 } }

type Strike = (servers: Servers) => Effect.Effect<unknown>

const by =
  (trouble: Trouble): Strike =>
  ({ simulator }) =>
    simulator.trouble(trouble)

const status = (status: number): Strike => by({ _tag: "Status", status })

/** What the fault is, how it is made, the error's tag, and whether the start retries it. */
const faults: ReadonlyArray<
  readonly [name: string, strike: Strike, error: string, outage?: "outage"]
> = [
  ["a refused connection", ({ api }) => api.cut, "Unavailable", "outage"],
  [
    "a link that ends in the answer",
    ({ api }) => api.halve(200, "toClient"),
    "Unavailable",
    "outage"
  ],
  [
    "a link that ends in the request",
    ({ api }) => api.halve(20, "toServer"),
    "Unavailable",
    "outage"
  ],
  ["a reset in the body", by({ _tag: "ResetInBody" }), "Unavailable", "outage"],
  ["500", status(500), "Unavailable", "outage"],
  ["401", status(401), "Unauthorized"],
  ["403 of a suspended association", by({ _tag: "Suspended", status: "suspended" }), "Suspended"],
  ["403 of a purged association", by({ _tag: "Suspended", status: "purged" }), "Suspended"],
  ["403 without a body", by({ _tag: "Denied" }), "AccessDenied"],
  ["404", status(404), "NotFound"],
  ["418", status(418), "Rejected"],
  ["no answer", by({ _tag: "Hang" }), "TimedOut", "outage"],
  ["an answer after the timeout", by({ _tag: "Delay", millis: 1_500 }), "TimedOut", "outage"],
  ["a link that drops all bytes", ({ api }) => api.blackhole(), "TimedOut", "outage"],
  ["one byte per second", by({ _tag: "Drip", millis: 1_000 }), "TimedOut", "outage"],
  ["truncated JSON", by({ _tag: "TruncatedBody" }), "MalformedBody"],
  ["HTML", by({ _tag: "RawBody", body: "<html>hello</html>" }), "MalformedBody"],
  ["a body above the limit", by({ _tag: "OversizedBody", bytes: 65 * 1024 }), "BodyTooLarge"]
]

describe("a fault of the tenant manager at runtime", () => {
  liveEach(faults)(
    "%s changes the status only, and the program recovers",
    function* ([, strike, tag]) {
      const { api, discovery, servers, simulator, verifyLive } = yield* watchLive(
        {},
        {
          variables: hasty,
          program: small
        }
      )
      const before = yield* discovery.view.get
      yield* strike(servers)
      const failed = yield* Effect.flip(discovery.refresh)
      const error = `TenantManager${tag}`
      expect(failed._tag).toBe(error)
      expect(yield* discovery.activeTenantIds).toBe(before.ids)
      const status = yield* discovery.status.get
      expect(status.mode).toBe("Live")
      expect(lastErrorText(status)).toMatch(new RegExp(`^(?:${error}|TenantManagerCircuitOpen): `))
      // Events still apply.
      yield* simulator.create({ id: "by-event", name: "By event" })
      yield* agrees(simulator, discovery)
      yield* simulator.clearTrouble
      yield* Effect.orDie(api.resume)
      yield* verifyLive
    }
  )
})

describe("a fault of the tenant manager at the start", () => {
  const taken = faults.filter(([name]) => long || quickAtStart.includes(name))
  liveEach(taken)("%s is a typed error within 15 s", function* ([, strike, tag, outage]) {
    const servers = yield* makeServers()
    yield* strike(servers)
    const before = yield* measureLeftovers
    const failed = yield* Effect.scoped(
      startProgram({ ...servers.variables, ...hasty }, small)
    ).pipe(Effect.flip, Effect.timeout("15 seconds"))
    expect(failed).toMatchObject({ _tag: `TenantManager${tag}` })
    expect(inspect(failed)).not.toContain(servers.variables["MULTI_TENANT_SERVICE_API_KEY"])
    if (outage === undefined) expect(yield* servers.simulator.listCalls).toBe(1)
    yield* expectNothingLeft(servers, before)
  })
})
