import { describe, expect, it } from "@effect/vitest"
import { RedisServer, Simulator } from "@tenant-discovery/simulator"
import { Chunk, Effect, Exit, Queue, Scope } from "effect"
import * as net from "node:net"
import { eventually } from "./eventually.js"
import { connections, get, kind, list, listen, make, nextEvent } from "./simulators.js"

const uuid = "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F"
const canonical = "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f"

describe("the API", () => {
  it.scopedLive("lists the active tenants in their stored spelling and requires the API key", () =>
    Effect.gen(function* () {
      const simulator = yield* make({
        basePath: "/internal",
        tenants: [
          { id: uuid, name: "Acme", slug: "acme" },
          { id: "org_1" },
          { id: "elsewhere", services: ["billing"] }
        ]
      })
      const listed = yield* list(simulator)
      expect(listed.status).toBe(200)
      expect(listed.json()).toEqual([
        { id: uuid, name: "Acme", tenantSlug: "acme", status: "active" },
        { id: "org_1" }
      ])
      expect(yield* simulator.activeTenantIds()).toEqual([canonical, "org_1"])
      expect(yield* simulator.activeTenantIds("billing")).toEqual(["elsewhere"])
      const refused = yield* get(simulator, "/v1/tenants/active?service=ledger", {
        headers: { "x-api-key": "wrong", traceparent: "00-a-b-01" }
      })
      expect(refused.status).toBe(401)
      expect((yield* get(simulator, "/v1/tenants/active")).status).toBe(400)
      expect((yield* get(simulator, "/tenants/active?service=ledger")).status).toBe(404)
      const log = yield* simulator.requests
      expect(log[1]).toMatchObject({
        method: "GET",
        path: "/internal/v1/tenants/active?service=ledger",
        traceparent: "00-a-b-01"
      })
      expect(log[0]?.headerNames).toContain("x-api-key")
      expect(yield* simulator.listCalls).toBe(3)
    })
  )

  it.scopedLive("serves the paths of old servers with an empty prefix", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ apiPrefix: "", tenants: 3 })
      const listed = yield* get(simulator, "/tenants/active?service=ledger")
      expect(listed.json()).toHaveLength(3)
      expect(simulator.env["MULTI_TENANT_API_PREFIX"]).toBe("")
    })
  )

  it.scopedLive("answers connections by the state of the association", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: [{ id: uuid, name: "Acme", slug: "acme" }] })
      const first = yield* connections(simulator, canonical)
      expect(first.status).toBe(200)
      expect(first.json()).toMatchObject({
        service: "ledger",
        tenantSlug: "acme",
        databases: { onboarding: { postgresql: { password: "secret-acme-ledger-1" } } }
      })
      yield* simulator.rotate(uuid)
      expect((yield* connections(simulator, uuid)).text).toContain("secret-acme-ledger-2")
      yield* simulator.updateConnections(uuid, { settings: { maxOpenConns: 7 } })
      expect((yield* connections(simulator, uuid)).json()).toMatchObject({
        databases: { onboarding: { connectionSettings: { maxOpenConns: 7, maxIdleConns: 15 } } }
      })
      yield* simulator.overrideConnections(uuid, { isolationMode: "schema" })
      expect((yield* connections(simulator, uuid)).json()).toMatchObject({
        isolationMode: "schema"
      })
      expect((yield* connections(simulator, uuid, "billing")).status).toBe(404)
      expect((yield* connections(simulator, "nobody")).status).toBe(404)
      yield* simulator.suspend(uuid)
      const suspended = yield* connections(simulator, uuid)
      expect(suspended.status).toBe(403)
      expect(suspended.json()).toMatchObject({ code: "TS-SUSPENDED", status: "suspended" })
      yield* simulator.purge(uuid)
      expect((yield* connections(simulator, uuid)).json()).toMatchObject({ status: "purged" })
    })
  )
})

