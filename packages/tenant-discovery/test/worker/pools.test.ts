/** Workers whose work waits for a place in a pool of `TenantLayers`. */
import { describe, expect } from "@effect/vitest"
import { Effect, Layer, Schedule } from "effect"
import { TenantHealth } from "../../src/TenantHealth.js"
import type * as TenantLayers from "../../src/TenantLayers.js"
import * as TenantWorker from "../../src/TenantWorker.js"
import { eventually } from "../connections/support/eventually.js"
import {
  acme,
  begin,
  globex,
  initech,
  once,
  scenario,
  TenantDb,
  use
} from "../layers/support/tenantDb.js"
import { advance, metricValues, settle } from "./support.js"

const warning =
  "all places are taken: 2 tenants hold resources, 3 are active; the next ones wait until a resource is idle. Raise the option maxTenants or use fewer tenants at once"
const warnings = (logs: ReadonlyArray<string>) => logs.filter((line) => line.startsWith(warning))
const callersWaiting = metricValues("tenant_layers_waiting", { layers: "test/TenantDb" })

/** Work that holds its tenant's resource for as long as it runs. */
const holding = TenantDb.provideCurrent(Effect.never)

const waitsForPool = Effect.map(TenantWorker.status("holder"), (tenants) =>
  [acme, globex, initech].map((id) => tenants.get(id)?.waitsForPool)
)

describe("a pool with fewer places than there are tenants", () => {
  const options: TenantLayers.TenantLayersOptions = { maxTenants: 2 }

  scenario(
    "is reported at the start by a warning, a gauge and the status of a perTenant worker",
    function* ({ logs, world }) {
      yield* Effect.gen(function* () {
        yield* eventually(() => warnings(logs).length > 0)
        expect(yield* waitsForPool).toEqual([undefined, undefined, "test/TenantDb"])
        expect(yield* callersWaiting).toMatchObject([{ value: 1 }])
        yield* world.remove(acme)
        yield* advance("31 seconds")
        expect(yield* waitsForPool).toEqual([undefined, undefined, undefined])
        expect(yield* callersWaiting).toMatchObject([{ value: 0 }])
        yield* world.add(acme)
        yield* settle
        expect(yield* waitsForPool).toEqual(["test/TenantDb", undefined, undefined])
        expect(warnings(logs)).toHaveLength(1)
      }).pipe(Effect.provide(TenantWorker.perTenant({ name: "holder", run: holding })))
    },
    options
  )

  scenario(
    "is reported by the status of a scheduled worker",
    function* ({ logs }) {
      const worker = TenantWorker.scheduled({
        name: "holder",
        schedule: Schedule.spaced("1 second"),
        drain: 0,
        run: holding
      })
      yield* Effect.gen(function* () {
        yield* advance("1 second")
        yield* eventually(() => warnings(logs).length > 0)
        expect(yield* waitsForPool).toEqual([undefined, undefined, "test/TenantDb"])
      }).pipe(Effect.provide(worker))
    },
    options
  )

  scenario(
    "degrades the health after a minute, also between the waits that time out",
    function* ({ world }) {
      const workers = Effect.flatMap(TenantHealth, ({ check }) =>
        Effect.map(check, ({ checks }) => checks.workers)
      )
      yield* Effect.gen(function* () {
        yield* advance("59 seconds")
        expect((yield* workers).status).toBe("up")
        // The wait fails after 60 s, and the run begins anew at least a second later.
        for (let n = 0; n < 10; n++) {
          yield* advance("6 seconds")
          expect(yield* workers).toMatchObject({
            status: "degraded",
            reason: "tenants that wait for a place in a pool: 1"
          })
        }
        yield* world.remove(acme)
        yield* advance("70 seconds")
        expect((yield* workers).status).toBe("up")
      }).pipe(
        Effect.provide(
          Layer.merge(
            TenantHealth.layer(),
            TenantWorker.perTenant({ name: "holder", run: holding })
          )
        )
      )
    },
    options
  )

  scenario(
    "shows in gauges how many places are taken, also after the close",
    function* ({ close }) {
      const gauges = (name: string) =>
        Effect.map(
          metricValues(`tenant_layers_${name}`, { layers: "test/TenantDb", service: "ledger" }),
          ([state]) => state
        )
      const shown = Effect.all([gauges("in_use"), gauges("waiting"), gauges("cap")])
      expect(yield* shown).toMatchObject([{ value: 0 }, { value: 0 }, { value: 2 }])
      const { release } = yield* use(acme)
      yield* use(globex)
      yield* begin(use(initech))
      expect(yield* shown).toMatchObject([{ value: 2 }, { value: 1 }, { value: 2 }])
      yield* release
      yield* settle
      expect(yield* shown).toMatchObject([{ value: 2 }, { value: 0 }, { value: 2 }])
      const closing = yield* Effect.fork(close)
      yield* advance("30 seconds")
      yield* closing
      expect(yield* shown).toMatchObject([{ value: 0 }, { value: 0 }, { value: 0 }])
    },
    options
  )

  scenario(
    "is not reported while idle resources make room",
    function* ({ factory, logs }) {
      for (const id of [acme, globex, initech, acme]) yield* once(id)
      expect(factory.built.length).toBe(4)
      expect(warnings(logs)).toEqual([])
    },
    options
  )
})
