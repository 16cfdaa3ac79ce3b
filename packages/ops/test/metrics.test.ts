import { describe, expect, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"
import { eventually } from "./support/program.js"
import { send, served } from "./support/http.js"

const scrape = Effect.flatMap(send("/metrics"), (response) => Effect.orDie(response.text)).pipe(
  Effect.scoped
)

/** The name and the labels of each series. */
const seriesOf = (text: string): ReadonlyArray<string> =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.slice(0, line.lastIndexOf(" ")))

const worker = TenantWorker.scheduled({
  name: "relay",
  schedule: Schedule.spaced("500 millis"),
  concurrency: 20_000,
  run: Effect.asVoid(CurrentTenant)
})

const runsOf = (text: string): number =>
  Number(/^tenant_worker_runs_total\{.*\} (\d+)$/m.exec(text)?.[1] ?? 0)

/** The series of a program after a run for each of its tenants. */
const seriesAfterWork = (ids: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const before = runsOf(yield* scrape)
    const text = yield* eventually(scrape, (now) => runsOf(now) >= before + ids.length)
    // Effect's own appear when a fiber fails for the first time.
    return seriesOf(text).filter((series) => !series.startsWith("effect_"))
  }).pipe(Effect.provide(served({}, ids, worker)))

describe("/metrics", () => {
  it.scopedLive("is the text format of Prometheus", () =>
    Effect.gen(function* () {
      const response = yield* send("/metrics")
      expect(response.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8")
      const text = yield* response.text
      expect(text).toContain("# TYPE tenant_discovery_assigned_tenants gauge")
      expect(text).toMatch(/^tenant_discovery_assigned_tenants\{service="test-service"\} 2$/m)
    }).pipe(Effect.provide(served()))
  )

  it.live("has no series more for 10 000 tenants, each with work", () =>
    Effect.gen(function* () {
      const few = yield* seriesAfterWork(["acme"])
      const many = yield* seriesAfterWork(Array.from({ length: 10_000 }, (_, n) => `tenant-${n}`))
      expect(few.length).toBeGreaterThan(10)
      expect(many).toEqual(few)
    })
  )
})
