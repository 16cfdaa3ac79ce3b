/** The faults of the servers and the machine that the soak injects, one at a time. */
import type { FaultProxy, RedisServer, Simulator, Trouble } from "@tenant-discovery/simulator"
import { Effect, Random } from "effect"

export interface Servers {
  readonly simulator: Simulator.SimulatorService
  readonly redis: RedisServer.RedisServer
  /** The proxies of the program's connections to Redis and to the tenant manager. */
  readonly proxy: FaultProxy.FaultProxy
  readonly api: FaultProxy.FaultProxy
  /** Moves the program's wall clock. */
  readonly jumpWallClock: (millis: number) => void
}

export interface Fault {
  readonly name: string
  /** Injects the fault and ends it; interruptible in between. */
  readonly run: (servers: Servers) => Effect.Effect<unknown, unknown>
}

const HOUR = 3_600_000

const during = (
  strike: Effect.Effect<unknown, unknown>,
  mend: Effect.Effect<unknown, unknown>
): Effect.Effect<unknown, unknown> =>
  Effect.acquireUseRelease(
    strike,
    () => Effect.sleep("2 seconds"),
    () => Effect.orDie(mend)
  )

/** A fault of the tenant manager for two seconds. */
const trouble = (name: string, ...troubles: ReadonlyArray<Trouble>): Fault => ({
  name,
  run: ({ simulator }) => during(simulator.trouble(...troubles), simulator.clearTrouble)
})

export const faults: readonly [Fault, ...ReadonlyArray<Fault>] = [
  { name: "Redis killed", run: ({ redis }) => during(redis.kill, redis.start) },
  { name: "Redis stopped", run: ({ redis }) => during(redis.stop, redis.continue) },
  {
    name: "subscriber killed",
    run: ({ redis }) => redis.command("CLIENT", "KILL", "TYPE", "pubsub")
  },
  { name: "Redis link reset", run: ({ proxy }) => proxy.reset },
  { name: "Redis link cut", run: ({ proxy }) => during(proxy.cut, proxy.resume) },
  { name: "Redis link dead", run: ({ proxy }) => during(proxy.blackhole(), proxy.resume) },
  {
    name: "Redis link halved",
    run: ({ proxy }) => during(proxy.halve(300, "toClient"), proxy.resume)
  },
  { name: "Redis link slow", run: ({ proxy }) => during(proxy.slow(20_000), proxy.resume) },
  {
    name: "Redis link held one way",
    run: ({ proxy }) => during(proxy.hold("toClient"), proxy.resume)
  },
  { name: "manager refused", run: ({ api }) => during(api.cut, api.resume) },
  { name: "manager link dead", run: ({ api }) => during(api.blackhole(), api.resume) },
  { name: "manager link slow", run: ({ api }) => during(api.slow(50_000), api.resume) },
  trouble("list 500", { _tag: "Status", on: "list", status: 500 }),
  trouble("list 429", { _tag: "Status", on: "list", status: 429, retryAfter: "1" }),
  trouble("list 401", { _tag: "Status", on: "list", status: 401 }),
  trouble("list 403", { _tag: "Suspended", on: "list", status: "suspended" }),
  trouble("list redirected", { _tag: "Redirect", on: "list", to: "http://127.0.0.1:1/" }),
  trouble("list of HTML", { _tag: "RawBody", on: "list", body: "<html>hello</html>" }),
  trouble("list null once", { _tag: "NullList", times: 1 }),
  trouble("list hangs", { _tag: "Hang", on: "list" }),
  trouble("list truncated", { _tag: "TruncatedBody", on: "list" }),
  trouble("list reset", { _tag: "ResetInBody", on: "list" }),
  trouble("list empty once", { _tag: "EmptyList", times: 1 }),
  trouble("list without 60 % once", { _tag: "PartialList", drop: 0.6, times: 1 }),
  trouble("list with garbage", { _tag: "MalformedElements" }, { _tag: "InactiveElements" }),
  trouble("connections 503", { _tag: "Status", on: "connections", status: 503 }),
  trouble("connections hang", { _tag: "Hang", on: "connections" }),
  trouble("connections refused", { _tag: "Suspended", on: "connections", status: "suspended" }),
  trouble("connections truncated", { _tag: "TruncatedBody", on: "connections" }),
  trouble("events lost", { _tag: "Withhold", times: 5 }),
  trouble("events twice", { _tag: "Duplicate" }),
  trouble("events out of order", { _tag: "Reorder" }),
  trouble("events on another channel", { _tag: "OldChannel", times: 5 }),
  trouble("events malformed", { _tag: "Malformed", times: 5 }),
  trouble("events of another environment", {
    _tag: "OtherEnvironment",
    environment: "elsewhere",
    times: 5
  }),
  {
    name: "wall clock set back",
    run: ({ jumpWallClock }) => Effect.map(Random.next, (random) => jumpWallClock(-HOUR * random))
  },
  {
    name: "wall clock set forward",
    run: ({ jumpWallClock }) => Effect.map(Random.next, (random) => jumpWallClock(HOUR * random))
  },
  {
    name: "event loop blocked",
    // This also blocks the proxies, which run in this process.
    run: () =>
      Effect.sync(() => {
        const end = performance.now() + 1_500
        while (performance.now() < end);
      })
  },
  {
    name: "flood of another service",
    run: ({ simulator }) =>
      simulator.publishRaw(
        simulator.channel ?? "",
        Array.from({ length: 5_000 }, (_, index) =>
          JSON.stringify({
            event_type: "tenant.service.associated",
            tenant_id: `foreign-${index}`,
            payload: { service_name: "another" }
          })
        )
      )
  }
]
