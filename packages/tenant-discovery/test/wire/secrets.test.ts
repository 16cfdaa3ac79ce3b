/**
 * Law 14 with real servers: every secret is marked, all output is collected, and the mark must not
 * occur in it.
 */
import { describe, expect } from "@effect/vitest"
import { RedisServer, Simulator, TestCertificates } from "@tenant-discovery/simulator"
import { Cause, Chunk, Effect, Exit, Layer, Metric, Redacted, Stream } from "effect"
import { layerConfigWith } from "../../src/NodeTenantDiscovery.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { provider } from "../config/subject.js"
import { makeCollector, shown } from "../support/collector.js"
import { agrees, isLive, isNotLive, quick } from "./support.js"
import { live } from "../support/live.js"

const MARK = "MARKED-5ecret"
const API_KEY = `key-${MARK}`
const PASSWORD = `password-${MARK}`

describe("secrets", () => {
  live("occur in no log, span, error, metric, inspection or JSON", function* () {
    const collector = yield* makeCollector
    const redis = yield* RedisServer.make({
      kind: "embedded",
      password: Redacted.make(PASSWORD),
      tls: true
    })
    const simulator = yield* Simulator.make({
      redis,
      environment: "secret",
      tenants: 8,
      apiKey: Redacted.make(API_KEY)
    })
    const variables = {
      ...simulator.env,
      MULTI_TENANT_SERVICE_API_KEY: API_KEY,
      MULTI_TENANT_REDIS_PASSWORD: PASSWORD,
      MULTI_TENANT_REDIS_PORT: String(redis.tls?.port),
      MULTI_TENANT_REDIS_HOST: "localhost",
      MULTI_TENANT_REDIS_TLS: "true",
      MULTI_TENANT_REDIS_CA_CERT: Buffer.from(TestCertificates.ca).toString("base64")
    }
    const start = (changed: Readonly<Record<string, string>>) =>
      Layer.build(layerConfigWith(quick)).pipe(
        Effect.withConfigProvider(provider({ ...variables, ...changed }))
      )

    yield* collector.observed(
      Effect.scoped(
        Effect.gen(function* () {
          const context = yield* start({})
          const discovery = yield* Effect.provide(TenantDiscovery, context)
          const changes = yield* Effect.fork(Stream.runCollect(discovery.changes))
          yield* discovery.onTenantAdded((tenant) => Effect.fail({ refused: tenant.id }), {
            replay: true
          })
          yield* isLive(discovery)
          yield* collector.add([context, discovery])

          yield* simulator.create({ id: "initech" })
          yield* agrees(simulator, discovery)
          yield* simulator.publishRaw(simulator.channel ?? "", ["{", '{"event_type":1}'])
          yield* simulator.suspend("initech")
          yield* agrees(simulator, discovery)

          yield* redis.kill
          yield* isNotLive(discovery)
          yield* collector.add(yield* discovery.status.get)
          yield* redis.start
          yield* isLive(discovery)

          // A server that fails may repeat the secrets.
          const body = `{"error":"${API_KEY} ${PASSWORD}"}`
          for (const status of [200, 400, 401, 403, 404, 429, 500, 503]) {
            yield* simulator.trouble({ _tag: "Status", status, body, times: 1 })
            yield* collector.add(yield* Effect.exit(discovery.refresh))
            yield* collector.add(yield* discovery.status.get)
          }
          yield* simulator.clearTrouble
          yield* collector.add([yield* discovery.view.get, yield* discovery.activeTenants])
          yield* collector.add(yield* Effect.flip(discovery.requireFresh(-1)))
          yield* Effect.fork(Effect.map(changes.await, shown))
        })
      )
    )

    // Starts that fail, or continue without Redis.
    const starts: ReadonlyArray<Readonly<Record<string, string>>> = [
      { MULTI_TENANT_REDIS_PASSWORD: `wrong-${MARK}` },
      { MULTI_TENANT_REDIS_TLS: "false" },
      { MULTI_TENANT_REDIS_CA_CERT: `no certificate ${MARK}` },
      { MULTI_TENANT_SERVICE_API_KEY: `wrong-${MARK}` },
      { MULTI_TENANT_URL: `https://user:${MARK}@127.0.0.1:1/` },
      { MULTI_TENANT_URL: `http://127.0.0.1:1/` },
      { MULTI_TENANT_REDIS_PORT: MARK }
    ]
    const outcomes = yield* Effect.forEach(starts, (changed) =>
      collector.observed(
        Effect.exit(
          Effect.scoped(
            Effect.gen(function* () {
              const discovery = yield* Effect.provide(TenantDiscovery, yield* start(changed))
              yield* collector.add(yield* discovery.status.get)
            })
          )
        )
      )
    )
    expect(outcomes.map(Exit.isSuccess)).toEqual([true, true, false, false, false, false, false])
    for (const exit of outcomes) {
      yield* collector.add(exit)
      if (Exit.isFailure(exit)) yield* collector.add(Cause.pretty(exit.cause))
    }
    yield* collector.add(Chunk.fromIterable(yield* Metric.snapshot))

    const all = collector.all()
    // Guards against an empty collection.
    expect(all.length).toBeGreaterThan(50)
    expect(collector.spans.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "tenantmanager.client.get_active_tenants",
        "event.tenant_event_listener.handle_message"
      ])
    )
    expect(all.filter((text) => text.includes(MARK)).map((text) => text.slice(0, 400))).toEqual([])
  })
})
