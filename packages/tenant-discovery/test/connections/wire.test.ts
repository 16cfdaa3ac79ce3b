/**
 * Settings and pools over HTTP and a real Redis protocol. Everything that a program or an
 * operator can see is collected; it contains no secret.
 */
import { describe, expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Context, Effect, Exit, Layer, Scope, Stream } from "effect"
import { randomUUID } from "node:crypto"
import { NodeTenantDiscovery } from "../../src/node.js"
import { TenantId } from "../../src/Tenant.js"
import { type Connections, TenantConnections } from "../../src/TenantConnections.js"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { provider } from "../config/subject.js"
import { eventually } from "../node/support.js"
import { makeCollector, shown } from "../support/collector.js"
import { Db, TenantDb } from "./support/passwordDb.js"
import { textOf } from "./support/world.js"

const acme = TenantId.make("acme")

/** The start of each password of the simulator. */
const SECRET = "secret-"

const passwordOf = (connections: Connections) =>
  Effect.map(connections.postgresql("onboarding"), ({ password }) => textOf(password))

const story = (
  simulator: Simulator.SimulatorService,
  add: (value: unknown) => Effect.Effect<unknown>
) =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const connections = yield* TenantConnections
    yield* eventually(discovery.status.get, ({ mode }) => mode === "Live")
    const reloaded: Array<string> = []
    yield* connections.changes.pipe(
      Stream.filter(({ _tag }) => _tag === "Reloaded"),
      Stream.runForEach((change) =>
        Effect.zipRight(
          add(change),
          Effect.sync(() => reloaded.push(change.tenant.id))
        )
      ),
      Effect.forkScoped
    )

    const first = yield* connections.get(acme)
    yield* add(first)
    expect(yield* passwordOf(first)).toMatch(/-1$/)
    for (const found of [first.mongodb(), first.rabbitmq(), first.kafka(), first.postgresql()]) {
      yield* add(yield* found)
    }

    // A holder keeps its resource over a rotation; the next user gets a new one.
    const holding = yield* Scope.fork(yield* Effect.scope, (yield* Effect.scope).strategy)
    const held = yield* Layer.buildWithScope(TenantDb.get(acme), holding)
    yield* simulator.rotate(acme)
    yield* eventually(
      Effect.sync(() => reloaded),
      (all) => all.includes(acme)
    )
    expect(yield* passwordOf(yield* connections.get(acme))).toMatch(/-2$/)
    expect(Context.get(held, Db).password).toMatch(/-1$/)
    expect(yield* TenantDb.provide(acme)(Effect.map(Db, ({ password }) => password))).toMatch(/-2$/)
    yield* Scope.close(holding, Exit.void)

    // New limits.
    yield* simulator.updateConnections(acme, { settings: { maxOpenConns: 7 } })
    yield* eventually(
      Effect.map(connections.get(acme), (now) => now.connectionSettings("onboarding")),
      ({ maxOpenConns }) => maxOpenConns === 7
    )

    // A rotation of which no event comes.
    yield* simulator.redis.kill
    yield* eventually(discovery.status.get, ({ mode }) => mode === "BootstrapOnly")
    expect((yield* simulator.rotate(acme)).published).toBe(false)
    expect(yield* passwordOf(yield* connections.get(acme))).toMatch(/-2$/)
    yield* simulator.redis.start
    yield* eventually(Effect.flatMap(connections.get(acme), passwordOf), (password) =>
      password.endsWith("-3")
    )

    // A malformed answer.
    yield* eventually(discovery.status.get, ({ mode }) => mode === "Live")
    yield* simulator.overrideConnections(acme, { databases: `${SECRET}oops` })
    yield* simulator.invalidateCache(acme)
    const error = yield* eventually(
      Effect.either(connections.get(acme)),
      ({ _tag }) => _tag === "Left"
    )
    yield* add(error)
    expect(shown(error)).toContain("databases: expected an object")

    yield* simulator.suspend(acme)
    yield* eventually(discovery.isActive(acme), (active) => !active)
    expect(yield* Effect.flip(TenantDb.provide(acme)(Db))).toMatchObject({
      _tag: "TenantNotActive"
    })
    expect(yield* Effect.flip(connections.get(acme))).toMatchObject({
      _tag: "TenantManagerSuspended",
      status: "suspended"
    })
  })

describe("settings and pools over the wire", () => {
  it.scopedLive("follow rotations, gaps and suspensions, and show no secret", () =>
    Effect.gen(function* () {
      const simulator = yield* Simulator.make({
        environment: `test-${randomUUID()}`,
        redis: { kind: "embedded" },
        tenants: [{ id: "acme" }, { id: "globex" }]
      })
      const layer = TenantDb.layerConfig().pipe(
        Layer.provideMerge(TenantConnections.layerConfig({ rotationJitter: "50 millis" })),
        Layer.provideMerge(
          NodeTenantDiscovery.layerConfigWith({
            events: { backoff: { base: "10 millis", cap: "50 millis" } }
          })
        )
      )
      const { add, all, observed, spans } = yield* makeCollector
      yield* observed(
        Effect.scoped(
          Effect.flatMap(
            Effect.withConfigProvider(Layer.build(layer), provider(simulator.env)),
            (context) => Effect.provide(story(simulator, add), context)
          )
        )
      )
      expect(spans.map(({ name }) => name)).toContain("tenantmanager.client.get_tenant_config")
      const text = all().join("\n")
      expect(text).toContain("acme")
      expect(text).not.toContain(SECRET)
    })
  )
})
