import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TenantEvents } from "../../src/index.js"
import { TestEvent, TestTenantEvents } from "../../src/testing.js"
import {
  SERVICE,
  edges,
  discovery,
  settle,
  debounced,
  status,
  active,
  mode,
  logged,
  growth,
  none,
  over,
  scenario,
  warning,
  associated,
  many,
  suspended
} from "./harness.js"

const SECRET = "s3cret-of-a-payload"

describe("law 11 and 14: a malformed message", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`
  const ofType = '"event_type":"tenant.service.suspended"'
  const withSecret = (fields: string) => `{${fields},"payload":{"password":"${SECRET}"}}`
  const ofService = (service: string) =>
    `{${ofType},"tenant_id":"a","payload":{"service_name":${service},"p":"${SECRET}"}}`
  const malformed: Readonly<Record<string, ReadonlyArray<string>>> = {
    "expected JSON": [`not json ${SECRET}`, "", '{"event_type":"tenant.suspended","tenant_id":"a"'],
    "expected a JSON object": ["null", "7", `[${withSecret(ofType)}]`, deep],
    "event_type: expected a non-empty string": [
      withSecret('"tenant_id":"a"'),
      `{"event_type":{"toString":0,"x":"${SECRET}"},"tenant_id":"a"}`
    ],
    "tenant_id: expected a valid tenant ID": [
      '{"event_type":"tenant.suspended"}',
      withSecret('"event_type":"tenant.suspended","tenant_id":"../a"'),
      `{"event_type":"tenant.suspended","tenant_id":7,"payload":${deep}}`
    ],
    "payload: expected an object": [
      `{${ofType},"tenant_id":"a"}`,
      `{${ofType},"tenant_id":"a","payload":null}`
    ],
    "payload.service_name: expected a non-empty string": [
      withSecret(`${ofType},"tenant_id":"a"`),
      ofService('""'),
      ofService("null")
    ],
    "environment: expected a string": [
      ofService(`"${SERVICE}"`).replace("{", `{"environment":["${SECRET}"],`)
    ],
    "event_type: expected tenant.service.suspended, which differs by case": [
      ofService(`"${SERVICE}"`).replace("tenant.service.suspended", "Tenant.Service.SUSPENDED")
    ]
  }
  for (const [reason, raws] of Object.entries(malformed)) {
    scenario(`is counted, skipped and logged once: ${reason}`, function* ({ events, log }) {
      for (const raw of raws) {
        expect(yield* growth("events", { outcome: "malformed" }, events.send(raw))).toBe(1)
      }
      const message = expect.stringContaining(`event skipped: malformed: ${reason}`)
      expect(log.messages("WARN")).toEqual(raws.map(() => message))
      expect(JSON.stringify(log.lines)).not.toContain(SECRET)
      yield* events.send(associated("b"))
      expect(yield* active).toEqual(["a", "b"])
    })
  }

  scenario("is logged at most eight times a turn", function* ({ events, log }) {
    const raws = Array.from({ length: 100 }, (_, n) => `not json ${n}`)
    const sent = events.send(...raws, associated("b"))
    expect(yield* growth("events", { outcome: "malformed" }, sent)).toBe(100)
    expect(log.messages("WARN")).toHaveLength(8)
    expect(yield* active).toEqual(["a", "b"])
  })

  it.scoped("is logged with channel, event ID, type, tenant, payload fields and length", () => {
    const log = logged()
    const raw = JSON.stringify({
      event_id: "evt-7",
      event_type: "tenant.service.associated",
      tenant_id: "t-123",
      payload: { service: SERVICE, password: SECRET, secret_paths: { [SECRET]: SECRET } }
    })
    const channel = "tenant-events:production:"
    /** A subscription whose messages have a channel. */
    const withChannel = Layer.effect(
      TenantEvents,
      Effect.map(TenantEvents, ({ subscribe }) => ({
        subscribe: (sink) =>
          subscribe({ ...sink, message: (message) => sink.message(message, channel) })
      }))
    )
    return Effect.gen(function* () {
      const events = yield* TestTenantEvents
      yield* Effect.zipRight(events.send(raw), settle)
      expect(log.at("WARN")).toEqual([
        warning("event skipped: malformed: payload.service_name: expected a non-empty string", {
          channel,
          event_id: "evt-7",
          event_type: "tenant.service.associated",
          tenant_id: "t-123",
          payload_fields: "service password secret_paths",
          length: raw.length
        })
      ])
      expect(JSON.stringify(log.lines)).not.toContain(SECRET)
    }).pipe(
      Effect.provide(discovery().pipe(Layer.provide(withChannel), Layer.provideMerge(edges()))),
      Effect.provide(log.layer)
    )
  })
})

describe("a message of another kind", () => {
  scenario("of an unknown type is skipped at debug level and counted", function* ({ events, log }) {
    const send = events.send({ event_type: "tenant.renamed", tenant_id: "a", payload: { x: 1 } })
    expect(yield* growth("events", { outcome: "unknown_type" }, send)).toBe(1)
    expect(log.at("WARN")).toEqual([])
    expect(log.at("DEBUG").map((line) => line.fields)).toContainEqual({
      service: SERVICE,
      event_type: "tenant.renamed",
      tenant_id: "a",
      channel: ""
    })
  })

  scenario("of another service only warns of invalidation", function* ({ events, log, changes }) {
    yield* events.send(
      TestEvent.associated("b", "other"),
      TestEvent.suspended("a", "other"),
      TestEvent.purged("a", "other"),
      TestEvent.credentialsRotated("a", "other"),
      TestEvent.cacheInvalidated("a", "other", { event_id: "evt-1" })
    )
    expect(yield* active).toEqual(["a"])
    expect(changes).toEqual([])
    expect(log.at("WARN").map((line) => line.fields)).toEqual([
      {
        service: SERVICE,
        event_type: "tenant.cache.invalidate",
        tenant_id: "a",
        event_id: "evt-1",
        expected_service_name: SERVICE,
        received_service_name: "other"
      }
    ])
  })

  scenario("with unexpected annotations has its effect", function* ({ events, log, changes }) {
    const odd = {
      event_id: 7,
      timestamp: {},
      tenant_slug: [],
      payload: {
        service_name: SERVICE,
        previous_status: 1,
        preserve_data: "x",
        modules: [null],
        secret_paths: { onboarding: null },
        messaging_config: 7,
        connection_settings: { max_open_conns: "many" },
        credential_type: { type: "postgresql" }
      }
    }
    for (const event of [
      associated("b"),
      TestEvent.credentialsRotated("b", SERVICE),
      TestEvent.connectionsUpdated("b", SERVICE),
      suspended("b"),
      TestEvent.reactivated("b", SERVICE),
      TestEvent.disassociated("b", SERVICE),
      TestEvent.tenantDeleted("a")
    ]) {
      yield* events.send({ ...event, ...odd })
    }
    expect(changes).toEqual([
      "+b",
      "b CredentialsRotated",
      "b ConnectionsUpdated",
      "-b tenant.service.suspended",
      "+b",
      "-b tenant.service.disassociated",
      "-a tenant.deleted"
    ])
    expect(log.at("WARN")).toEqual([])
  })

  over(none)("that applies is not logged", function* ({ events, log }) {
    yield* settle
    const before = log.lines.length
    yield* events.send(...many(100).map((id) => associated(id)))
    expect(log.lines.length).toBe(before)
    yield* events.lose()
    expect(log.lines.length).toBeGreaterThan(before)
    expect(log.lines.every((line) => line.fields["service"] === SERVICE)).toBe(true)
  })
})

describe("more messages than fit", () => {
  const limited = { tenants: ["a"], discovery: { bufferMessages: 10 } }

  over(limited)("are dropped, and a relist makes up for them", function* ({ events, manager }) {
    yield* debounced
    yield* manager.add("b")
    yield* events.send(...many(20).map(() => TestEvent.tenantUpdated("x")), associated("b"))
    expect(yield* active).toEqual(["a", "b"])
    expect(yield* manager.calls).toBe(2)
    expect((yield* status).lastError).toMatchObject({
      _tag: "SubscriptionLost",
      cause: { _tag: "Overflow" }
    })
    expect(yield* mode).toBe("Live")
  })
})
