import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import { EventReader } from "../../src/internal/eventReader.js"
import { mayConcern } from "../../src/internal/relevance.js"
import { TenantEvent, TenantId } from "../../src/index.js"
import { anyId, encode, encoding, eventLike, hostileText, runs, validId } from "./arbitraries.js"

describe("TenantId", () => {
  const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]*$/
  const dashed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

  it("accepts exactly what the contract does, and every spelling of a UUID is one ID", () => {
    fc.assert(
      fc.property(anyId, (input) => {
        const id = TenantId.canonical(input)
        const valid = input.length <= 256 && pattern.test(input)
        expect(id !== undefined).toBe(valid)
        if (id === undefined) return
        const isUuid = dashed.test(input) || /^[0-9a-f]{32}$/i.test(input)
        expect(id).toBe(isUuid ? input.replaceAll("-", "").toLowerCase() : input)
        expect(TenantId.canonical(id)).toBe(id)
        expect(TenantId.isCanonical(id)).toBe(true)
        expect(Either.getOrUndefined(TenantId.parse(input))).toBe(id)
        expect(Schema.decodeSync(TenantId.schema)(input)).toBe(id)
      }),
      runs(500)
    )
  })

  it("256 characters are the most", () => {
    expect(TenantId.canonical("a".repeat(256))).toBeDefined()
    expect(TenantId.canonical("a".repeat(257))).toBeUndefined()
    expect(() => TenantId.make("a b")).toThrow(/not a tenant ID: expected/)
  })
})

