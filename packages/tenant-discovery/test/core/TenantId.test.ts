import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import { TenantId } from "../../src/index.js"
import { anyId, runs, validId } from "./arbitraries.js"

describe("TenantId", () => {
  const pattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]*$/
  const dashed = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

  it("accepts what the contract accepts, and makes every spelling of a UUID one ID", () => {
    fc.assert(
      fc.property(anyId, (input) => {
        const id = TenantId.canonical(input)
        expect(id !== undefined).toBe(input.length <= 256 && pattern.test(input))
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
    expect(fc.sample(validId, 50).every((id) => TenantId.canonical(id) !== undefined)).toBe(true)
  })

  it("has at most 256 characters", () => {
    expect(TenantId.canonical("a".repeat(256))).toBeDefined()
    expect(TenantId.canonical("a".repeat(257))).toBeUndefined()
  })

  it("throws for an ID of the program that is not valid", () => {
    expect(() => TenantId.make("a b")).toThrow(/not a tenant ID: expected/)
  })
})
