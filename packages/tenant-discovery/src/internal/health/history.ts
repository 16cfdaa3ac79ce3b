/** Since when each tenant is active, or not, and why: followed from view to view. */
import type { Tenant, TenantId } from "../../Tenant.js"
import { TenantView } from "../../TenantView.js"
import { type ChangeSource, changesAfter } from "../view/changeLog.js"
import type { TenantReport } from "./healthReport.js"

export type TenantHistory = Pick<TenantReport, "name" | "active" | "since" | "lastChange">

/** How many removed tenants are remembered. */
export const KEPT_REMOVED = 1000

/** What brought the tenants in that are new in `to`, as far as its log tells. */
const sourcesOf = (from: TenantView, to: TenantView): ReadonlyMap<TenantId, ChangeSource> => {
  const isSameOrigin = from.log.origin === to.log.origin
  const logged = isSameOrigin ? (changesAfter(to.log, from.revision) ?? []) : []
  const added = logged.filter(({ change }) => change._tag === "Added")
  return new Map(added.map(({ by, change }) => [change.tenant.id, by]))
}

/** `start`: since when the tenants of the first view are active, in milliseconds since the epoch. */
export const makeHistory = (first: TenantView, start: number) => {
  const original: TenantHistory["lastChange"] = {
    _tag: "Added",
    by: first.mode === "SingleTenant" ? "Program" : "Listing"
  }
  /** Of the active tenants, those that were added after the start. */
  const added = new Map<TenantId, Omit<TenantHistory, "name">>()
  /** The oldest first. */
  const removed = new Map<TenantId, TenantHistory>()
  let seen = first

  const remove = ({ id, name }: Tenant, history: Omit<TenantHistory, "name">): void => {
    added.delete(id)
    removed.delete(id)
    removed.set(id, { ...history, name })
    const [oldest] = removed.keys()
    if (removed.size > KEPT_REMOVED && oldest !== undefined) removed.delete(oldest)
  }

  return {
    /** Takes over a view. `now`: milliseconds since the epoch. */
    observe: (view: TenantView, now: number): void => {
      const changes = TenantView.diff(seen, view)
      const sources = changes.length === 0 ? undefined : sourcesOf(seen, view)
      seen = view
      for (const change of changes) {
        const { id } = change.tenant
        if (change._tag === "Removed") {
          const { cause } = change
          remove(change.tenant, {
            active: false,
            since: now,
            lastChange: { _tag: "Removed", cause }
          })
        } else if (change._tag === "Added") {
          const by = sources?.get(id) ?? "Listing"
          removed.delete(id)
          added.set(id, { active: true, since: now, lastChange: { _tag: "Added", by } })
        }
      }
    },
    /** What is known of a tenant; `undefined` for one that was never seen, or is forgotten. */
    get: (id: TenantId): TenantHistory | undefined => {
      const tenant = seen.get(id)
      if (tenant === undefined) return removed.get(id)
      const history = added.get(id) ?? { active: true, since: start, lastChange: original }
      return { ...history, name: tenant.name }
    }
  }
}
