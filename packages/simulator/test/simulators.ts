import { RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Effect, Queue, Redacted } from "effect"
import { Redis } from "ioredis"

const available = await Effect.runPromise(RedisServer.available)
// A native server starts faster; these tests are not about the server.
export const kind = available.includes("native") ? "native" : "embedded"

export const get = (simulator: Simulator.SimulatorService, path: string, init: RequestInit = {}) =>
  Effect.promise(async () => {
    const response = await fetch(`${simulator.url}${path}`, {
      headers: { "x-api-key": Redacted.value(simulator.apiKey) },
      redirect: "manual",
      ...init
    })
    const text = await response.text()
    const json = (): unknown => JSON.parse(text)
    return { status: response.status, headers: response.headers, text, json }
  })

export const list = (simulator: Simulator.SimulatorService) =>
  get(simulator, "/v1/tenants/active?service=ledger")

export const connections = (
  simulator: Simulator.SimulatorService,
  id: string,
  service = "ledger"
) => get(simulator, `/v1/tenants/${id}/associations/${service}/connections`)

/** The messages of a pattern. */
export const listen = (simulator: Simulator.SimulatorService, pattern = "tenant-events:*") =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<{ channel: string; text: string }>()
    const redis = yield* Effect.acquireRelease(
      Effect.sync(() => new Redis({ host: simulator.redis.host, port: simulator.redis.port })),
      (client) => Effect.sync(() => client.disconnect())
    )
    redis.on("error", () => {})
    redis.on("pmessage", (_, channel: string, text: string) => {
      Queue.unsafeOffer(queue, { channel, text })
    })
    yield* Effect.promise(() => redis.psubscribe(pattern))
    return queue
  })

export const nextEvent = (queue: Queue.Dequeue<{ channel: string; text: string }>) =>
  Effect.map(Queue.take(queue), ({ channel, text }) => ({
    channel,
    event: JSON.parse(text) as Record<string, unknown>
  }))

export const make = (options: Simulator.SimulatorOptions = {}) =>
  Simulator.make({ environment: " Staging ", redis: { kind }, ...options })
