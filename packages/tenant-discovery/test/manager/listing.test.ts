/** The decoder of lists. `fuzz/listings` compares it with the declared schema. */
import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { decodeListing } from "../../src/internal/http/listing.js"
import { TenantListing } from "../../src/TenantListing.js"

const decoded = (body: unknown) => Either.getOrThrow(decodeListing(body))
const refused = (body: unknown) => Either.getOrThrow(Either.flip(decodeListing(body)))

const uuid = "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F"
describe("decodeListing", () => {
  it("keeps the order and the canonical IDs", () => {
    const { tenants } = decoded([{ id: "b", name: "B" }, { id: uuid }, { id: "a" }])
    assert.deepStrictEqual(
      tenants.map(({ id, name }) => [id, name]),
      [
        ["b", "B"],
        ["0193e8f0c4b87c4a9f3b2f6f0c1d2e3f", undefined],
        ["a", undefined]
      ]
    )
  })

  it("accepts an empty list and null as complete empty lists", () => {
    for (const body of [[], null]) assert.deepStrictEqual(decoded(body), TenantListing.of([]))
  })

  it("refuses a body that is neither an array nor null, naming its type", () => {
    for (const [body, got] of [
      [{ tenants: [] }, "object"],
      ["[]", "string"],
      [7, "number"],
      [true, "boolean"]
    ] as const) {
      assert.strictEqual(refused(body), `expected an array of tenants or null, got ${got}`)
    }
  })

  it("reports unreadable elements with the first index and reason, as an incomplete list", () => {
    const body = [{ id: "ok" }, null, 3, [], { id: 4 }, {}, { id: "not an ID" }]
    const { complete, firstSkipped, skipped, tenants } = decoded(body)
    assert.deepStrictEqual(tenants.map(String).length, 1)
    assert.deepStrictEqual(
      { complete, firstSkipped, skipped },
      {
        complete: false,
        firstSkipped: { index: 1, reason: "expected an object, got null" },
        skipped: 6
      }
    )
  })

  it("refuses a list whose elements are all unreadable, without their values", () => {
    assert.strictEqual(
      refused([{ tenant_id: "a" }, { tenant_id: "b" }]),
      "none of the 2 elements is readable: [0] id: expected a string, got nothing"
    )
    assert.notInclude(refused([{ id: "not an ID" }]), "not an ID")
  })

  const withStatus = (...statuses: ReadonlyArray<unknown>) =>
    decoded(statuses.map((status, index) => ({ id: `t-${index}`, status })))

  it("counts inactive elements by status as received", () => {
    const { inactive } = withStatus("active", "suspended", "ACTIVE", "suspended", 7, {}, "a\nb")
    assert.deepStrictEqual(
      [...inactive],
      [
        ["suspended", 2],
        ["ACTIVE", 1],
        ["other", 3]
      ]
    )
    const many = withStatus(
      ...Array.from({ length: 26 }, (_, index) => String.fromCharCode(97 + index))
    )
    assert.strictEqual(many.inactive.size, 17)
    assert.strictEqual(many.inactive.get("other"), 10)
  })

  it("is incomplete when no tenant is active and one status is unknown", () => {
    const known = ["inactive", "suspended", "deleted", "purged"]
    assert.isTrue(withStatus(...known, "Disabled", "PENDING", "provisioning").complete)
    assert.isFalse(withStatus("ACTIVE").complete)
    assert.isFalse(withStatus("suspended", "ACTIVE").complete)
    assert.isFalse(withStatus(7).complete)
    assert.isTrue(withStatus("active", "ACTIVE").complete)
  })
})
