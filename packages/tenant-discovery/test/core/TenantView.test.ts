import { describe, expect, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { KEPT_CHANGES } from "../../src/internal/view/changeLog.js"
import { applyChanges, applyDirectives, applyList } from "../../src/internal/view/edit.js"
import { type TenantChange, TenantId, TenantView } from "../../src/index.js"
import {
  add,
  apply,
  contents,
  directive,
  list,
  listing,
  remove,
  rotate,
  runs,
  smallId,
  step,
  viewsOf
} from "./arbitraries.js"
import { many, named, summary } from "./harness.js"

const steps = fc.array(step, { maxLength: 20 })

const last = (views: ReadonlyArray<TenantView>): TenantView => views.at(-1) ?? TenantView.empty

/** The tenants after changes that alternate, at most two a tenant; fails where they do not. */
const follow = (present: ReadonlySet<TenantId>, changes: ReadonlyArray<TenantChange>) => {
  const now = new Set(present)
  for (const { _tag, tenant } of changes) {
    expect(now.has(tenant.id)).toBe(_tag !== "Added")
    expect(changes.filter((change) => change.tenant.id === tenant.id).length).toBeLessThan(3)
    if (_tag === "Added") now.add(tenant.id)
    if (_tag === "Removed") now.delete(tenant.id)
  }
  return now
}

describe("TenantView.diff", () => {
  it("alternates Added and Removed for a reader of any pace, and leads to each view", () => {
    fc.assert(
      fc.property(steps, fc.array(fc.nat(4)), (all, strides) => {
        const views = viewsOf(all)
        let at = 0
        let present: ReadonlySet<TenantId> = new Set()
        let folded = TenantView.empty
        for (const stride of [...strides, views.length]) {
          const to = Math.min(views.length - 1, at + stride)
          const from = views[at] ?? TenantView.empty
          const next = views[to] ?? TenantView.empty
          const changes = TenantView.diff(from, next)
          present = follow(present, changes)
          folded = applyChanges(folded, changes)
          expect(contents(folded)).toEqual(contents(next))
          expect([...present].sort()).toEqual(next.ids)
          expect(TenantView.diff(next, next.with({ mode: "Live", asOf: 7 }))).toEqual([])
          at = to
        }
      }),
      runs(250)
    )
  })

  it("keeps the order and the causes of the last 4096 changes", () => {
    const tenants = many(200).map((id) => named(id, id))
    const start = list(TenantView.empty, tenants)
    const causes = tenants.slice(0, 150).map(({ id }) => remove(id))
    const removed = applyDirectives(start, causes)
    expect(TenantView.diff(start, removed).map(summary)).toEqual(
      tenants.slice(0, 150).map(({ id }) => `-${id} tenant.service.suspended`)
    )
    const fresh = Array.from({ length: KEPT_CHANGES }, (_, i) => TenantId.make(`n-${i}`))
    const far = applyDirectives(applyDirectives(removed, fresh.map(add)), fresh.map(remove))
    expect(TenantView.diff(removed, far)).toEqual([])
    expect(TenantView.diff(start, far).map(summary)).toEqual(
      tenants
        .slice(0, 150)
        .map(({ id }) => `-${id} Forgotten`)
        .sort()
    )
  })

  it("loses no ConnectionsChanged for a reader that is far behind", () => {
    const start = list(TenantView.empty, [named("a", "A"), named("b", "B"), named("c", "C")])
    const onboarded = list(start, [...start.tenants, ...many(9000).map((id) => named(id, id))])
    const connections = (to: TenantView) =>
      TenantView.diff(start, to)
        .filter(({ _tag }) => _tag === "ConnectionsChanged")
        .map(summary)
    // A list adds more tenants than the log keeps: it has nothing to do with connections.
    expect(connections(onboarded)).toEqual([])
    const rotated = applyDirectives(onboarded, [rotate(TenantId.make("b"))])
    // The log does not reach back to the reader: any tenant that stayed may be the one.
    const outdated = ["a", "b", "c"].map((id) => `${id} CacheInvalidated`)
    expect(connections(rotated)).toEqual(outdated)
    expect(connections(list(rotated, start.tenants))).toEqual(outdated)
  })

  it("of views of two discoveries compares the tenants", () => {
    const one = list(TenantView.make(), [named("a", "A"), named("b", "B")])
    const other = list(TenantView.make(), [named("b", "New"), named("c", "C")])
    expect(TenantView.diff(one, other).map(summary)).toEqual(["-a Forgotten", "b Updated", "+c"])
  })
})

describe("applyDirectives and applyList", () => {
  it("change nothing when they are repeated", () => {
    fc.assert(
      fc.property(steps, directive, listing, (all, one, tenants) => {
        const view = last(viewsOf(all))
        const once = applyDirectives(view, [one])
        const twice = applyDirectives(once, [one])
        expect(contents(twice)).toEqual(contents(once))
        expect(twice === once || (one._tag !== "Add" && one._tag !== "Remove")).toBe(true)
        const unique = tenants.filter(({ id }, i) => tenants.findIndex((t) => t.id === id) === i)
        const listed = list(view, unique)
        expect(list(listed, unique)).toBe(listed)
        expect(listed.ids).toEqual([...new Set(tenants.map(({ id }) => id))].sort())
      }),
      runs(250)
    )
  })

  it("give the same IDs for events during a list as for events after it", () => {
    fc.assert(
      fc.property(steps, fc.array(directive, { maxLength: 12 }), listing, (all, kept, tenants) => {
        const view = last(viewsOf(all))
        const names = new Set(
          kept.flatMap((one) => (one._tag === "Add" || one._tag === "Remove" ? [one.tenantId] : []))
        )
        const during = applyList(applyDirectives(view, kept), tenants, {
          named: (id) => names.has(id),
          select: (missing) => new Set(missing)
        })
        expect(during.ids).toEqual(applyDirectives(list(view, tenants), kept).ids)
      }),
      runs(400)
    )
  })

  it("keep named tenants, and remove of the missing ones what `select` answers", () => {
    const some = fc.uniqueArray(smallId)
    fc.assert(
      fc.property(steps, listing, some, some, (all, tenants, names, selected) => {
        const view = last(viewsOf(all))
        const listed = new Set(tenants.map(({ id }) => id))
        const decided = view.ids.filter((id) => !names.includes(id))
        const expected = decided.filter((id) => !listed.has(id))
        let asked: ReadonlyArray<TenantId> = []
        const next = applyList(view, tenants, {
          named: (id) => names.includes(id),
          select: (missing, size) => {
            asked = missing
            expect(size).toBe(decided.length)
            return new Set(missing.filter((id) => selected.includes(id)))
          }
        })
        expect(asked).toEqual(expected)
        for (const id of names) expect(next.has(id)).toBe(view.has(id))
        for (const id of expected) expect(next.has(id)).toBe(!selected.includes(id))
      }),
      runs(250)
    )
  })

  it("keep a known name where a list has none, and the first of two elements with one ID", () => {
    const view = list(TenantView.empty, [named("a", "A"), named("a", "Other")])
    expect(contents(view)).toEqual(["a=A"])
    expect(list(view, [{ id: TenantId.make("a"), name: undefined }])).toBe(view)
    expect(contents(list(view, [named("a", "B")]))).toEqual(["a=B"])
  })
})

describe("TenantView", () => {
  it("never changes, nor does a branch from it", () => {
    fc.assert(
      fc.property(steps, fc.nat(), steps, (all, at, branch) => {
        const views = viewsOf(all)
        const from = views[at % views.length] ?? TenantView.empty
        const branched = viewsOf(branch, from)
        const copy = (view: TenantView) => [view.revision, view.size, contents(view)]
        const copies = [...views, ...branched].map(copy)
        let main = last(views)
        let other = last(branched)
        for (const next of [...all, ...branch]) {
          main = apply(main, next)
          other = apply(other, next)
        }
        expect([...views, ...branched].map(copy)).toEqual(copies)
      }),
      runs(100)
    )
  })

  it("has sorted canonical unique IDs, frozen, and lookups that agree", () => {
    const absent = TenantId.make("absent")
    fc.assert(
      fc.property(steps, (all) => {
        for (const view of viewsOf(all)) {
          expect(view.ids).toEqual([...new Set(view.ids)].sort())
          expect(view.ids.length).toBe(view.size)
          expect(view.ids.every(TenantId.isCanonical)).toBe(true)
          expect(view.tenants.map(({ id }) => id)).toEqual(view.ids)
          expect(view.tenants.map(({ id }) => view.get(id))).toEqual(view.tenants)
          expect(view.ids.every((id) => view.has(id))).toBe(true)
          expect([view.has(absent), view.get(absent)]).toEqual([false, undefined])
          expect(Object.isFrozen(view.ids) && Object.isFrozen(view.tenants)).toBe(true)
          expect(view.with({ mode: "Live", asOf: 7 }).ids).toBe(view.ids)
        }
      }),
      runs(150)
    )
  })

  it("shows in JSON its size, not its tenants", () => {
    expect(JSON.stringify(list(TenantView.empty, [named("a", "A")]))).toBe(
      '{"revision":1,"mode":"BootstrapOnly","asOf":0,"size":1}'
    )
  })
})
