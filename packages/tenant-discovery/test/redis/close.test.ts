import { describe, expect, it } from "@effect/vitest"
import { FaultProxy, RedisServer } from "@tenant-discovery/simulator"
import { Array as Arr, Effect, Exit, Redacted, Scope } from "effect"
import { inspect } from "node:util"
import * as RedisTenantEvents from "tenant-discovery/RedisTenantEvents"
import {
  activeResources,
  channel,
  channelName,
  connection,
  kind,
  quick,
  Recorder,
  subscribed,
  versions
} from "./support.js"
import { eventually, live, until } from "../support/live.js"

/** A subscription in its own scope, made in an interruptible or uninterruptible region. */
const inScope = (
  redis: RedisTenantEvents.RedisSource,
  region: <A>(effect: Effect.Effect<A>) => Effect.Effect<A> = Effect.interruptible
) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const recorder = yield* region(subscribed(redis).pipe(Scope.extend(scope)))
    return { recorder, close: Scope.close(scope, Exit.void).pipe(Effect.timeout("2 seconds")) }
  })

const sockets = () => activeResources("TCPSocketWrap")

describe.each(versions)("closing, with %s", (version) => {
  live("leaves no connection, and the sink receives nothing more", function* () {
    const server = yield* RedisServer.make({ kind })
    const { recorder, close } = yield* inScope(connection(version, server))
    yield* recorder.seen("Alive")
    yield* close
    const received = recorder.signals.length
    yield* eventually(server.command("PUBSUB", "NUMSUB", channelName), (reply) =>
      String(reply).endsWith(",0")
    )
    yield* server.command("PUBLISH", channelName, "too late")
    expect(recorder.signals.length).toBe(received)
  })

  live("does not wait for a server that hangs", function* () {
    const server = yield* RedisServer.make({ kind })
    const before = sockets()
    const { recorder, close } = yield* inScope(connection(version, server))
    yield* recorder.seen("Subscribed")
    yield* server.stop
    yield* close
    yield* until(() => sockets() <= before)
    expect(recorder.tags).toEqual(["Subscribed"])
    yield* server.continue
  })

  live("ends an attempt in progress, and a wait for the next one", function* () {
    const server = yield* RedisServer.make({ kind })
    const proxy = yield* FaultProxy.make(server)
    yield* proxy.hold()
    const connecting = yield* inScope(connection(version, proxy))
    yield* eventually(proxy.accepted, (n) => n === 1)
    yield* connecting.close
    expect(connecting.recorder.signals).toEqual([])
    yield* proxy.cut
    const waiting = yield* inScope(connection(version, proxy))
    yield* waiting.recorder.seen("Lost")
    yield* waiting.close
    expect(waiting.recorder.tags).toEqual(["Lost"])
  })

  live("completes when an uninterruptible region subscribed", function* () {
    const server = yield* RedisServer.make({ kind })
    const { recorder, close } = yield* inScope(connection(version, server), Effect.uninterruptible)
    yield* recorder.seen("Subscribed")
    yield* close
  })

  live("leaves no socket and no timer after 200 subscriptions", function* () {
    const server = yield* RedisServer.make({ kind })
    const once = (n: number) =>
      Effect.gen(function* () {
        const { recorder, close } = yield* inScope(connection(version, server))
        // Each is closed at another stage.
        if (n % 4 === 1) yield* Effect.yieldNow()
        if (n % 4 === 2) yield* recorder.seen("Subscribed")
        if (n % 4 === 3) yield* recorder.seen("Alive")
        yield* close
      })
    yield* once(3)
    const before = { sockets: sockets(), timers: activeResources("Timeout") }
    yield* Effect.forEach(Arr.range(0, 199), once, { concurrency: 10 })
    yield* until(() => sockets() <= before.sockets)
    // This wait has up to two.
    yield* until(() => activeResources("Timeout") <= before.timers + 2)
  })
})

describe("secrets", () => {
  it("do not appear when the service or its options are inspected", () => {
    const options: RedisTenantEvents.RedisTenantEventsOptions = {
      redis: { host: "localhost", port: 6379, password: Redacted.make("hush-hush") },
      channel,
      ...quick
    }
    const service = RedisTenantEvents.make(options)
    const shown = [service, options, service.subscribe(new Recorder())].map(
      (value) => inspect(value, { depth: 20, showHidden: true }) + JSON.stringify(value)
    )
    expect(shown.join()).not.toContain("hush-hush")
  })
})