describe("decoding an event", () => {
  const declared = Schema.decodeUnknownEither(TenantEvent.TenantEventSchema)

  /** The schema's union throws where it cannot print a type, such as `{"toString":0}`: it refuses it. */
  const asDeclared = (raw: string) => {
    try {
      return Either.getOrUndefined(declared(JSON.parse(raw)))
    } catch {
      return undefined
    }
  }
  /** What each of the two makes of it, in the same terms. */
  const both = (raw: string) => ({
    byHand: Either.getOrUndefined(TenantEvent.decode(raw)),
    bySchema: asDeclared(raw)
  })

  it("accepts what the schema accepts, yields the same, refuses the rest: nearly right messages", () => {
    fc.assert(
      fc.property(eventLike(fc.constantFrom("ledger", "other", "")), (event) => {
        const { byHand, bySchema } = both(JSON.stringify(event))
        expect(byHand).toEqual(bySchema)
      }),
      runs(800)
    )
  })

  it("never throws, never yields an ID that is not canonical, never repeats a value", () => {
    const fragments = fc.array(
      fc.oneof(
        hostileText,
        fc.constantFrom(
          "{",
          "}",
          "[",
          "]",
          ":",
          ",",
          '"',
          "\\",
          '"event_type"',
          '"tenant.suspended"',
          '"tenant_id"',
          '"__proto__"',
          "1e999",
          "-0",
          "9007199254740993",
          "null"
        )
      )
    )
    const raw = fc.oneof(
      fragments.map((parts) => parts.join("")),
      fc.jsonValue().map((value) => JSON.stringify(value)),
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
      runs(800)
    )
  })

  it("prototype keys, keys twice, numbers beyond the safe range, great depth", () => {
    const deep = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`
    const head = '"event_type":"tenant.suspended","tenant_id":"t-1"'
    for (const raw of [
      `{${head},"__proto__":{"tenant_id":"x"}}`,
      `{${head},"constructor":{"prototype":{"polluted":true}}}`,
      `{${head},"payload":{"n":9007199254740993,"m":1e999}}`,
      `{"tenant_id":"x","tenant_id":"t-1","event_type":"tenant.suspended"}`
    ]) {
      expect(Either.getOrThrow(TenantEvent.decode(raw)).tenant_id).toBe("t-1")
    }
    // Of a depth that the engine cannot read it is malformed; either way nothing is thrown.
    TenantEvent.decode(`{${head},"payload":${deep}}`)
    TenantEvent.decode(deep)
    expect(Reflect.get({}, "polluted")).toBeUndefined()
    expect(
      Either.isLeft(
        TenantEvent.decode('{"__proto__":{"event_type":"tenant.deleted","tenant_id":"a"}}')
      )
    ).toBe(true)
  })

  it("a reason names the place and what was expected, never the value", () => {
    const secret = "s3cret-value"
    fc.assert(
      fc.property(
        fc.constantFrom("event_id", "timestamp", "environment", "tenant_slug", "payload"),
        (field) => {
          const decoded = TenantEvent.decode(
            JSON.stringify({
              event_type: "tenant.service.associated",
              tenant_id: "t-1",
              payload: { service_name: "ledger", secret_paths: { [secret]: secret } },
              [field]: [secret]
            })
          )
          expect(Either.isLeft(decoded)).toBe(true)
          expect(JSON.stringify(decoded)).not.toContain(secret)
        }
      )
    )
  })
})

describe("the check before the parse", () => {
  const service = fc.oneof(
    fc.constantFrom(
      "ledger",
      "a.b",
      "a+b",
      "(x)",
      "[y]",
      "$1",
      "^",
      "a|b",
      "täx",
      "-",
      "{2}",
      "a/b"
    ),
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }),
    fc.string({ unit: "binary", minLength: 1, maxLength: 4 })
  )

  it("never holds back what concerns the service, however it is written", () => {
    fc.assert(
      fc.property(
        service.chain((name) =>
          fc.tuple(fc.constant(name), eventLike(fc.constantFrom(name, "other")), encoding)
        ),
        ([name, event, how]) => {
          const raw = encode(event, how)
          const decoded = TenantEvent.decode(raw)
          const concerns = Either.match(decoded, {
            // What does not decode is reported, unless it names another service or has no effect.
            onLeft: () => !raw.includes('"service_name"') && !raw.includes('"tenant.created"'),
            onRight: (known) =>
              known.event_type === "tenant.cache.invalidate" ||
              TenantEvent.directiveFor(known, name)._tag !== "Ignore"
          })
          expect(mayConcern(name)(raw) || !concerns).toBe(true)
        }
      ),
      runs(800)
    )
  })

  it("spares another service's events the parse", () => {
    const may = mayConcern("ledger")
    expect(
      may(
        '{"event_type":"tenant.service.associated","tenant_id":"a","payload":{"service_name":"other"}}'
      )
    ).toBe(false)
    expect(may('{"event_type":"tenant.created","tenant_id":"a"}')).toBe(false)
  })

  it("lets through whatever is not plainly of another service", () => {
    const may = mayConcern("ledger")
    const scoped = '"event_type":"tenant.service.purged"'
    for (const raw of [
      `{${scoped},"tenant_id":"a","payload":{"service_name":""}}`,
      `{${scoped},"tenant_id":"a","payload":{"device_name":"other"}}`,
      `{${scoped},"tenant_id":"a"}`,
      `{${scoped},"payload":{"service_name":"other"},"event_type":"tenant.deleted","tenant_id":"a"}`,
      `{"event_type":"tenant.deleted","tenant_id":"a","payload":{${scoped},"service_name":"other"}}`,
      `{"prevent_type":"tenant.service.purged","tenant_id":"a","payload":{"service_name":"other"}}`,
      '{"event_type":"tenant.service.renamed","tenant_id":"a","payload":{"service_name":"other"}}',
      `[{${scoped},"tenant_id":"a","payload":{"service_name":"other"}}]`,
      `{${scoped},"tenant_id":"a","payload":{"service_name":"\\u006cedger"}}`
    ]) {
      expect(may(raw), raw).toBe(true)
    }
  })

  it("reading with it is reading without it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(eventLike(fc.constantFrom("ledger", "other")), encoding), {
          maxLength: 8
        }),
        (messages) => {
          const raws = messages.map(([event, how]) => encode(event, how))
          const kept = raws.filter(mayConcern("ledger"))
          const { directives } = new EventReader("ledger", undefined, 16).read(kept)
          const seen = new Set<string>()
          const expected = raws.flatMap((raw) => {
            const decoded = TenantEvent.decode(raw)
            if (Either.isLeft(decoded)) return []
            const wanted = TenantEvent.directiveFor(decoded.right, "ledger")
            if (wanted._tag === "Ignore") return []
            const id = decoded.right.event_id
            if (typeof id === "string" && id !== "") {
              if (seen.has(id)) return []
              seen.add(id)
            }
            return [wanted]
          })
          expect(directives).toEqual(expected)
        }
      ),
      runs(500)
    )
  })

  it("valid IDs and hostile texts are both drawn", () => {
    expect(fc.sample(validId, 50).every((id) => TenantId.canonical(id) !== undefined)).toBe(true)
  })
})
