/** A master that real sentinels name: dead and silent sentinels, a failover, the close. */
import { describe, expect } from "@effect/vitest"
import { RedisServer } from "@tenant-discovery/simulator"
import { Effect, Exit, Redacted, Scope } from "effect"
import { Redis } from "ioredis"
import { Redis as Redis6 } from "ioredis6"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { RedisSource } from "tenant-discovery/RedisTenantEvents"
import {
  activeResources,
  channelName,
  closingServers,
  hasNative,
  kind,
  quick,
  subscribed
} from "./support.js"
import { temporaryFolder } from "../package/support.js"
import { freePort } from "../support/listen.js"
import { eventually, live, until } from "../support/live.js"

const NAME = "events"
const SECRET = "sentinel-horse"

interface Sentinel {
  readonly host: string
  readonly port: number
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Starts it again after SIGKILL, with what it had learned. */
  readonly start: Effect.Effect<void>
  readonly command: (...args: ReadonlyArray<string>) => Effect.Effect<unknown>
}

/** A real sentinel that watches `master`, killed when the scope closes. */
const makeSentinel = (master: RedisServer.RedisServer) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const folder = yield* temporaryFolder(os.tmpdir())
    const file = path.join(folder, "sentinel.conf")
    const lines = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${folder}`,
      `requirepass ${SECRET}`,
      `sentinel sentinel-pass ${SECRET}`,
      `sentinel monitor ${NAME} ${master.host} ${master.port} 2`,
      `sentinel down-after-milliseconds ${NAME} 500`,
      `sentinel failover-timeout ${NAME} 3000`
    ]
    fs.writeFileSync(file, `${lines.join("\n")}\n`)
    const launch = () =>
      spawn("redis-server", [file, "--sentinel"], { stdio: "ignore" }).on("error", () => {})
    let child = launch()
    const signal = (name: NodeJS.Signals) => Effect.sync(() => child.kill(name))
    yield* Effect.addFinalizer(() => signal("SIGKILL"))
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const client = new Redis({ port, password: SECRET, lazyConnect: true })
        client.on("error", () => {})
        return client
      }),
      (client) => Effect.sync(() => client.disconnect())
    )
    const answers = () =>
      client.call("SENTINEL", "SENTINELS", NAME).then(Array.isArray, () => false)
    yield* eventually(Effect.promise(answers), (isList) => isList)
    const sentinel: Sentinel = {
      host: "127.0.0.1",
      port,
      signal,
      start: Effect.sync(() => {
        child = launch()
      }),
      command: (name = "", ...rest) => Effect.promise(() => client.call(name, ...rest))
    }
    return sentinel
  })

/** The connection by settings, and by instances of both lines that are duplicated. */
const sources = (
  sentinels: ReadonlyArray<{ readonly host: string; readonly port: number }>
): ReadonlyArray<RedisSource> => {
  const addresses = sentinels.map(({ host, port }) => ({ host, port }))
  const named = { sentinels: addresses, name: NAME }
  const options = { ...named, sentinelPassword: SECRET, lazyConnect: true }
  return [
    { ...named, sentinelPassword: Redacted.make(SECRET) },
    new Redis(options),
    new Redis6(options)
  ]
}

if (!hasNative) console.warn("Left out: tests on real sentinels; redis-server is missing")

describe.runIf(hasNative)("real sentinels", () => {
  live(
    "a dead and a silent one are passed, and a failover is followed",
    function* () {
      const master = yield* RedisServer.make({ kind: "native" })
      const replica = yield* RedisServer.make({
        kind: "native",
        nativeConfig: [`replicaof ${master.host} ${master.port}`]
      })
      const sentinel = makeSentinel(master)
      const all = yield* Effect.all([sentinel, sentinel, sentinel])
      const [dead, silent, well] = all
      for (const sentinel of all) {
        const known = Effect.all([
          sentinel.command("SENTINEL", "SENTINELS", NAME),
          sentinel.command("SENTINEL", "REPLICAS", NAME)
        ])
        yield* eventually(
          known,
          ([others, replicas]) =>
            Array.isArray(others) &&
            others.length === 2 &&
            JSON.stringify(replicas).includes(`"${replica.port}"`)
        )
      }
      yield* dead.signal("SIGKILL")
      yield* silent.signal("SIGSTOP")
      const recorders = yield* Effect.forEach(sources(all), (source) =>
        subscribed(source, { connectTimeout: "5 seconds" })
      )
      for (const recorder of recorders) yield* recorder.seen("Subscribed")
      yield* master.command("PUBLISH", channelName, "from the master")
      for (const recorder of recorders) {
        yield* recorder.seen("Messages")
        expect(recorder.tags).toEqual(["Subscribed", "Messages"])
      }
      // A sentinel that was stopped does not vote for 30 s: the dead one returns instead.
      yield* dead.start
      yield* master.kill
      yield* eventually(
        well.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME),
        (address) => String(address).endsWith(`,${replica.port}`),
        "40 seconds"
      )
      for (const recorder of recorders) yield* recorder.seen("Subscribed", 2)
      yield* replica.command("PUBLISH", channelName, "from the promoted replica")
      for (const recorder of recorders) {
        yield* recorder.seen("Messages", 2)
        expect(recorder.causes[0]?._tag).toBe("ConnectionLost")
        expect(JSON.stringify(recorder.causes)).not.toContain(SECRET)
      }
    },
    120_000
  )
})

describe("sentinels that do not answer", () => {
  const sockets = () => activeResources("TCPSocketWrap")

  live("leave no socket 2.5 s after the close", function* () {
    // Its kernel accepts connections; nothing answers, not even the end of a connection.
    const silent = yield* RedisServer.make({ kind })
    yield* silent.stop
    const before = sockets()
    const scope = yield* Scope.make()
    for (const source of sources([silent, silent])) {
      const asking = sockets()
      yield* subscribed(source).pipe(Scope.extend(scope))
      yield* until(() => sockets() > asking)
    }
    yield* Scope.close(scope, Exit.void).pipe(Effect.timeout("500 millis"))
    yield* until(() => sockets() <= before).pipe(Effect.timeout("2600 millis"))
  })

  live("are reported, and each attempt starts at the next one", function* () {
    const { asked, servers: sentinels } = yield* closingServers("a", "b", "c")
    const recorder = yield* subscribed({ sentinels, name: NAME }, { backoff: quick.backoff })
    yield* until(() => asked.length >= 9)
    expect(asked.slice(0, 9).join("")).toBe("abcbcacab")
    expect(recorder.causes[0]).toEqual({
      _tag: "ConnectFailed",
      message: expect.stringMatching(
        /Redis master "events" .*All sentinels are unreachable.*check redis\.sentinels/
      )
    })
  })
})
