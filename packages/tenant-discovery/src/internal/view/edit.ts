/**
 * The functions from one view to the next. Each answers the view that it was given where
 * nothing changes, and makes one copy of the tenants otherwise.
 */
import type { Tenant, TenantId } from "../../Tenant.js"
import type { RemovalCause, TenantChange } from "../../TenantChange.js"
import type { TenantView } from "../../TenantView.js"
import type { ConnectionsReason, Directive } from "../event/directive.js"
import { append, type LoggedChange } from "./changeLog.js"
import { edited, fromArray, idsOf, merge } from "./tenants.js"

/** Collects changes of a view, each with a revision of its own. */
class Edit {
  private readonly edits = new Map<TenantId, Tenant | undefined>()
  private readonly logged: Array<LoggedChange> = []
  private revision: number

  constructor(private readonly view: TenantView) {
    this.revision = view.revision
  }

  add(id: TenantId, name?: string): void {
    if (this.get(id) === undefined) this.put({ _tag: "Added", tenant: { id, name } })
  }

  remove(id: TenantId, cause: RemovalCause): void {
    const tenant = this.get(id)
    if (tenant === undefined) return
    this.edits.set(id, undefined)
    this.log({ _tag: "Removed", tenant, cause })
  }

  changeConnections(id: TenantId, reason: ConnectionsReason): void {
    const tenant = this.get(id)
    if (tenant !== undefined) this.log({ _tag: "ConnectionsChanged", tenant, reason })
  }

  /** Without a name, the known name stays. */
  update(id: TenantId, name?: string): void {
    const tenant = this.get(id)
    if (tenant === undefined) return
    this.put({ _tag: "Updated", tenant: name === undefined ? tenant : { id, name } })
  }

  commit(): TenantView {
    const { edits, logged, revision, view } = this
    if (logged.length === 0) return view
    return view.with({
      revision,
      log: append(view.log, logged),
      ...(edits.size === 0 ? undefined : edited(view, edits))
    })
  }

  private get(id: TenantId): Tenant | undefined {
    return this.edits.has(id) ? this.edits.get(id) : this.view.get(id)
  }

  private put(change: TenantChange): void {
    this.edits.set(change.tenant.id, change.tenant)
    this.log(change)
  }

  private log(change: TenantChange): void {
    this.logged.push({ revision: ++this.revision, change })
  }
}

/** The view after the directives, in their order. */
export const applyDirectives = (view: TenantView, directives: Iterable<Directive>): TenantView => {
  const edit = new Edit(view)
  for (const directive of directives) {
    switch (directive._tag) {
      case "Add":
        edit.add(directive.tenantId)
        break
      case "Remove":
        edit.remove(directive.tenantId, directive.cause)
        break
      case "ChangeConnections":
        edit.changeConnections(directive.tenantId, directive.reason)
        break
      case "Update":
        edit.update(directive.tenantId)
        break
      case "Relist":
      case "Ignore":
        break
    }
  }
  return edit.commit()
}

/** The view after `changes`: `applyChanges(a, TenantView.diff(a, b))` has the tenants of `b`. */
export const applyChanges = (view: TenantView, changes: Iterable<TenantChange>): TenantView => {
  const edit = new Edit(view)
  for (const change of changes) {
    const { id, name } = change.tenant
    switch (change._tag) {
      case "Added":
        edit.add(id, name)
        break
      case "Removed":
        edit.remove(id, change.cause)
        break
      case "ConnectionsChanged":
        edit.changeConnections(id, change.reason)
        break
      case "Updated":
        edit.update(id, name)
        break
    }
  }
  return edit.commit()
}

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

/**
 * The view after a list, as one revision. A list without a name does not take a known name
 * away.
 */
export const applyList = (
  view: TenantView,
  listed: ReadonlyArray<Tenant>,
  { named, select }: ListOptions
): TenantView => {
  const revision = view.revision + 1
  const logged: Array<LoggedChange> = []
  const missing: Array<TenantId> = []
  const merged: Array<Tenant> = []
  let size = 0
  const keep = (tenant: Tenant, changed?: "Added" | "Updated"): void => {
    merged.push(tenant)
    if (changed !== undefined) logged.push({ revision, change: { _tag: changed, tenant } })
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
    logged.push({ revision, change: { _tag: "Removed", tenant, cause: { _tag: "Listing" } } })
  }
  if (logged.length === 0) return view
  const tenants = removed.size === 0 ? merged : merged.filter(({ id }) => !removed.has(id))
  return view.with({ revision, tenants, ids: idsOf(tenants), log: append(view.log, logged) })
}

/** The view with tenants added that are not present; of an ID that occurs twice, the first counts. */
export const addTenants = (view: TenantView, tenants: ReadonlyArray<Tenant>): TenantView =>
  applyList(view, tenants, { named: () => false, select: () => new Set() })
