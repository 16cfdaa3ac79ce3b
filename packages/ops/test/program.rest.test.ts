/** A worker program with the endpoints, as a process, with real servers that fail. */
import { describe, expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Duration, Effect } from "effect"
import { connect } from "node:net"
import { TOKEN } from "./support/http.js"
import { eventually, startProgram } from "./support/program.js"

/** A process compiles itself as it starts. */
const TIMEOUT = 60_000

/** A client of `/events`: the status of its answer, and a way to leave. */
const join = (url: string) =>
  Effect.promise(async () => {
    const controller = new AbortController()
    const response = await fetch(`${url}/events`, {
      headers: { authorization: `Bearer ${TOKEN}` },
      signal: controller.signal
    })
    return {
      status: response.status,
      retryAfter: response.headers.get("retry-after"),
      leave: Effect.sync(() => controller.abort())
    }
  })

/** A client that asks and never reads. Answers when the request is sent. */
const stall = (url: string, path: string) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof connect>>((resume) => {
      const { hostname, port } = new URL(url)
      const socket = connect(Number(port), hostname, () => {
        socket.pause()
        socket.on("error", () => {})
        socket.write(
          `GET ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`,
          () => resume(Effect.succeed(socket))
        )
      })
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const isIn = (text: string) => (answer: unknown) => JSON.stringify(answer).includes(text)

describe("a worker program with the endpoints", () => {
  it.scopedLive(
    "answers while Redis is killed and the tenant manager fails, and is well again afterwards",
    () =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.make({ environment: "test", tenants: 3 })
        const { ask } = yield* startProgram({
          ...simulator.env,
          MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC: "1"
        })
        yield* eventually(ask("/readyz"), isIn('"status":"up","since"'))
        expect(yield* ask("/status")).toMatchObject({
          status: 200,
          json: { mode: "Live", activeTenants: 3, service: "ledger" }
        })

        yield* simulator.redis.kill
        yield* simulator.trouble({ _tag: "Status", status: 500 })
        yield* eventually(ask("/status"), isIn('"mode":"BootstrapOnly"'))
        expect(yield* ask("/refresh", "POST")).toMatchObject({
          status: 503,
          json: { detail: expect.stringContaining("500") }
        })
        const { json, status } = yield* eventually(
          ask("/readyz"),
          isIn('"tenant_manager":{"status":"degraded"')
        )
        expect(status).toBe(200)
        expect(json).toMatchObject({
          status: "degraded",
          checks: { redis: { status: "degraded" }, workers: { status: "up" } }
        })
        expect(yield* ask("/livez")).toMatchObject({ status: 200, json: { status: "up" } })
        expect(yield* ask("/tenants")).toMatchObject({ status: 200, json: { total: 3 } })
        expect(JSON.stringify(yield* ask("/status"))).not.toContain("simulator-api-key")

        yield* simulator.clearTrouble
        yield* simulator.redis.start
        yield* eventually(ask("/readyz"), isIn('{"status":"up","since"'))
        expect(yield* ask("/refresh", "POST")).toMatchObject({
          status: 200,
          json: { activeTenants: 3 }
        })
      }),
    TIMEOUT
  )

  it.scopedLive(
    "serves 100 clients of /events, refuses the others, and serves new ones when they leave",
    () =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.make({ environment: "test", tenants: 100 })
        const { url } = yield* startProgram(simulator.env)
        for (let round = 0; round < 3; round++) {
          const clients = yield* Effect.forEach(Array.from({ length: 200 }), () => join(url), {
            concurrency: "unbounded"
          })
          const refused = clients.filter(({ status }) => status !== 200)
          expect(refused).toHaveLength(100)
          for (const { retryAfter, status } of refused) {
            expect([status, retryAfter]).toEqual([503, "5"])
          }
          yield* Effect.forEach(clients, ({ leave }) => leave, { discard: true })
          // The server notices that the clients have left.
          const served = yield* eventually(join(url), ({ status }) => status === 200)
          yield* served.leave
          yield* eventually(
            Effect.tap(join(url), ({ leave }) => leave),
            ({ status }) => status === 200
          )
        }
      }),
    TIMEOUT
  )

  it.scopedLive.each<[NodeJS.Signals]>([["SIGTERM"], ["SIGINT"]])(
    "ends within its bound at %s, with clients that read, that do not, and that ask for nothing",
    ([signal]) =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.make({ environment: "test", tenants: 50_000 })
        const program = yield* startProgram(simulator.env)
        yield* Effect.forEach(Array.from({ length: 20 }), () => join(program.url), {
          concurrency: "unbounded"
        })
        yield* Effect.forEach(Array.from({ length: 5 }), () => stall(program.url, "/events"))
        yield* stall(program.url, "/tenants?limit=1000")
        const silent = connect(Number(new URL(program.url).port), "127.0.0.1")
        silent.on("error", () => {})
        // The clients that do not read are in: their connections have answers under way.
        yield* eventually(program.ask("/livez"), ({ status }) => status === 200)
        const [took, exit] = yield* Effect.timed(program.end(signal))
        expect(exit).toBe(0)
        expect(Duration.toMillis(took)).toBeLessThan(5000)
        silent.destroy()
      }),
    TIMEOUT
  )
})
