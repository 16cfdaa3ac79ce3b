import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { type TenantChange, TenantId, TenantView } from "../../src/index.js"
import {
  contents,
  directive,
  listing,
  runs,
  smallId,
  step,
  type Step,
  take,
  viewsOf
} from "./arbitraries.js"

const steps = fc.array(step, { maxLength: 25 })

const alternates = (present: ReadonlySet<TenantId>, changes: Iterable<TenantChange>) => {
  const now = new Set(present)
  for (const change of changes) {
    const { id } = change.tenant
    expect(now.has(id)).toBe(change._tag !== "Added")
    if (change._tag === "Added") now.add(id)
    if (change._tag === "Removed") now.delete(id)
  }
  return now
}

/** Adds and removes so many others that the table is laid out anew. */
const churn = (count: number, round = 0): Step => ({
  _tag: "Events",
  directives: Array.from({ length: count }, (_, i) => TenantId.make(`churn-${round}-${i}`)).flatMap(
    (tenantId) => [
      {
        _tag: "Add" as const,
        tenantId,
        cause: {
          _tag: "Event" as const,
          eventType: "tenant.service.associated" as const,
          eventId: undefined
        }
      },
      {
        _tag: "Remove" as const,
        tenantId,
        cause: {
          _tag: "Event" as const,
          eventType: "tenant.service.purged" as const,
          eventId: undefined
        }
      }
    ]
  )
})

/** Removes and adds the same few so often that the store is copied. */
const toggled: Step = {
  _tag: "Events",
  directives: Array.from({ length: 1200 }, (_, i) => ({
    _tag: i % 2 === 0 ? ("Add" as const) : ("Remove" as const),
    tenantId: TenantId.make(`toggled-${(i >> 1) % 3}`),
    cause: {
      _tag: "Event" as const,
      eventType: "tenant.service.purged" as const,
      eventId: undefined
    }
  }))
}

const stepOrChurn = fc.oneof(
  { weight: 5, arbitrary: step },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 3 }).map((round) => churn(70, round)) },
  { weight: 1, arbitrary: fc.constant(toggled) }
)

