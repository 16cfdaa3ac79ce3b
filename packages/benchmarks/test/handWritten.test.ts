import { expect, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import { HandWrittenTenants } from "../src/baseline/handWritten.js"
import { inMemory, tenantsTo } from "../src/harness/discoveries.js"
import { associated, ENVIRONMENT, SERVICE, tenantIdAt, traffic } from "../src/traffic.js"

const TENANTS = 200

/** Marks the end of the traffic: no other message names this tenant. */
const last = tenantIdAt(TENANTS)

const label = (_tag: string, { id }: { readonly id: string }): string => `${_tag} ${id}`

const oursAfter = (messages: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { discovery, send } = yield* inMemory(tenantsTo(TENANTS))
    const reader = yield* discovery.changes.pipe(
      Stream.map((change) => label(change._tag, change.tenant)),
      Stream.takeUntil((change) => change === `Added ${last}`),
      Stream.runCollect,
      Effect.fork
    )
    // The reader reads each message before the next is sent: nothing is conflated.
    yield* Effect.yieldNow()
    for (const raw of messages) {
      yield* send(raw)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    }
    yield* send(associated(last))
    const changes = yield* Fiber.join(reader)
    return { changes: [...changes], ids: [...(yield* discovery.activeTenantIds)] }
  }).pipe(Effect.scoped)

const theirsAfter = (messages: ReadonlyArray<string>) => {
  const changes: Array<string> = []
  const listening: { now: boolean } = { now: false }
  const report = (tag: string) => (tenant: { readonly id: string }) => {
    if (listening.now) changes.push(label(tag, tenant))
  }
  const tenants = new HandWrittenTenants(SERVICE, ENVIRONMENT, {
    added: report("Added"),
    removed: report("Removed"),
    connectionsChanged: report("ConnectionsChanged"),
    updated: report("Updated")
  })
  tenants.list(tenantsTo(TENANTS).map(({ id, name }) => ({ id, name, status: "active" })))
  listening.now = true
  for (const raw of messages) tenants.onMessage("", raw)
  tenants.onMessage("", associated(last))
  return { changes, ids: [...tenants.ids] }
}

const oddMessages: ReadonlyArray<string> = [
  "",
  "null",
  "[]",
  "{",
  '{"event_type":"tenant.suspended"}',
  '{"event_type":"tenant.suspended","tenant_id":"not/valid"}',
  '{"event_type":"tenant.service.suspended","tenant_id":"t","payload":null}',
  '{"event_type":"tenant.service.suspended","tenant_id":"t","payload":{"service_name":""}}',
  '{"event_type":"something.else","tenant_id":"t"}',
  JSON.stringify({
    event_type: "tenant.suspended",
    tenant_id: tenantIdAt(1),
    environment: "staging"
  }),
  JSON.stringify({
    event_type: "tenant.service.associated",
    tenant_id: "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F",
    payload: { service_name: SERVICE }
  })
]

for (const kind of ["own", "fleet"] as const) {
  it.live(`the baseline reports the same changes and IDs as the library on ${kind} traffic`, () =>
    Effect.gen(function* () {
      const drawn = traffic({ kind, count: 1500, tenants: TENANTS, seed: 5 })
      const messages = drawn.flatMap((raw, at) => {
        const odd = at % 50 === 0 ? oddMessages[(at / 50) % oddMessages.length] : undefined
        return odd === undefined ? [raw] : [raw, odd]
      })
      const ours = yield* oursAfter(messages)
      const theirs = theirsAfter(messages)
      expect(ours.changes.length).toBeGreaterThan(50)
      expect(ours.changes).toEqual(theirs.changes)
      expect(ours.ids.sort()).toEqual(theirs.ids.sort())
    })
  )
}

it("one message in twenty of a fleet is ours, with twelve types, the same for each seed", () => {
  const options = { kind: "fleet", count: 20_000, tenants: TENANTS, seed: 1 } as const
  const messages = traffic(options)
  expect(traffic(options)).toEqual(messages)
  const types = new Set(
    messages.map((raw) => (JSON.parse(raw) as { event_type: string }).event_type)
  )
  expect(types.size).toBe(12)
  const ours = messages.filter(
    (raw) => raw.includes(`"service_name":"${SERVICE}"`) || !raw.includes("service_name")
  )
  const created = messages.filter((raw) => raw.includes("tenant.created")).length
  expect((ours.length - created) / messages.length).toBeGreaterThan(0.04)
  expect((ours.length - created) / messages.length).toBeLessThan(0.06)
})
