/** Hostile messages, through the whole of what decides: never a throw, a wrong ID, a secret. */
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import assert from "node:assert/strict"
import { setImmediate as turn } from "node:timers/promises"
import { Machine, type Now } from "../../src/internal/machine.js"
import { settingsOf } from "../../src/internal/settings.js"
import { TenantEvent, TenantId } from "../../src/index.js"
import { eventLike } from "../core/arbitraries.js"
import { TenantListing } from "../../src/TenantListing.js"
import { cases, Dice, hostile, json, type Json, parsed, SECRET, seed, TURN } from "./hostile.js"

const SERVICE = "ledger"
const BATCH = 50
/** The longest line that a message may leave in the log. */
const LONGEST_LINE = 2_048

const now: Now = { mono: 1_000, wall: 1_000 }

/** A program that listens, and began with nobody. */
const listening = (duplicateWindow: number): Machine<never> => {
  const settings = settingsOf({ environment: "production", duplicateWindow })
  const machine = new Machine<never>(SERVICE, settings, () => 0.5, now)
  machine.accept([{ _tag: "Subscribed" }], now)
  machine.listStarted(now)
  machine.accept([{ _tag: "Listed", listing: TenantListing.of([]) }], now)
  machine.takeEffects()
  return machine
}

const ids: readonly [string, ...ReadonlyArray<string>] = [
  "acme",
  "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F",
  "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f",
  "0193e8f0-C4B8-7c4a-9f3b-2f6f0c1d2e3f",
  "constructor",
  "toString",
  "__proto__",
  "urn:uuid:0193e8f0-c4b8-7c4a-9f3b-2f6f0c1d2e3f",
  "",
  "a b",
  "-",
  "x".repeat(256),
  "x".repeat(257)
]

const isRecord = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Nearly right events, as the schema has them and as they are not. */
const corpus: ReadonlyArray<{ readonly [key: string]: Json }> = fc
  .sample(eventLike(fc.constantFrom(SERVICE, "other")), { numRuns: 2_000, seed })
  .map((event) => json(JSON.stringify(event)))
  .filter(isRecord)

const asMet = (event: { readonly [key: string]: Json }, dice: Dice): Json => {
  const { payload } = event
  const environment = dice.pick(["production", "production", " PRODUCTION ", "staging"])
  return {
    ...event,
    tenant_id: dice.pick(ids),
    ...(dice.chance(0.5) ? { environment } : { environment: null }),
    event_id: dice.chance(0.8) ? `evt-${dice.below(100)}` : null,
    ...(isRecord(payload)
      ? {
          payload: {
            ...payload,
            service_name: dice.pick([SERVICE, SERVICE, SERVICE, "other"]),
            new_secret_path: SECRET,
            password: SECRET
          }
        }
      : {})
  }
}

/** The type, the IDs and the service are what a log line is for: a secret there is the sender's. */
const mayBeTold = (text: string): boolean => {
  const event = parsed(text)?.value
  if (!isRecord(event)) return false
  const { event_id, event_type, payload, tenant_id } = event
  const service = isRecord(payload) ? payload["service_name"] : undefined
  return [event_id, event_type, tenant_id, service].includes(SECRET)
}

const message = (dice: Dice): string => {
  const text = hostile(asMet(corpus[dice.below(corpus.length)] ?? {}, dice), dice)
  return mayBeTold(text) ? message(dice) : text
}

const declared = Schema.decodeUnknownEither(TenantEvent.TenantEventSchema)

/** A schema's union takes the type for a text, and dies of `{"toString":null}` in its place. */
const eventOf = (value: Json | undefined): TenantEvent.TenantEvent | undefined =>
  isRecord(value) && typeof value["event_type"] === "string"
    ? Either.getOrUndefined(declared(value))
    : undefined

/** The decoder alone: it accepts what the schema accepts, and says nothing of what it refuses. */
const decodesAs = (event: TenantEvent.TenantEvent | undefined, text: string): void => {
  const decoded = TenantEvent.decode(text)
  assert.equal(Either.isRight(decoded), event !== undefined, text)
  if (Either.isRight(decoded)) {
    assert.equal(decoded.right.event_type, event?.event_type)
    assert.equal(decoded.right.tenant_id, event?.tenant_id)
  } else if (decoded.left._tag === "Malformed") {
    assert(decoded.left.reason.length < 100 && !decoded.left.reason.includes(SECRET))
  }
}

/** What a reader of the contract, with all the time in the world, would have. */
const apply = (active: Set<string>, event: TenantEvent.TenantEvent | undefined): void => {
  if (event === undefined) return
  const { environment } = event
  const named = typeof environment === "string" ? environment.trim().toLowerCase() : ""
  if (typeof environment === "string" && environment !== "" && named !== "production") return
  const directive = TenantEvent.directiveFor(event, SERVICE)
  if (directive._tag === "Add") active.add(directive.tenantId)
  if (directive._tag === "Remove") active.delete(directive.tenantId)
}

describe(`events, seed ${seed}`, () => {
  it(
    `${cases} messages: never a throw, a wrong ID in the view, a secret or a long line in the log`,
    async () => {
      const dice = new Dice(seed)
      const every = listening(0)
      const once = listening(16)
      const active = new Set<string>()
      let malformed = 0
      let applied = 0
      for (let done = 0; done < cases; done += BATCH) {
        if (done % TURN === 0) await turn()
        const messages = Array.from({ length: BATCH }, () => message(dice))
        for (const text of messages) {
          const event = eventOf(parsed(text)?.value)
          decodesAs(event, text)
          apply(active, event)
        }
        for (const machine of [every, once]) {
          machine.accept([{ _tag: "Messages", messages }], now)
          const { notices, tallies } = machine.takeEffects()
          const tally = tallies[0]
          assert(tally !== undefined && tallies.length === 1)
          const { received, ...outcomes } = tally
          assert.equal(received, BATCH)
          assert.equal(
            Object.values(outcomes).reduce((sum, count) => sum + count, 0),
            BATCH
          )
          malformed += tally.malformed
          applied += tally.applied
          const told = JSON.stringify(notices)
          assert(!told.includes(SECRET), told)
          assert(notices.length <= 8)
          assert(told.length < 8 * LONGEST_LINE)
          assert(machine.view.ids.every(TenantId.isCanonical))
          assert.equal(new Set(machine.view.ids).size, machine.view.size)
          assert.equal(machine.status.mode, "Live")
        }
        assert.deepEqual([...every.view.ids].toSorted(), [...active].toSorted())
      }
      // It met both what is right and what is wrong.
      expect(applied).toBeGreaterThan(cases / 50)
      expect(malformed).toBeGreaterThan(cases / 50)
      expect(Reflect.get({}, "polluted")).toBeUndefined()
    },
    cases * 2 + 60_000
  )

  it("long names and IDs are cut before they are logged, and not kept", () => {
    const machine = listening(4096)
    const long = "i".repeat(1_000_000)
    machine.accept(
      [
        {
          _tag: "Messages",
          messages: [
            { event_type: long, tenant_id: "acme" },
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
        }
      ],
      now
    )
    const { events, notices } = machine.takeEffects()
    expect(notices).toHaveLength(2)
    expect(JSON.stringify(notices).length).toBeLessThan(LONGEST_LINE)
    // Both were applied: an ID that is not kept makes no duplicate.
    expect(events.flat()).toHaveLength(2)
    expect(machine.view.size).toBe(0)
    expect(events.flat().every(({ eventId }) => (eventId ?? "").length < 1_000)).toBe(true)
  })
})
