/** Hostile messages through the event reader and the reducer. */
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import assert from "node:assert/strict"
import { setImmediate as turn } from "node:timers/promises"
import { TenantEvent, TenantId } from "../../src/index.js"
import { eventLike } from "../core/arbitraries.js"
import {
  cases,
  hostile,
  ids,
  type Json,
  json,
  parsed,
  SECRET,
  seed,
  SeededRandom,
  TURN
} from "./hostile.js"
import { makePrefilter, makeProgram, SERVICE } from "./support.js"

const BATCH = 50
/** The longest log line that a message may cause, in characters. */
const LONGEST_LINE = 4_096

type JsonObject = { readonly [key: string]: Json }

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Valid and nearly valid events. */
const corpus: ReadonlyArray<JsonObject> = fc
  .sample(eventLike(fc.constantFrom(SERVICE, "other")), { numRuns: 2_000, seed })
  .map((event) => json(JSON.stringify(event)))
  .filter(isObject)

/** The event with the fields that decide drawn from few values, and with secrets. */
const varied = (event: JsonObject, random: SeededRandom): Json => {
  const { payload } = event
  const environment = random.pick(["production", "production", " PRODUCTION ", "staging"])
  return {
    ...event,
    tenant_id: random.pick(ids),
    ...(random.chance(0.5) ? { environment } : { environment: null }),
    event_id: random.chance(0.8) ? `evt-${random.below(100)}` : null,
    ...(isObject(payload)
      ? {
          payload: {
            ...payload,
            service_name: random.pick([SERVICE, SERVICE, SERVICE, "other"]),
            new_secret_path: SECRET,
            password: SECRET
          }
        }
      : {})
  }
}

/** Whether the secret is in a field that a log line shows: then the publisher put it there. */
const isShown = (text: string): boolean => {
  const event = parsed(text)?.value
  if (!isObject(event)) return false
  const { event_id, event_type, payload, tenant_id } = event
  const shown = [event_id, event_type, tenant_id]
  if (isObject(payload)) shown.push(payload["service_name"], ...Object.keys(payload))
  return shown.includes(SECRET)
}

const message = (random: SeededRandom): string => {
  const text = hostile(varied(corpus[random.below(corpus.length)] ?? {}, random), random)
  return isShown(text) ? message(random) : text
}

const declared = Schema.decodeUnknownEither(TenantEvent.TenantEventSchema)

/** The schema throws on an object in the place of the type that cannot become a text. */
const eventOf = (text: string): TenantEvent.TenantEvent | undefined => {
  const value = parsed(text)?.value
  return isObject(value) && typeof value["event_type"] === "string"
    ? Either.getOrUndefined(declared(value))
    : undefined
}

const checkDecode = (event: TenantEvent.TenantEvent | undefined, text: string): void => {
  const decoded = TenantEvent.decode(text)
  assert.equal(Either.isRight(decoded), event !== undefined, text)
  if (Either.isRight(decoded)) {
    assert.equal(decoded.right.event_type, event?.event_type)
    assert.equal(decoded.right.tenant_id, event?.tenant_id)
    assert.equal(decoded.right.event_id, event?.event_id)
  } else if (decoded.left._tag === "Malformed") {
    assert(decoded.left.reason.length < 100 && !decoded.left.reason.includes(SECRET))
  }
}

/** The contract in its simplest form. An event whose ID repeats that of the one before it is a duplicate. */
const makeModel = () => {
  const active = new Set<string>()
  let lastId: string | undefined
  const apply = (event: TenantEvent.TenantEvent | undefined): void => {
    if (event === undefined) return
    const { environment, event_id } = event
    if (environment && environment.trim().toLowerCase() !== "production") return
    const directive = TenantEvent.directiveFor(event, SERVICE)
    if (directive._tag === "Ignore") return
    if (event_id && event_id.length <= 256) {
      if (event_id === lastId) return
      lastId = event_id
    }
    if (directive._tag === "Add") active.add(directive.tenantId)
    if (directive._tag === "Remove") active.delete(directive.tenantId)
  }
  return { active, apply }
}

describe(`hostile messages, seed ${seed}`, () => {
  it(
    `${cases} messages give the tenants of the contract, no secret and no long line in a log`,
    async () => {
      const random = new SeededRandom(seed)
      const mayConcern = makePrefilter(SERVICE)
      const program = makeProgram(1)
      const filtered = makeProgram(1)
      const { active, apply } = makeModel()
      const counts = new Map<string, number>()
      for (let done = 0; done < cases; done += BATCH) {
        if (done % TURN === 0) await turn()
        const messages = Array.from({ length: BATCH }, () => message(random))
        for (const text of messages) {
          const event = eventOf(text)
          checkDecode(event, text)
          apply(event)
        }
        filtered.receive(messages.filter(mayConcern))
        const { commands, logs, outcomes } = program.receive(messages)
        for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
        const { status, view } = program.state()
        const shown = JSON.stringify([logs, commands, status])
        assert(!shown.includes(SECRET), shown)
        for (const log of logs) assert(JSON.stringify(log).length < LONGEST_LINE)
        assert.equal(status.mode, "Live")
        assert(view.ids.every(TenantId.isCanonical))
        assert.deepEqual(view.ids, [...active].sort())
        assert.deepEqual(filtered.state().view.ids, view.ids)
      }
      assert.equal(
        [...counts.values()].reduce((sum, count) => sum + count, 0),
        cases
      )
      // The messages are neither all valid nor all invalid.
      expect(counts.get("applied")).toBeGreaterThan(cases / 50)
      expect(counts.get("malformed")).toBeGreaterThan(cases / 50)
      expect(Reflect.get({}, "polluted")).toBeUndefined()
    },
    cases * 2 + 60_000
  )

  it("cuts long names and IDs before they are logged, and keeps no long event ID", () => {
    const program = makeProgram(4096)
    const long = "i".repeat(1_000_000)
    const { events, logs } = program.receive(
      [
        { event_type: long, tenant_id: "acme" },
        { event_type: "tenant.deleted", tenant_id: long, payload: { [long]: 1 } },
        {
          event_type: "tenant.cache.invalidate",
          tenant_id: "acme",
          event_id: long,
          payload: { service_name: long }
        },
        {
          event_type: "tenant.service.associated",
          tenant_id: "acme",
          event_id: long,
          payload: { service_name: SERVICE }
        },
        { event_type: "tenant.deleted", tenant_id: "acme", event_id: long }
      ].map((event) => JSON.stringify(event))
    )
    expect(logs).toHaveLength(3)
    expect(JSON.stringify(logs).length).toBeLessThan(LONGEST_LINE)
    // An ID that is too long to keep is not a duplicate of itself.
    expect(events.map(({ eventId }) => eventId)).toEqual([undefined, undefined])
    expect(program.state().view.size).toBe(0)
  })
})
