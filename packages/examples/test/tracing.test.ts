/** The traces of two tenants whose events arrive at once, and the example as a user runs it. */
import { Command } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { SpanKind } from "@opentelemetry/api"
import { Effect, Either, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { WORKERS } from "../src/tracing/services.js"
import { recordSpans } from "../src/tracing/story.js"
import { follow, header } from "../src/tracing/trace.js"

const TENANTS = ["globex", "initech"]
/** Listed at the start, without an event. */
const LISTED = "acme"

it.live("each event leads to the runs of its tenant and to their calls, and to no other", () =>
  Effect.gen(function* () {
    const spans = yield* recordSpans(TENANTS)

    for (const tenant of TENANTS) {
      for (const worker of WORKERS) {
        const { call, event, received, run } = Either.getOrThrowWith(
          follow(spans, tenant, worker),
          (problem) => new Error(problem)
        )
        const { spanId, traceId } = call.spanContext()
        expect(header(received, "traceparent")).toBe(`00-${traceId}-${spanId}-01`)
        expect(header(received, "baggage")).toBe(`tenant_id=${tenant}`)
        expect(event.attributes["event_id"]).toBeTypeOf("string")
        expect(
          [event, run, call, received].map(({ attributes }) => attributes["tenant_id"])
        ).toEqual([tenant, tenant, tenant, tenant])
        expect(
          [event, run, call, received].map(({ resource }) => resource.attributes["service.name"])
        ).toEqual(["ledger", "ledger", "ledger", "accounts"])
      }
    }

    // Every run, not the first of each tenant alone.
    const events = spans.filter(({ attributes }) => attributes["event_type"] !== undefined)
    expect(events).toHaveLength(TENANTS.length)
    const runs = spans.filter(({ name }) => name === "TenantWorker.run")
    const tenants = new Set<unknown>()
    for (const run of runs) {
      const tenant = run.attributes["tenant_id"]
      tenants.add(tenant)
      const linked = run.links.map(({ context }) => context.traceId)
      const own = events.filter(({ attributes }) => attributes["tenant_id"] === tenant)
      expect(linked).toEqual(own.map((event) => event.spanContext().traceId))
      const { traceId } = run.spanContext()
      const inTrace = spans.filter((span) => span.spanContext().traceId === traceId)
      expect(new Set(inTrace.map(({ attributes }) => attributes["tenant_id"]))).toEqual(
        new Set([tenant])
      )
      for (const span of inTrace.filter(({ kind }) => kind === SpanKind.SERVER)) {
        expect(header(span, "baggage")).toBe(`tenant_id=${String(tenant)}`)
      }
    }
    expect(tenants).toEqual(new Set([LISTED, ...TENANTS]))
    const atAccounts = spans.filter(
      ({ resource }) => resource.attributes["service.name"] === "accounts"
    )
    expect(new Set(atAccounts.map(({ kind }) => kind))).toEqual(new Set([SpanKind.SERVER]))
    expect(new Set(runs.map((run) => run.spanContext().traceId)).size).toBe(runs.length)
  })
)

it.live("a tenant that a list reported has no event to follow", () =>
  Effect.gen(function* () {
    const spans = yield* recordSpans(["globex"])
    expect(follow(spans, LISTED, "balance-sync")).toEqual(
      Either.left("balance-sync of acme: no event")
    )
    const unlinked = spans.filter(({ links }) => links.length === 0)
    expect(follow(unlinked, "globex", "balance-sync")).toEqual(
      Either.left("balance-sync of globex: no run that is linked with the event")
    )
  })
)

it.scopedLive(
  "npm run example:tracing prints the trace and ends by itself with 0",
  () =>
    Effect.gen(function* () {
      const child = yield* Command.make(
        process.execPath,
        "--import",
        "tsx",
        "--conditions=tenant-discovery-source",
        "--disable-warning=ExperimentalWarning",
        fileURLToPath(new URL("../src/tracing/main.ts", import.meta.url))
      ).pipe(Command.start)
      const output = yield* Stream.merge(child.stdout, child.stderr).pipe(
        Stream.decodeText(),
        Stream.mkString
      )
      expect(output).toContain("Complete: the event leads to 2 runs")
      expect(output).toContain("baggage: tenant_id=globex")
      expect(yield* child.exitCode).toBe(0)
    }).pipe(Effect.provide(NodeContext.layer)),
  60_000
)
