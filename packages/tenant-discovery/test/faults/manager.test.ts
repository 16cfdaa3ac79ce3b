/**
 * Faults of the tenant manager under the whole Node layer: at the start each is a typed error;
 * later each changes the status only.
 */
import { describe, expect, it } from "@effect/vitest"
import type { Trouble } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { inspect } from "node:util"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import { agrees, isLive, quick, startProgram } from "../wire/support.js"
import {
  long,
  makeServers,
  measureLeftovers,
  modes,
  expectNothingLeft,
  watch,
  type Servers,
  lastErrorText
} from "./support.js"

/** Only a long run takes every fault at the start, where each costs its retries. */
const quickAtStart = ["a refused connection", "401", "no answer", "truncated JSON"]

/** A list here takes much less than one second. */
const hasty = { MULTI_TENANT_TIMEOUT: "1" }

/** A limit of 64 kB per list keeps the oversized body small. */
const small: LayerConfigOptions = { ...quick, tenantManager: { listBodyLimit: 64 * 1024 } }

interface Fault {
  readonly name: string
  readonly strike: (servers: Servers) => Effect.Effect<unknown>
  /** The error's tag. */
  readonly error: string
  /** Whether the start retries it. */
  readonly outage: boolean
}

const by =
  (trouble: Trouble) =>
  ({ simulator }: Servers) =>
    simulator.trouble(trouble)

const faults: ReadonlyArray<Fault> = [
  {
    name: "a refused connection",
    strike: ({ api }) => api.cut,
    error: "TenantManagerUnavailable",
    outage: true
  },
  {
    name: "a link that ends within the answer",
    strike: ({ api }) => api.halve(200, "toClient"),
    error: "TenantManagerUnavailable",
    outage: true
  },
  {
    name: "a link that ends within the request",
    strike: ({ api }) => api.halve(20, "toServer"),
    error: "TenantManagerUnavailable",
    outage: true
  },
  {
    name: "a reset in the body",
    strike: by({ _tag: "ResetInBody" }),
    error: "TenantManagerUnavailable",
    outage: true
  },
  {
    name: "500",
    strike: by({ _tag: "Status", status: 500 }),
    error: "TenantManagerUnavailable",
    outage: true
  },
  {
    name: "401",
    strike: by({ _tag: "Status", status: 401 }),
    error: "TenantManagerUnauthorized",
    outage: false
  },
  {
    name: "403 of a suspended association",
    strike: by({ _tag: "Suspended", status: "suspended" }),
    error: "TenantManagerSuspended",
    outage: false
  },
  {
    name: "403 of a purged association",
    strike: by({ _tag: "Suspended", status: "purged" }),
    error: "TenantManagerSuspended",
    outage: false
  },
  {
    name: "403 without a body",
    strike: by({ _tag: "Denied" }),
    error: "TenantManagerAccessDenied",
    outage: false
  },
  {
    name: "404",
    strike: by({ _tag: "Status", status: 404 }),
    error: "TenantManagerNotFound",
    outage: false
  },
  {
    name: "418",
    strike: by({ _tag: "Status", status: 418 }),
    error: "TenantManagerRejected",
    outage: false
  },
  {
    name: "no answer",
    strike: by({ _tag: "Hang" }),
    error: "TenantManagerTimedOut",
    outage: true
  },
  {
    name: "an answer after the timeout",
    strike: by({ _tag: "Delay", millis: 1_500 }),
    error: "TenantManagerTimedOut",
    outage: true
  },
  {
    name: "a link that drops all bytes",
    strike: ({ api }) => api.blackhole(),
    error: "TenantManagerTimedOut",
    outage: true
  },
  {
    name: "one byte per second",
    strike: by({ _tag: "Drip", millis: 1_000 }),
    error: "TenantManagerTimedOut",
    outage: true
  },
  {
    name: "truncated JSON",
    strike: by({ _tag: "TruncatedBody" }),
    error: "TenantManagerMalformedBody",
    outage: false
  },
  {
    name: "HTML",
    strike: by({ _tag: "RawBody", body: "<html>hello</html>" }),
    error: "TenantManagerMalformedBody",
    outage: false
  },
  {
    name: "a body above the limit",
    strike: by({ _tag: "OversizedBody", bytes: 65 * 1024 }),
    error: "TenantManagerBodyTooLarge",
    outage: false
  }
]

describe("a fault of the tenant manager at runtime", () => {
  it.scopedLive.each(faults.map((fault) => [fault.name, fault] as const))(
    "%s changes the status only, and the program recovers",
    ([, { error, strike }]) =>
      Effect.gen(function* () {
        const servers = yield* makeServers()
        const { api, simulator } = servers
        const { discovery, statuses, verify } = yield* watch(servers, {
          variables: hasty,
          program: small
        })
        yield* isLive(discovery)
        const before = yield* discovery.view.get
        yield* strike(servers)
        const failed = yield* Effect.flip(discovery.refresh)
        expect(failed._tag).toBe(error)
        expect(yield* discovery.activeTenantIds).toBe(before.ids)
        const status = yield* discovery.status.get
        expect(status.mode).toBe("Live")
        expect(lastErrorText(status)).toMatch(
          new RegExp(`^(?:${error}|TenantManagerCircuitOpen): `)
        )
        // Events still apply.
        yield* simulator.create({ id: "by-event", name: "By event" })
        yield* agrees(simulator, discovery)
        yield* simulator.clearTrouble
        yield* Effect.orDie(api.resume)
        yield* verify
        expect(modes(statuses)).toEqual(["Live"])
      })
  )
})

describe("a fault of the tenant manager at the start", () => {
  const taken = faults.filter(({ name }) => long || quickAtStart.includes(name))
  it.scopedLive.each(taken.map((fault) => [fault.name, fault] as const))(
    "%s is a typed error within 15 s",
    ([, { error, outage, strike }]) =>
      Effect.gen(function* () {
        const servers = yield* makeServers()
        yield* strike(servers)
        const before = yield* measureLeftovers
        const failed = yield* Effect.scoped(
          startProgram({ ...servers.variables, ...hasty }, small)
        ).pipe(Effect.flip, Effect.timeout("15 seconds"))
        expect(failed).toMatchObject({ _tag: error })
        expect(inspect(failed)).not.toContain(servers.variables["MULTI_TENANT_SERVICE_API_KEY"])
        if (!outage) expect(yield* servers.simulator.listCalls).toBe(1)
        yield* expectNothingLeft(servers, before)
      })
  )

  it.scopedLive("the start succeeds after two answers of 500", () =>
    Effect.gen(function* () {
      const servers = yield* makeServers()
      yield* servers.simulator.trouble({ _tag: "Status", status: 500, times: 2 })
      const { discovery, statuses, verify } = yield* watch(servers)
      expect(yield* servers.simulator.listCalls).toBeGreaterThanOrEqual(3)
      yield* isLive(discovery)
      yield* verify
      expect(statuses.map(lastErrorText).filter((text) => text !== "")).toEqual([])
    })
  )
})
