import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import { EventReader } from "../../src/internal/eventReader.js"
import { readCompact } from "../../src/internal/compactEvent.js"
import { decodeEvent, Refused } from "../../src/internal/decodeEvent.js"
import { summaryOf } from "../../src/internal/eventSummary.js"
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

describe("reading a compact event", () => {
  const order = [
    "event_id",
    "event_type",
    "timestamp",
    "tenant_id",
    "tenant_slug",
    "environment",
    "payload"
  ]

  const parsed = (raw: string) => {
    const decoded = decodeEvent(raw)
    return decoded instanceof Refused ? undefined : summaryOf(decoded)
  }

  const pool = ["max_open_conns", "statement_timeout"]
  const fields: Readonly<Record<string, ReadonlyArray<string>>> = {
    "tenant.service.associated": [
      "isolation_mode",
      "modules",
      "secret_paths",
      "messaging_config",
      "connection_settings"
    ],
    "tenant.service.reactivated": ["previous_status", "re_provisioned", "secret_paths"],
    "tenant.service.disassociated": ["preserve_data"],
    "tenant.service.suspended": ["previous_status"],
    "tenant.credentials.rotated": ["credential_type"],
    "tenant.connections.updated": ["module", ...pool],
    "tenant.cache.invalidate": ["reason"]
  }

  const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null && !Array.isArray(value)

  const only = (value: unknown, names: ReadonlyArray<string>) =>
    isRecord(value)
      ? Object.fromEntries(names.filter((name) => name in value).map((name) => [name, value[name]]))
      : {}

  /** As publishers write it; the values are nearly right, as they were drawn. */
  const compactly = (event: unknown): string => {
    const { payload, ...envelope } = only(event, order)
    const type = envelope["event_type"]
    const about = typeof type === "string" && Object.hasOwn(fields, type) ? fields[type] : undefined
    return JSON.stringify({
      ...envelope,
      ...(about === undefined ? {} : { payload: only(payload, ["service_name", ...about]) })
    })
  }

  const compact = eventLike(fc.constantFrom("ledger", "other")).map(compactly)

  it("finds what parsing finds, or leaves it to that: nearly right, cut, and mixed messages", () => {
    const cut = fc
      .tuple(compact, fc.nat(), fc.nat({ max: 20 }), hostileText)
      .map(([raw, at, length, text]) => {
        const from = at % (raw.length + 1)
        return raw.slice(0, from) + text + raw.slice(from + length)
      })
    const mixed = fc.tuple(compact, compact, fc.nat(), fc.nat()).map(([one, other, a, b]) => {
      return one.slice(0, a % (one.length + 1)) + other.slice(b % (other.length + 1))
    })
    let read = 0
    fc.assert(
      fc.property(fc.oneof(compact, cut, mixed), (raw) => {
        const found = readCompact(raw)
        if (found === undefined) return
        read++
        expect(found).toEqual(parsed(raw))
      }),
      runs(3000)
    )
    expect(read).toBeGreaterThan(100)
  })

  it("reads every type of the contract as it is published", () => {
    const poolSettings = { max_open_conns: 50, max_idle_conns: null, statement_timeout: "30s" }
    const paths = { onboarding: { postgresql: "a/b", mongodb: "" }, transaction: {} }
    const payloads: Readonly<Record<string, object | undefined>> = {
      "tenant.service.associated": {
        isolation_mode: "isolated",
        modules: ["a", "b"],
        secret_paths: paths,
        messaging_config: { rabbitmq_secret_path: "x" },
        connection_settings: poolSettings
      },
      "tenant.service.reactivated": { re_provisioned: false, secret_paths: null },
      "tenant.service.disassociated": { preserve_data: true },
      "tenant.service.suspended": { previous_status: "active" },
      "tenant.service.purged": {},
      "tenant.credentials.rotated": { credential_type: "postgresql", new_secret_path: "täx" },
      "tenant.connections.updated": { module: "m", ...poolSettings, max_open_conns: -1.5e3 },
      "tenant.cache.invalidate": { reason: "why" },
      "tenant.suspended": undefined,
      "tenant.deleted": undefined,
      "tenant.activated": undefined,
      "tenant.created": undefined,
      "tenant.updated": undefined
    }
    for (const [event_type, payload] of Object.entries(payloads)) {
      const raw = JSON.stringify({
        event_id: "evt-1",
        event_type,
        timestamp: "2026-03-25T10:00:00Z",
        tenant_id: "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F",
        tenant_slug: null,
        environment: "production",
        ...(payload === undefined ? {} : { payload: { service_name: "ledger", ...payload } })
      })
      expect(readCompact(raw), raw).toBeDefined()
      expect(readCompact(raw)).toEqual(parsed(raw))
    }
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
