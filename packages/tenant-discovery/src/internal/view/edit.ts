/**
 * The functions from one view to the next. Each answers the view that it was given where
 * nothing changes, and makes one copy of the tenants otherwise.
 */
import type { Tenant, TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import type { TenantView } from "../../TenantView.js"
import type { Directive } from "../event/directive.js"
import { append, type ChangeSource, type LoggedChange } from "./changeLog.js"
import { edited, fromArray, idsOf, merge } from "./tenants.js"

/**
 * The view after `changes`, in their order, each with a revision of its own. A change whose result
 * is already in the view does nothing. An update without a name keeps the known name.
 */
export const applyChanges = (
  view: TenantView,
  changes: Iterable<TenantChange>,
  by: ChangeSource = "Event"
): TenantView => {
  const edits = new Map<TenantId, Tenant | undefined>()
  const logged: Array<LoggedChange> = []
  for (const change of changes) {
    const { id, name } = change.tenant
    const known = edits.has(id) ? edits.get(id) : view.get(id)
    if ((known === undefined) !== (change._tag === "Added")) continue
    const isNew = known === undefined || (change._tag === "Updated" && name !== undefined)
    const tenant = isNew ? change.tenant : known
    if (change._tag === "Removed") edits.set(id, undefined)
    else if (isNew) edits.set(id, tenant)
    logged.push({ revision: view.revision + logged.length + 1, change: { ...change, tenant }, by })
  }
  if (logged.length === 0) return view
  return view.with({
    revision: view.revision + logged.length,
    log: append(view.log, logged),
    ...edited(view, edits)
  })
}

const changeOf = (directive: Directive): ReadonlyArray<TenantChange> => {
  if (directive._tag === "Relist" || directive._tag === "Ignore") return []
  const tenant: Tenant = { id: directive.tenantId, name: undefined }
  switch (directive._tag) {
    case "Add":
      return [{ _tag: "Added", tenant }]
    case "Remove":
      return [{ _tag: "Removed", tenant, cause: directive.cause }]
    case "ChangeConnections":
      return [{ _tag: "ConnectionsChanged", tenant, reason: directive.reason }]
    case "Update":
      return [{ _tag: "Updated", tenant }]
  }
}

/** The view after the directives, in their order. */
export const applyDirectives = (
  view: TenantView,
  directives: ReadonlyArray<Directive>
): TenantView => applyChanges(view, directives.flatMap(changeOf))

/** Which tenants of a view a list lacks, and which of them to remove. */
export interface ListOptions {
  /** Tenants that an event named since the list began: the list does not decide about them. */
  readonly named: (id: TenantId) => boolean
  /**
   * Answers the tenants to remove of those that the list lacks. `size` is the number of present
   * tenants that the list decides about.
   */
  readonly select: (missing: ReadonlyArray<TenantId>, size: number) => ReadonlySet<TenantId>
}

/** The view after a list, as one revision. A list without a name keeps the known name. */
export const applyList = (
  view: TenantView,
  listed: ReadonlyArray<Tenant>,
  { named, select }: ListOptions,
  by: ChangeSource = "Listing"
): TenantView => {
  const revision = view.revision + 1
  const logged: Array<LoggedChange> = []
  const missing: Array<TenantId> = []
  const merged: Array<Tenant> = []
  let size = 0
  const keep = (tenant: Tenant, changed?: "Added" | "Updated"): void => {
    merged.push(tenant)
    if (changed !== undefined) logged.push({ revision, change: { _tag: changed, tenant }, by })
  }
  merge(view.tenants, fromArray(listed), (before, after) => {
    const id = (before ?? after)?.id
    if (id === undefined) return
    if (named(id)) {
      if (before !== undefined) keep(before)
      return
    }
    if (before !== undefined) size++
    if (after === undefined) missing.push(id)
    if (before === undefined) {
      if (after !== undefined) keep(after, "Added")
    } else if (after?.name !== undefined && after.name !== before.name) {
      keep(after, "Updated")
    } else {
      keep(before)
    }
  })
  const removed = missing.length === 0 ? new Set<TenantId>() : select(missing, size)
  for (const tenant of removed.size === 0 ? [] : merged) {
    if (!removed.has(tenant.id)) continue
    logged.push({ revision, change: { _tag: "Removed", tenant, cause: { _tag: "Listing" } }, by })
  }
  if (logged.length === 0) return view
  const tenants = removed.size === 0 ? merged : merged.filter(({ id }) => !removed.has(id))
  return view.with({ revision, tenants, ids: idsOf(tenants), log: append(view.log, logged) })
}

/** The view with tenants added that are not present; of an ID that occurs twice, the first counts. */
export const addTenants = (view: TenantView, tenants: ReadonlyArray<Tenant>): TenantView =>
  applyList(view, tenants, { named: () => false, select: () => new Set() }, "Program")