describe("TenantView", () => {
  it("Added and Removed alternate, however far apart a reader looks, and folded they are the view", () => {
    fc.assert(
      fc.property(fc.array(stepOrChurn, { maxLength: 25 }), fc.array(fc.nat(4)), (all, strides) => {
        const views = viewsOf(all)
        let at = 0
        let present: ReadonlySet<TenantId> = new Set()
        let folded = TenantView.empty
        for (const stride of [...strides, views.length]) {
          const to = Math.min(views.length - 1, at + stride)
          const from = views[at]
          const next = views[to]
          if (from === undefined || next === undefined) return
          const changes = TenantView.diff(from, next)
          present = alternates(present, changes)
          folded = TenantView.applyChanges(folded, changes)
          expect(contents(folded)).toEqual(contents(next))
          expect([...present].sort()).toEqual([...next.ids].sort())
          at = to
        }
      }),
      runs(1000)
    )
  })

  it("diff(a, b) applied to a gives b, and tells no more than twice what the tenants number", () => {
    fc.assert(
      fc.property(fc.array(stepOrChurn, { maxLength: 20 }), fc.nat(), (all, start) => {
        const views = viewsOf(all)
        const a = views[start % views.length] ?? TenantView.empty
        const b = views.at(-1) ?? TenantView.empty
        const changes = TenantView.diff(a, b)
        expect(contents(TenantView.applyChanges(a, changes))).toEqual(contents(b))
        expect(changes.filter(({ _tag }) => _tag === "Removed").length).toBeLessThanOrEqual(a.size)
        expect(changes.filter(({ _tag }) => _tag !== "Removed").length).toBeLessThanOrEqual(
          2 * b.size
        )
        expect(TenantView.diff(b, b)).toEqual([])
      }),
      runs(1000)
    )
  })

  it("applying an event or a list twice is applying it once", () => {
    fc.assert(
      fc.property(steps, directive, listing, (all, one, list) => {
        const view = viewsOf(all).at(-1) ?? TenantView.empty
        const once = TenantView.applyEvent(view, one)
        const twice = TenantView.applyEvent(once, one)
        expect(contents(twice)).toEqual(contents(once))
        const isTransition = one._tag === "Add" || one._tag === "Remove"
        expect(twice === once || !isTransition).toBe(true)
        const names = new Set(list.map(({ id }) => id))
        const unique = list.filter(({ id }, i) => list.findIndex((t) => t.id === id) === i)
        const listed = TenantView.applyListing(view, unique).view
        expect(TenantView.applyListing(listed, unique).view).toBe(listed)
        expect([...listed.ids].sort()).toEqual([...names].sort())
      }),
      runs(1000)
    )
  })

  it("kept events on top of a list equal having received them after it", () => {
    fc.assert(
      fc.property(steps, fc.array(directive, { maxLength: 12 }), listing, (all, kept, list) => {
        const view = viewsOf(all).at(-1) ?? TenantView.empty
        const decided = new Set(
          kept.flatMap((one) => (one._tag === "Add" || one._tag === "Remove" ? [one.tenantId] : []))
        )
        const during = TenantView.applyListing(TenantView.applyEvents(view, kept), list, {
          decided
        }).view
        const after = TenantView.applyEvents(TenantView.applyListing(view, list).view, kept)
        expect([...during.ids].sort()).toEqual([...after.ids].sort())
      }),
      runs(2000)
    )
  })

  it("what is decided or not believed stays as it was; what is missing is told", () => {
    fc.assert(
      fc.property(
        steps,
        listing,
        fc.uniqueArray(smallId),
        fc.uniqueArray(smallId),
        (all, list, decided, believed) => {
          const view = viewsOf(all).at(-1) ?? TenantView.empty
          const told: Array<number> = []
          const { missing, view: next } = TenantView.applyListing(view, list, {
            decided: new Set(decided),
            judge: (absent, size) => {
              told.push(size - absent.length)
              return absent.filter((id) => believed.includes(id))
            }
          })
          const listed = new Set(list.map(({ id }) => id))
          for (const id of decided) expect(next.has(id)).toBe(view.has(id))
          expect([...missing].sort()).toEqual(
            view.ids.filter((id) => !listed.has(id) && !decided.includes(id)).sort()
          )
          for (const id of missing) expect(next.has(id)).toBe(!believed.includes(id))
          const found = view.ids.filter((id) => listed.has(id) && !decided.includes(id)).length
          expect(told.every((said) => said === found)).toBe(true)
        }
      ),
      runs(1000)
    )
  })

  it("old views never change, nor do branches from them", () => {
    fc.assert(
      fc.property(
        fc.array(stepOrChurn, { maxLength: 15 }),
        fc.nat(),
        fc.array(stepOrChurn, { maxLength: 15 }),
        (all, at, branch) => {
          const views = viewsOf(all)
          const copies = views.map((view) => [view.revision, view.size, contents(view)] as const)
          const from = views[at % views.length] ?? TenantView.empty
          const branched = viewsOf(branch, from)
          const branchCopies = branched.map(contents)
          // Writing goes on at both ends, in turns.
          let main = views.at(-1) ?? TenantView.empty
          let other = branched.at(-1) ?? from
          for (const one of [...all, ...branch]) {
            main = take(main, one)
            other = take(other, one)
          }
          views.forEach((view, i) => {
            expect([view.revision, view.size, contents(view)]).toEqual(copies[i])
            view.ids.forEach((id) => {
              expect(view.has(id)).toBe(true)
            })
          })
          expect(branched.map(contents)).toEqual(branchCopies)
          const lastOfBranch = branched.at(-1) ?? from
          expect(
            contents(TenantView.applyChanges(from, TenantView.diff(from, lastOfBranch)))
          ).toEqual(contents(lastOfBranch))
        }
      ),
      runs(500)
    )
  })

  it("IDs are canonical and unique, and sizes agree", () => {
    fc.assert(
      fc.property(fc.array(stepOrChurn, { maxLength: 20 }), (all) => {
        for (const view of viewsOf(all)) {
          expect(view.ids.length).toBe(view.size)
          expect(new Set(view.ids).size).toBe(view.size)
          expect(view.ids.every(TenantId.isCanonical)).toBe(true)
          expect(view.tenants.map(({ id }) => id)).toEqual(view.ids)
          expect(Object.isFrozen(view.ids)).toBe(true)
        }
      }),
      runs(500)
    )
  })

  it("a new layout keeps the causes of a reader that is near; one far behind learns Forgotten", () => {
    const many = Array.from({ length: 200 }, (_, i) => ({
      id: TenantId.make(`m-${i}`),
      name: undefined
    }))
    const start = TenantView.applyListing(TenantView.empty, many).view
    const cause = {
      _tag: "Event",
      eventType: "tenant.service.purged",
      eventId: "evt-1"
    } as const
    const removed = TenantView.applyEvents(
      start,
      many.slice(0, 150).map(({ id }) => ({ _tag: "Remove" as const, tenantId: id, cause }))
    )
    const near = TenantView.diff(start, removed)
    expect(near.length).toBe(150)
    for (const change of near) expect(change).toMatchObject({ _tag: "Removed", cause })
    let far = removed
    for (let round = 0; round < 6; round++) far = take(far, churn(300, round))
    const told = TenantView.diff(start, far)
    expect(told.length).toBe(150)
    expect(
      told.every(
        (change) =>
          change._tag === "Removed" && (change.cause === cause || change.cause._tag === "Forgotten")
      )
    ).toBe(true)
    expect(told.some((c) => c._tag === "Removed" && c.cause._tag === "Forgotten")).toBe(true)
  })
})
