/** What `watch` prints, over the double of the discovery and the test clock. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { TestTenantDiscovery } from "tenant-discovery/testing"
import { makePublishedEvents } from "../../src/cli/publishedEvents.js"
import { watch } from "../../src/cli/watchCommand.js"
import { makeOutput } from "./support.js"

/** Waits until a line is printed, whatever the clock says. */
const printed = (lines: ReadonlyArray<string>, part: string) =>
  Effect.yieldNow().pipe(
    Effect.repeat({ until: () => lines.some((line) => line.includes(part)), times: 10_000 })
  )

const event = (type: string, tenant: string, at: number) =>
  JSON.stringify({
    event_id: `${type}-${tenant}`,
    event_type: type,
    timestamp: new Date(at).toISOString(),
    tenant_id: tenant,
    payload: { service_name: "ledger" }
  })

const scenario = (format: "text" | "json", isTTY = false) =>
  Effect.gen(function* () {
    const output = makeOutput(isTTY)
    const published = yield* makePublishedEvents
    const tenants = yield* TestTenantDiscovery
    const fiber = yield* Effect.fork(Effect.provide(watch(format, published), output.layer))
    yield* printed(output.out, "Live")
    yield* TestClock.adjust("1500 millis")
    published.record(event("tenant.service.associated", "acme", 1200), "ledger")
    yield* tenants.add({ id: "acme", name: "Acme" })
    yield* printed(output.out, "added")
    yield* TestClock.adjust("1 minute")
    yield* tenants.remove("globex", { _tag: "Listing" })
    yield* printed(output.out, "removed")
    published.record(event("tenant.credentials.rotated", "acme", 61_490), "another-service")
    yield* tenants.rotate("acme")
    yield* printed(output.out, "connections")
    yield* tenants.setStatus("BootstrapOnly")
    yield* printed(output.out, "BootstrapOnly")
    yield* Fiber.interrupt(fiber)
    return output
  }).pipe(Effect.provide(TestTenantDiscovery.layer(["globex"])))

describe("watch", () => {
  it.effect("prints a line for each change with its time, cause and lag, then a summary", () =>
    Effect.gen(function* () {
      const { displayed, out } = yield* scenario("text")
      expect(out).toEqual([
        "00:00:00.000  mode         Live: subscribed to events, nothing is missing; 1 tenant",
        "00:00:01.500  added        acme (Acme)  tenant.service.associated  lag 300 ms",
        "00:01:01.500  removed      globex  list",
        "00:01:01.500  connections  acme (Acme)  CredentialsRotated",
        "00:01:01.500  mode         BootstrapOnly: not subscribed, only lists find changes; 1 tenant",
        "watched for 1m 1s: 1 added, 1 removed, 1 with changed connections, 0 updated; longest lag 300 ms"
      ])
      expect(displayed).toEqual([])
    })
  )

  it.effect("prints one JSON object a line", () =>
    Effect.gen(function* () {
      const { out } = yield* scenario("json")
      expect(out.map((line): unknown => JSON.parse(line))).toMatchObject([
        { kind: "mode", tenant: null, at: "1970-01-01T00:00:00.000Z" },
        {
          at: "1970-01-01T00:00:01.500Z",
          kind: "added",
          tenant: { id: "acme", name: "Acme" },
          cause: "tenant.service.associated",
          lagMillis: 300
        },
        { kind: "removed", tenant: { id: "globex", name: null }, cause: "list", lagMillis: null },
        { kind: "connections", lagMillis: null },
        { kind: "mode" },
        { kind: "summary", added: 1, removed: 1, connections: 1, longestLagMillis: 300 }
      ])
    })
  )

  it.effect("keeps a status line at the bottom of a terminal", () =>
    Effect.gen(function* () {
      const { displayed } = yield* scenario("text", true)
      const shown = displayed
        .map((text) => text.replace("\r\u001b[2K", ""))
        .filter((text) => text !== "")
      expect(shown).toContain("Live | 1 tenant | view 0 s old | 0 changes | Ctrl-C ends")
      expect(shown).toContain("Live | 2 tenants | view 1 s old | 1 change | Ctrl-C ends")
      // The last one is cleared for the summary.
      expect(displayed.at(-1)).toBe("\r\u001b[2K")
    })
  )
})