describe("operations", () => {
  it.scopedLive("change the state, then publish the contract's event", () =>
    Effect.gen(function* () {
      const simulator = yield* make()
      const queue = yield* listen(simulator)
      const seen = (expected: string, active: boolean) =>
        Effect.gen(function* () {
          const { channel, event } = yield* nextEvent(queue)
          expect(channel).toBe("tenant-events:staging:")
          expect(event).toMatchObject({
            event_type: expected,
            tenant_id: uuid,
            tenant_slug: "acme",
            environment: "staging"
          })
          expect(event["event_id"]).toMatch(/^evt-/)
          expect(Number.isNaN(Date.parse(String(event["timestamp"])))).toBe(false)
          if (expected.includes(".service.")) {
            expect(event["payload"]).toMatchObject({ service_name: "ledger" })
          }
          expect(yield* simulator.activeTenantIds()).toEqual(active ? [canonical] : [])
        })
      const created = yield* simulator.create({ id: uuid, slug: "acme", services: [] })
      expect(created).toEqual({ tenantId: canonical, published: true })
      yield* seen("tenant.created", false)
      yield* simulator.associate(canonical)
      yield* seen("tenant.service.associated", true)
      yield* simulator.suspend(uuid.toLowerCase())
      yield* seen("tenant.service.suspended", false)
      yield* simulator.reactivate(uuid)
      yield* seen("tenant.service.reactivated", true)
      yield* simulator.suspendTenant(uuid)
      yield* seen("tenant.suspended", false)
      yield* simulator.activate(uuid)
      yield* seen("tenant.activated", true)
      yield* simulator.update(uuid, { name: "New" })
      yield* seen("tenant.updated", true)
      yield* simulator.rotate(uuid)
      yield* seen("tenant.credentials.rotated", true)
      yield* simulator.updateConnections(uuid, { settings: { maxIdleConns: 1 } })
      yield* seen("tenant.connections.updated", true)
      yield* simulator.invalidateCache(uuid)
      yield* seen("tenant.cache.invalidate", true)
      yield* simulator.purge(uuid)
      yield* seen("tenant.service.purged", false)
      yield* simulator.disassociate(uuid)
      yield* seen("tenant.service.disassociated", false)
      yield* simulator.deleteTenant(uuid)
      yield* seen("tenant.deleted", false)
      expect((yield* Effect.flip(simulator.suspend(uuid))).reason).toBe("NoSuchTenant")
    })
  )

  it.scopedLive("refuse invalid input", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: [{ id: uuid }] })
      const reason = (effect: Effect.Effect<unknown, Simulator.SimulatorError>) =>
        Effect.map(Effect.flip(effect), (error) => error.reason)
      expect(yield* reason(simulator.create({ id: canonical }))).toBe("AlreadyExists")
      expect(yield* reason(simulator.create({ id: "{x}" }))).toBe("InvalidRequest")
      expect(yield* reason(simulator.suspend(uuid, "billing"))).toBe("NoSuchAssociation")
    })
  )

  it.scopedLive(
    "continue without Redis, report the lost events, and publish after its restart",
    () =>
      Effect.gen(function* () {
        const simulator = yield* make({ tenants: 2 })
        yield* simulator.redis.kill
        const lost = yield* simulator.create({ id: "while-away" })
        expect(lost.published).toBe(false)
        expect(yield* simulator.activeTenantIds()).toContain("while-away")
        yield* simulator.redis.start
        const queue = yield* listen(simulator)
        expect((yield* simulator.suspend("while-away")).published).toBe(true)
        expect((yield* nextEvent(queue)).event["event_type"]).toBe("tenant.service.suspended")
        yield* simulator.redis.stop
        expect((yield* simulator.reactivate("while-away")).published).toBe(false)
        yield* simulator.redis.continue
        expect((yield* simulator.rotate("while-away")).published).toBe(true)
      })
  )

  it.scopedLive("use the tenants' own channels without an environment or in addition", () =>
    Effect.gen(function* () {
      const redis = yield* RedisServer.make({ kind })
      const old = yield* make({ redis, environment: undefined, tenants: [{ id: "t-1" }] })
      const both = yield* make({ redis, channels: "both", tenants: [{ id: "t-2" }] })
      const queue = yield* listen(old)
      yield* old.rotate("t-1")
      expect((yield* nextEvent(queue)).channel).toBe("tenant-events:t-1")
      expect(old.env["ENVIRONMENT_NAME"]).toBeUndefined()
      yield* both.rotate("t-2")
      expect((yield* nextEvent(queue)).channel).toBe("tenant-events:staging:")
      expect((yield* nextEvent(queue)).channel).toBe("tenant-events:t-2")
    })
  )

  it.scopedLive("publish a flood in order", () =>
    Effect.gen(function* () {
      const simulator = yield* make()
      const queue = yield* listen(simulator, "flood")
      const messages = Array.from({ length: 5_000 }, (_, index) => String(index))
      expect(yield* simulator.publishRaw("flood", messages)).toBe(true)
      const got = yield* Queue.takeN(queue, 5_000)
      expect(Chunk.toReadonlyArray(got).map(({ text }) => text)).toEqual(messages)
    })
  )

  it.scopedLive("create 100 000 tenants with distinct IDs", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: 100_000 })
      const listed = (yield* list(simulator)).json()
      expect(listed).toHaveLength(100_000)
      expect(new Set(yield* simulator.activeTenantIds()).size).toBe(100_000)
    })
  )
})

