/** From a raw message to an event: the decode, the prefilter and the recent event IDs. */
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import { makePrefilter } from "../../src/internal/event/decode.js"
import { makeRecentEventIds } from "../../src/internal/event/recentEventIds.js"
import { TenantEvent, TenantId } from "../../src/index.js"
import { encode, encoding, eventLike, eventTypes, isRecord, runs } from "./arbitraries.js"

const declared = Schema.decodeUnknownEither(TenantEvent.TenantEventSchema)

/** What the schema makes of a message. It throws for a type that cannot become a text. */
const bySchema = (raw: string): TenantEvent.TenantEvent | undefined => {
  try {
    return Either.getOrUndefined(declared(JSON.parse(raw)))
  } catch {
    return undefined
  }
}

/** The fields that decide what an event does: all others are annotations. */
const decisive = (event: unknown) => {
  const { environment, event_type, payload, tenant_id } = isRecord(event) ? event : {}
  const service = isRecord(payload) ? payload["service_name"] : undefined
  return { environment, event_type, tenant_id, service, hasPayload: isRecord(payload) }
}

describe("decode", () => {
  it("accepts what the schema accepts: a valid type, tenant, environment and service", () => {
    fc.assert(
      fc.property(eventLike(fc.constantFrom("ledger", "other", "")), encoding, (event, how) => {
        const raw = encode(event, how)
        expect(Either.getOrUndefined(TenantEvent.decode(raw))).toEqual(bySchema(raw))
        const { environment, event_type, hasPayload, service, tenant_id } = decisive(
          JSON.parse(JSON.stringify(event))
        )
        const isTenantEvent = /^tenant\.(?:suspended|deleted|activated|created|updated)$/
        const valid =
          typeof event_type === "string" &&
          eventTypes.includes(event_type) &&
          typeof tenant_id === "string" &&
          TenantId.canonical(tenant_id) !== undefined &&
          (environment === undefined || environment === null || typeof environment === "string") &&
          (isTenantEvent.test(event_type) ||
            (hasPayload && typeof service === "string" && service !== ""))
        expect(Either.isRight(TenantEvent.decode(JSON.stringify(event)))).toBe(valid)
      }),
      runs(400)
    )
  })
})

describe("the prefilter", () => {
  const service = fc.oneof(
    fc.constantFrom(
      "ledger",
      "a.b",
      "(x)",
      "$1",
      "a|b",
      "t\u00e4x",
      "a/b",
      'a"b',
      "a\\b",
      "\ud800"
    ),
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }),
    fc.string({ unit: "binary", minLength: 1, maxLength: 4 })
  )

  it("drops no event that concerns the service and no cache invalidation, in any encoding", () => {
    fc.assert(
      fc.property(
        service.chain((name) =>
          fc.tuple(fc.constant(name), eventLike(fc.constantFrom(name, "other")), encoding)
        ),
        ([name, event, how]) => {
          const raw = encode(event, how)
          const concerns = Either.match(TenantEvent.decode(raw), {
            // What is not an event is reported, unless it names a service.
            onLeft: () => !raw.includes('"service_name"'),
            onRight: (known) =>
              known.event_type === "tenant.cache.invalidate" ||
              TenantEvent.directiveFor(known, name)._tag !== "Ignore"
          })
          expect(makePrefilter(name)(raw) || !concerns).toBe(true)
        }
      ),
      runs(1000)
    )
  })

  const scoped = '"event_type":"tenant.service.purged"'

  it.each([
    `{${scoped},"tenant_id":"a","payload":{"service_name":""}}`,
    `{${scoped},"tenant_id":"a","payload":{"service_name":null}}`,
    `{${scoped},"tenant_id":"a","payload":{"device_name":"other"}}`,
    `{${scoped},"tenant_id":"a"}`,
    `{${scoped},"payload":{"service_name":"other"},"event_type":"tenant.deleted","tenant_id":"a"}`,
    `{"event_type":"tenant.deleted","tenant_id":"a","payload":{${scoped},"service_name":"other"}}`,
    `{${scoped},"tenant_id":"a","payload":{"service_name":"\\u006cedger"}}`,
    "not json"
  ])("drops a plain message of another service, and passes what it is not sure of: %s", (raw) => {
    const mayConcern = makePrefilter("ledger")
    const plain = `{${scoped},"tenant_id":"a","payload":{"service_name" : "other"}}`
    expect([plain, raw].map(mayConcern)).toEqual([false, true])
  })
})

describe("the recent event IDs", () => {
  it("have at least the last `window` IDs, and at most twice as many", () => {
    const drawn = fc.array(
      fc.nat({ max: 40 }).map((i) => `evt-${i}`),
      { maxLength: 120 }
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), drawn, (window, ids) => {
        const isRecent = makeRecentEventIds(window)
        const distinct: Array<string> = []
        for (const id of ids) {
          const known = isRecent(id)
          expect(known || !distinct.slice(-window).includes(id)).toBe(true)
          expect(!known || distinct.slice(-2 * window).includes(id)).toBe(true)
          if (!known) distinct.push(id)
        }
      }),
      runs(500)
    )
  })
})
