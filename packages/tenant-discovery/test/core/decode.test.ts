/** From a raw message to an event: the decode, the prefilter and the recent event IDs. */
import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import { makePrefilter } from "../../src/internal/event/decode.js"
import { makeEventReader } from "../../src/internal/event/eventReader.js"
import { makeRecentEventIds } from "../../src/internal/event/recentEventIds.js"
import { TenantEvent, TenantId } from "../../src/index.js"
import { encode, encoding, eventLike, eventTypes, hostileText, runs } from "./arbitraries.js"

const declared = Schema.decodeUnknownEither(TenantEvent.TenantEventSchema)

/** What the schema makes of a message. It throws for a type that cannot become a text. */
const bySchema = (raw: string): TenantEvent.TenantEvent | undefined => {
  try {
    return Either.getOrUndefined(declared(JSON.parse(raw)))
  } catch {
    return undefined
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** What decides of an event: all else is an annotation. */
const decisive = (event: unknown) => {
  const { environment, event_type, payload, tenant_id } = isRecord(event) ? event : {}
  const service = isRecord(payload) ? payload["service_name"] : undefined
  return { environment, event_type, tenant_id, service, hasPayload: isRecord(payload) }
}

describe("decode", () => {
  it("accepts what the schema accepts, with the same result", () => {
    fc.assert(
      fc.property(eventLike(fc.constantFrom("ledger", "other", "")), encoding, (event, how) => {
        const raw = encode(event, how)
        expect(Either.getOrUndefined(TenantEvent.decode(raw))).toEqual(bySchema(raw))
      }),
      runs(400)
    )
  })

  it("accepts an event exactly if its type, tenant, environment and service are valid", () => {
    fc.assert(
      fc.property(eventLike(fc.constantFrom("ledger", "other", "")), (event) => {
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

  it("never throws, and gives canonical IDs or a reason that names an expectation", () => {
    const fragments = fc.array(
      fc.oneof(
        hostileText,
        fc.constantFrom("{", "}", "[", "]", ":", ",", '"', "\\", "1e999", "-0", "null"),
        fc.constantFrom('"event_type"', '"tenant.suspended"', '"tenant_id"', '"__proto__"')
      )
    )
    const raw = fc.oneof(
      fragments.map((parts) => parts.join("")),
      fc.jsonValue().map((value) => JSON.stringify(value)),
      fc.jsonValue().map((event_type) => JSON.stringify({ event_type, tenant_id: "a" })),
      fc.tuple(eventLike(hostileText), fc.nat(), hostileText).map(([event, at, text]) => {
        const whole = JSON.stringify(event)
        const cut = at % (whole.length + 1)
        return whole.slice(0, cut) + text + whole.slice(cut)
      })
    )
    fc.assert(
      fc.property(raw, (message) => {
        const sound = Either.match(TenantEvent.decode(message), {
          onLeft: (why) => why._tag === "UnknownType" || why.reason.includes("expected"),
          onRight: (event) => TenantId.isCanonical(event.tenant_id)
        })
        expect(sound).toBe(true)
      }),
      runs(400)
    )
  })

  it("handles prototype keys, repeated keys, large numbers and great depth", () => {
    const deep = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`
    const head = '"event_type":"tenant.suspended","tenant_id":"t-1"'
    for (const raw of [
      `{${head},"__proto__":{"tenant_id":"x"}}`,
      `{${head},"constructor":{"prototype":{"polluted":true}}}`,
      `{${head},"payload":{"n":9007199254740993,"m":1e999}}`,
      `{${head},"payload":${deep}}`,
      `{"tenant_id":"x","tenant_id":"t-1","event_type":"tenant.suspended"}`
    ]) {
      expect(Either.getOrThrow(TenantEvent.decode(raw)).tenant_id).toBe("t-1")
    }
    expect(Reflect.get({}, "polluted")).toBeUndefined()
    const inPrototype = '{"__proto__":{"event_type":"tenant.deleted","tenant_id":"a"}}'
    expect(Either.isLeft(TenantEvent.decode(inPrototype))).toBe(true)
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

  it("drops a plain message of another service", () => {
    const mayConcern = makePrefilter("ledger")
    const raw = `{${scoped},"tenant_id":"a","payload":{"service_name" : "other"}}`
    expect(mayConcern(raw)).toBe(false)
  })

  it.each([
    `{${scoped},"tenant_id":"a","payload":{"service_name":""}}`,
    `{${scoped},"tenant_id":"a","payload":{"service_name":null}}`,
    `{${scoped},"tenant_id":"a","payload":{"device_name":"other"}}`,
    `{${scoped},"tenant_id":"a"}`,
    `{${scoped},"payload":{"service_name":"other"},"event_type":"tenant.deleted","tenant_id":"a"}`,
    `{"event_type":"tenant.deleted","tenant_id":"a","payload":{${scoped},"service_name":"other"}}`,
    `{${scoped},"tenant_id":"a","payload":{"service_name":"\\u006cedger"}}`,
    "not json"
  ])("passes what it is not sure of: %s", (raw) => {
    expect(makePrefilter("ledger")(raw)).toBe(true)
  })

  it("does not change what is read", () => {
    const messages = fc.array(fc.tuple(eventLike(fc.constantFrom("ledger", "other")), encoding), {
      maxLength: 8
    })
    fc.assert(
      fc.property(messages, (drawn) => {
        const raws = drawn.map(([event, how]) => ({ raw: encode(event, how), channel: "" }))
        const read = makeEventReader({ service: "ledger", duplicateWindow: 16 })
        const seen = new Set<string>()
        const expected = raws.flatMap(({ raw }) => {
          const decoded = TenantEvent.decode(raw)
          if (Either.isLeft(decoded)) return []
          const directive = TenantEvent.directiveFor(decoded.right, "ledger")
          if (directive._tag === "Ignore") return []
          const id = decoded.right.event_id ?? ""
          if (seen.has(id)) return []
          if (id !== "") seen.add(id)
          return [directive]
        })
        const mayConcern = makePrefilter("ledger")
        const { events } = read(raws.filter(({ raw }) => mayConcern(raw)))
        expect(events.map(({ directive }) => directive)).toEqual(expected)
      }),
      runs(200)
    )
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
        const recent = makeRecentEventIds(window)
        const distinct: Array<string> = []
        for (const id of ids) {
          const known = recent.seen(id)
          expect(known || !distinct.slice(-window).includes(id)).toBe(true)
          expect(!known || distinct.slice(-2 * window).includes(id)).toBe(true)
          if (!known) distinct.push(id)
        }
      }),
      runs(500)
    )
  })
})