describe("a held list", () => {
  it.scopedLive("answers the state at its arrival or at its release", () =>
    Effect.gen(function* () {
      const simulator = yield* make({ tenants: [{ id: "a" }] })
      const early = yield* simulator.holdNextList()
      const late = yield* simulator.holdNextList({ snapshot: "late" })
      const first = yield* Effect.fork(list(simulator))
      yield* early.arrived
      const second = yield* Effect.fork(list(simulator))
      yield* late.arrived
      yield* simulator.awaitListCalls(2)
      yield* simulator.create({ id: "b" })
      expect(first.unsafePoll()).toBeNull()
      yield* early.release
      yield* late.release
      expect((yield* first).json()).toEqual([{ id: "a" }])
      expect((yield* second).json()).toEqual([{ id: "a" }, { id: "b" }])
      yield* simulator.awaitListsEnded(2)
    })
  )

  it.live("is cut when the scope closes", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const simulator = yield* Scope.extend(make(), scope)
      const gate = yield* simulator.holdNextList()
      const held = yield* Effect.fork(Effect.exit(list(simulator)))
      yield* gate.arrived
      const pid = (yield* simulator.redis.pid) ?? 0
      yield* Scope.close(scope, Exit.void)
      expect(Exit.isFailure(yield* held)).toBe(true)
      expect(() => process.kill(pid, 0)).toThrow("ESRCH")
      const refused = yield* Effect.async<boolean>((resume) => {
        const socket = net.connect({ host: "127.0.0.1", port: simulator.port })
        socket.on("error", () => resume(Effect.succeed(true)))
        socket.on("connect", () => resume(Effect.succeed(false)))
      })
      expect(refused).toBe(true)
    })
  )
})

describe("the admin API", () => {
  it.scopedLive("offers the operations over HTTP", () =>
    Effect.gen(function* () {
      const simulator = yield* make()
      const post = (operation: string, body: unknown) =>
        get(simulator, `/admin/${operation}`, {
          method: "POST",
          body: typeof body === "string" ? body : JSON.stringify(body)
        })
      expect((yield* post("create", { id: uuid })).json()).toEqual({
        tenantId: canonical,
        published: true
      })
      expect((yield* post("suspend", { tenantId: uuid })).status).toBe(200)
      expect((yield* get(simulator, "/admin/tenants")).json()).toEqual([])
      yield* post("bulkCreate", { count: 5 })
      expect((yield* get(simulator, "/admin/tenants")).json()).toHaveLength(5)
      expect((yield* post("trouble", { _tag: "Status", status: 503 })).status).toBe(200)
      expect((yield* list(simulator)).status).toBe(503)
      yield* post("clearTrouble", "")
      expect((yield* list(simulator)).status).toBe(200)
      expect((yield* post("trouble", { _tag: "Nonsense" })).status).toBe(400)
      const misspelt = yield* post("suspend", { tenant: uuid })
      expect(misspelt.status).toBe(400)
      expect(misspelt.json()).toEqual({
        code: "InvalidRequest",
        error: 'tenant: is unexpected, expected: "tenantId" | "service"'
      })
      const wrong = yield* post("trouble", { _tag: "Status", status: "x" })
      expect(wrong.json()).toMatchObject({ error: 'status: Expected number, actual "x"' })
      for (const answer of [
        misspelt,
        yield* get(simulator, "/admin/tenants"),
        yield* list(simulator)
      ]) {
        expect(answer.text).toMatch(/[^\n]\n$/)
      }
      expect((yield* post("suspend", "{")).status).toBe(400)
      expect((yield* post("suspend", { tenantId: "nobody" })).status).toBe(404)
      expect((yield* post("create", { id: uuid })).status).toBe(409)
      expect((yield* post("nonsense", {})).text).toContain("POST /admin/bulkCreate")
    })
  )
})

// Processes and sockets take real time under the test clock too.
it.scoped("starts and answers under a test clock", () =>
  Effect.gen(function* () {
    const simulator = yield* Simulator.Simulator
    yield* simulator.trouble({ _tag: "Delay", millis: 5, times: 1 })
    expect((yield* list(simulator)).json()).toHaveLength(2)
    expect((yield* simulator.create()).published).toBe(true)
    yield* eventually(
      "three tenants",
      Effect.map(simulator.activeTenantIds(), (ids) => ids.length === 3)
    )
  }).pipe(Effect.provide(Simulator.layer({ tenants: 2, redis: { kind } })))
)
