/**
 * The tenant manager, treated badly, under the whole Node layer: at the start it is an
 * error that says what was the matter, and later it changes nothing but the status.
 */
import { describe, expect, it } from "@effect/vitest"
import type { Trouble } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { inspect } from "node:util"
import type { LayerConfigOptions } from "../../src/NodeTenantDiscovery.js"
import { agrees, isLive, quick, startProgram } from "../wire/support.js"
import {
  long,
  makeStage,
  measured,
  modes,
  nothingLeft,
  play,
  type Stage,
  trouble
} from "./support.js"

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
  {
    name: "refused",
    strike: ({ api }) => api.cut,
    error: "TenantManagerUnavailable",
    outage: true
  },
  {
    name: "the link halved in the middle of the answer",
    strike: ({ api }) => api.halve(200, "toClient"),
    error: "TenantManagerUnavailable",
    outage: true
  },
  {
    name: "the link halved in the middle of the request",
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
    name: "no answer in time",
    strike: by({ _tag: "Hang" }),
    error: "TenantManagerTimedOut",
    outage: true
  },
  {
    name: "slower than the timeout",
    strike: by({ _tag: "Delay", millis: 1_500 }),
    error: "TenantManagerTimedOut",
    outage: true
  },
  {
    name: "the link dead without a word",
    strike: ({ api }) => api.blackhole(),
    error: "TenantManagerTimedOut",
    outage: true
  },
  {
    name: "a byte a second",
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
    name: "a body past the limit",
    strike: by({ _tag: "OversizedBody", bytes: 65 * 1024 }),
    error: "TenantManagerBodyTooLarge",
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
        expect(trouble(status)).toMatch(new RegExp(`^(?:${error}|TenantManagerCircuitOpen): `))
        // Events need no list.
        yield* simulator.create({ id: "heard", name: "Heard" })
        yield* agrees(simulator, discovery)
        yield* simulator.clearTrouble
        yield* Effect.orDie(api.resume)
        // By itself, and without a gap.
        yield* verdict
        expect(modes(statuses)).toEqual(["Live"])
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
        const before = yield* measured
        const failed = yield* Effect.scoped(
          startProgram({ ...stage.variables, ...hasty }, small)
        ).pipe(Effect.flip, Effect.timeout("15 seconds"))
        expect(failed).toMatchObject({ _tag: error })
        expect(inspect(failed)).not.toContain(stage.variables["MULTI_TENANT_SERVICE_API_KEY"])
        if (!outage) expect(yield* stage.simulator.listCalls).toBe(1)
        yield* nothingLeft(stage, before)
      })
  )

  it.scopedLive("500, then well, is a start", () =>
    Effect.gen(function* () {
      const stage = yield* makeStage()
      yield* stage.simulator.trouble({ _tag: "Status", status: 500, times: 2 })
      const { discovery, statuses, verdict } = yield* play(stage)
      expect(yield* stage.simulator.listCalls).toBeGreaterThanOrEqual(3)
      yield* isLive(discovery)
      yield* verdict
      // Of a start that succeeded in the end nothing is the matter.
      expect(statuses.map(trouble).filter((text) => text !== "")).toEqual([])
    })
  )
})
