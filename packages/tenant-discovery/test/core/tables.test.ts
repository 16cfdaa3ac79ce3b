/** The tables of our own, each held to what a plain collection would answer. */
import { describe, expect, it, vi } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { RecentIds } from "../../src/internal/duplicates.js"
import { IdIndex } from "../../src/internal/idIndex.js"
import { Slots } from "../../src/internal/slots.js"
import { TenantStore } from "../../src/internal/tenantStore.js"
import { TenantTable } from "../../src/internal/tenantTable.js"
import { TenantId, TenantView } from "../../src/index.js"
import { runs, validId } from "./arbitraries.js"

describe("the index of IDs", () => {
  it("answers what a Map would, however it grows", () => {
    fc.assert(
      fc.property(fc.uniqueArray(validId, { maxLength: 200 }), (inputs) => {
        const index = IdIndex.empty()
        const ids = [...new Set(inputs.map(TenantId.make))]
        ids.forEach((id, slot) => {
          expect(index.slotOf(id)).toBe(-1)
          index.append(id)
          expect(index.slotOf(id)).toBe(slot)
          if (slot % 50 === 0) index.trim()
        })
        ids.forEach((id, slot) => expect([index.slotOf(id), index.idAt(slot)]).toEqual([slot, id]))
        expect(index.toArray()).toEqual(ids)
      }),
      runs(200)
    )
  })

  it("made of IDs at once answers as one that they came to one by one, and goes on", () => {
    fc.assert(
      fc.property(fc.uniqueArray(validId, { minLength: 1, maxLength: 200 }), (inputs) => {
        const ids = [...new Set(inputs.map(TenantId.make))]
        const later = TenantId.make("one-that-came-later")
        const index = IdIndex.of([...ids])
        expect(IdIndex.of([...ids, ...ids.slice(-1)])).toBeUndefined()
        expect(ids.map((id) => index?.slotOf(id))).toEqual([...ids.keys()])
        expect(index?.slotOf(later)).toBe(-1)
        index?.append(later)
        expect(index?.slotOf(later)).toBe(ids.length)
        expect(index?.toArray()).toEqual([...ids, later])
      }),
      runs(200)
    )
  })

  it("of some of its IDs knows those and no other, and goes on", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(validId, { maxLength: 200 }),
        fc.func(fc.boolean()),
        (inputs, kept) => {
          const index = IdIndex.empty()
          const ids = [...new Set(inputs.map(TenantId.make))]
          for (const id of ids) index.append(id)
          const some = ids.filter((id) => kept(id))
          const only = index.only(some.map((id) => index.slotOf(id)))
          expect(ids.map((id) => only.slotOf(id))).toEqual(ids.map((id) => some.indexOf(id)))
          const later = TenantId.make("one-that-came-later")
          only.append(later)
          expect(only.toArray()).toEqual([...some, later])
          expect(only.slotOf(later)).toBe(some.length)
          expect(index.toArray()).toEqual(ids)
        }
      ),
      runs(200)
    )
  })

  it("holds a hundred thousand", () => {
    const ids = Array.from({ length: 100_000 }, (_, i) => TenantId.make(`tenant-${i}`))
    const index = IdIndex.empty()
    for (const id of ids) index.append(id)
    expect(ids.every((id, slot) => index.slotOf(id) === slot)).toBe(true)
    expect(index.slotOf(TenantId.make("tenant-100000"))).toBe(-1)
  })
})

describe("the stores of tenants", () => {
  it("lead to the next one, and no further", () => {
    const made = () => new TenantStore(IdIndex.empty(), Slots.none(), { since: 0, departed: 0 })
    const [first, second, third] = [made(), made(), made()]
    first.succeededBy(second)
    expect(first.successor).toBe(second)
    second.succeededBy(third)
    expect([first.successor, second.successor, third.successor]).toEqual([
      undefined,
      third,
      undefined
    ])
  })

  it("tell a reader of the one before what has changed without looking at all tenants", () => {
    const cause = { _tag: "Event", eventType: "tenant.deleted", eventId: undefined } as const
    const ids = Array.from({ length: 3000 }, (_, i) => TenantId.make(`t-${i}`))
    const toggle = (view: TenantView, tenantId: TenantId) =>
      TenantView.applyEvent(view, {
        _tag: view.has(tenantId) ? "Remove" : "Add",
        tenantId,
        cause
      })
    let view = TenantView.applyListing(
      TenantView.empty,
      ids.map((id) => ({ id, name: undefined }))
    ).view
    const every = vi.spyOn(TenantTable.prototype, "forEach")
    let told = 0
    // Half of the tenants leave and come back: the store is copied, and laid out anew.
    for (const order of [ids.slice(0, 2000), ids.slice(0, 2000), ids.slice(1000)]) {
      for (const id of order) {
        const next = toggle(view, id)
        expect(TenantView.diff(view, next).map(({ tenant }) => tenant.id)).toEqual([id])
        view = next
        told++
      }
    }
    expect([told, every.mock.calls.length]).toEqual([6000, 0])
    every.mockRestore()
  })
})

describe("the IDs seen last", () => {
  it("are those of the window, and no other", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 12 }),
        // Short ones are kept by their letters, long ones as texts; they differ at the end alone.
        fc.array(
          fc
            .tuple(
              fc.constantFrom("evt-", "\u0101-\ufffe-", "x".repeat(46), "y".repeat(60)),
              fc.nat({ max: 12 })
            )
            .map(([prefix, i]) => `${prefix}${i}`)
        ),
        (window, ids) => {
          const recent = new RecentIds(window)
          const last: Array<string> = []
          for (const id of ids) {
            const known = last.includes(id)
            expect(recent.seen(id)).toBe(known)
            if (known) continue
            last.push(id)
            if (last.length > window) last.shift()
          }
        }
      ),
      runs(500)
    )
  })
})

describe("the IDs of a view", () => {
  it("made from those read before are those made anew", () => {
    const cause = { _tag: "Event", eventType: "tenant.deleted", eventId: undefined } as const
    const many = Array.from({ length: 400 }, (_, i) => ({
      id: TenantId.make(`t-${i}`),
      name: undefined
    }))
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat({ max: 410 }), { maxLength: 6 }), { maxLength: 30 }),
        (batches) => {
          let view = TenantView.applyListing(TenantView.empty, many).view
          const present = new Set(view.ids)
          for (const batch of batches) {
            for (const i of batch) {
              const tenantId = TenantId.make(`t-${i}`)
              const _tag = present.has(tenantId) ? "Remove" : "Add"
              view = TenantView.applyEvent(view, { _tag, tenantId, cause })
              if (!present.delete(tenantId)) present.add(tenantId)
            }
            expect([...view.ids].sort()).toEqual([...present].sort())
            expect(view.ids).toEqual(view.tenants.map(({ id }) => id))
            expect(view.ids).toBe(view.ids)
          }
        }
      ),
      runs(200)
    )
  })
})
