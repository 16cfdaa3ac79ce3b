/** The list's decoder: by hand, and as the schema declares it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, FastCheck, Logger, Schema } from "effect"
import { decodeListing, Element, isActiveStatus } from "../../src/internal/http/listing.js"
import type { Tenant } from "../../src/Tenant.js"
import { TenantView } from "../../src/TenantView.js"
import { list } from "./support/clients.js"
import { answer, serve } from "./support/server.js"
import { NodeHttpClient } from "@effect/platform-node"

const decodeElement = Schema.decodeUnknownEither(Element)

/** What the contract says, in the declared schema's words. */
const reference = (body: ReadonlyArray<unknown>) => {
  const tenants: Array<Tenant> = []
  let skipped = 0
  for (const element of body) {
    const decoded = decodeElement(element)
    if (Either.isLeft(decoded)) skipped++
    else if (isActiveStatus(decoded.right.status)) {
      tenants.push({ id: decoded.right.id, name: decoded.right.name })
    }
  }
  return { tenants, skipped }
}

/** What a view makes of them, from nothing. */
const taken = (tenants: ReadonlyArray<Tenant>): ReadonlyArray<Tenant> =>
  TenantView.applyListing(TenantView.empty, tenants).view.tenants

const uuid = "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F"
const anId = FastCheck.oneof(
  FastCheck.constantFrom(
    uuid,
    uuid.toLowerCase(),
    uuid.replaceAll("-", ""),
    "org_01KH",
    "tenant-3",
    "",
    "-x",
    "a b",
    `urn:uuid:${uuid}`,
    `{${uuid}}`,
    "x".repeat(256),
    "x".repeat(257)
  ),
  FastCheck.uuid(),
  FastCheck.string(),
  FastCheck.jsonValue()
)
const anElement = FastCheck.oneof(
  FastCheck.record(
    {
      id: anId,
      name: FastCheck.oneof(FastCheck.string(), FastCheck.jsonValue()),
      status: FastCheck.oneof(
        FastCheck.constantFrom("active", "suspended", "", "ACTIVE", null),
        FastCheck.jsonValue()
      ),
      other: FastCheck.jsonValue()
    },
    { requiredKeys: [] }
  ),
  FastCheck.jsonValue()
)

describe("decodeListing", () => {
  it("does what the schema declares", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.array(anElement, { maxLength: 30 }), (elements) => {
        const body: unknown = JSON.parse(JSON.stringify(elements))
        assert(Array.isArray(body))
        // The decoder uses up what it is given.
        const { skipped, tenants } = Effect.runSync(decodeListing([...body]))
        assert.deepStrictEqual({ tenants, skipped }, reference(body))
        const firsts = new Map(tenants.toReversed().map((tenant) => [tenant.id, tenant]))
        assert.sameDeepMembers([...taken(tenants)], [...firsts.values()])
      }),
      { numRuns: 500 }
    )
  })

  it("the first spelling of a tenant wins, and the order is the answer's", () => {
    const { skipped, tenants } = Effect.runSync(
      decodeListing([
        { id: "b", name: "B" },
        { id: uuid, name: "first" },
        { id: "a" },
        { id: uuid.toLowerCase(), name: "second" },
        { id: "gone", status: "suspended" },
        { id: "b", name: "again" }
      ])
    )
    assert.strictEqual(skipped, 0)
    assert.deepStrictEqual(
      taken(tenants).map(({ id, name }) => [id, name]),
      [
        ["b", "B"],
        ["0193e8f0c4b87c4a9f3b2f6f0c1d2e3f", "first"],
        ["a", undefined]
      ]
    )
  })

  it.live("goes through a long list in slices, and loses none of it", () =>
    Effect.gen(function* () {
      const body = Array.from({ length: 120_001 }, (_, n) => ({ id: `t-${n}` }))
      const decoded = yield* decodeListing([...body, null])
      assert.strictEqual(decoded.tenants.length, body.length)
      assert.deepStrictEqual(decoded.firstSkipped, [
        { index: body.length, reason: "expected an object, got null" }
      ])
      assert.strictEqual(decoded.tenants.at(-1)?.id, "t-120000")
    })
  )

  it("anything but an array or null is an error that names what came", () => {
    for (const [body, got] of [
      [{ tenants: [] }, "object"],
      ["[]", "string"],
      [7, "number"],
      [true, "boolean"]
    ] as const) {
      assert.strictEqual(
        Effect.runSync(Effect.flip(decodeListing(body))),
        `expected an array of tenants or null, got ${got}`
      )
    }
  })
})

it.scopedLive("skipped elements are one warning, with their indexes and without their values", () =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      lines.push(`${logLevel.label} ${String(message)}`)
    })
    const bad = Array.from({ length: 50 }, () => ({ id: "not an ID" }))
    const server = yield* serve(
      answer(200, JSON.stringify([{ id: "ok" }, null, 3, [], { id: 4 }, {}, ...bad]))
    )
    const listing = yield* list(server.url).pipe(
      Effect.provide([NodeHttpClient.layerUndici, Logger.replace(Logger.defaultLogger, logger)])
    )
    assert.deepStrictEqual(
      listing.tenants.map(({ id }) => String(id)),
      ["ok"]
    )
    assert.strictEqual(listing.skipped, 55)
    assert.strictEqual(lines.length, 1)
    const [line = ""] = lines
    assert.match(line, /^WARN skipped 55 elements of the tenant list: \[1\] expected an object/)
    assert.include(line, "[4] id: expected a string, got number")
    assert.include(line, "and 45 more")
    assert.notInclude(line, "not an ID")
  })
)
