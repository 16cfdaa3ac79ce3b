/** The difference of two views, as a reader of changes gets it. */
import type { Tenant, TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import { type ChangeLog, changesAfter, type LoggedChange } from "./changeLog.js"
import { find, merge, type Tenants } from "./tenants.js"

/** What a comparison needs of a view. */
export interface Snapshot {
  readonly revision: number
  readonly tenants: Tenants
  readonly log: ChangeLog
}

/** The last change of each kind of one tenant, by its place in the log. */
type LastChanges = { [Tag in TenantChange["_tag"]]?: number }

/**
 * The changes that lead from `from` to `to`. Where the log of `to` reaches back to `from`, they
 * come in the order of the log, with their causes, conflated: a tenant that left and came back
 * is `Removed`, then `Added`. Otherwise the two collections are compared, in the order of the
 * IDs, and a removal has the cause `Forgotten`. No `ConnectionsChanged` is lost either way.
 */
export const diff = (from: Snapshot, to: Snapshot): ReadonlyArray<TenantChange> => {
  const comparable = from.log.origin === to.log.origin && from.revision <= to.revision
  const logged = comparable ? changesAfter(to.log, from.revision) : undefined
  if (logged !== undefined) return conflated(from, to, logged)
  // Which tenants' connections changed is no longer known: those of all that stayed may have.
  return compared(from, to, comparable && from.revision < to.log.connectionsChangedAt)
}

const compared = (
  from: Snapshot,
  to: Snapshot,
  connectionsChanged: boolean
): ReadonlyArray<TenantChange> => {
  const changes: Array<TenantChange> = []
  merge(from.tenants, to.tenants, (before, after) => {
    // No change removes a name. So a tenant whose name is gone was removed and added again.
    const stayed = before?.name === undefined || after?.name !== undefined
    if (before !== undefined && (after === undefined || !stayed)) {
      changes.push({ _tag: "Removed", tenant: before, cause: { _tag: "Forgotten" } })
    }
    if (after === undefined) return
    if (before === undefined || !stayed) {
      changes.push({ _tag: "Added", tenant: after })
      return
    }
    if (before.name !== after.name) changes.push({ _tag: "Updated", tenant: after })
    if (!connectionsChanged) return
    changes.push({ _tag: "ConnectionsChanged", tenant: after, reason: "CacheInvalidated" })
  })
  return changes
}

const conflated = (
  from: Snapshot,
  to: Snapshot,
  logged: ReadonlyArray<LoggedChange>
): ReadonlyArray<TenantChange> => {
  const last = new Map<TenantId, LastChanges>()
  logged.forEach(({ change }, at) => {
    const known = last.get(change.tenant.id)
    if (known === undefined) last.set(change.tenant.id, { [change._tag]: at })
    else known[change._tag] = at
  })
  const kept: Array<number> = []
  const keep = (...places: ReadonlyArray<number | undefined>): void => {
    for (const place of places) if (place !== undefined) kept.push(place)
  }
  for (const [id, { Added, ConnectionsChanged, Removed, Updated }] of last) {
    const wasThere = find(from.tenants, id) !== undefined
    const isThere = find(to.tenants, id) !== undefined
    if (wasThere && isThere && Removed === undefined) keep(Updated, ConnectionsChanged)
    else keep(wasThere ? Removed : undefined, isThere ? Added : undefined)
  }
  kept.sort((a, b) => a - b)
  return kept.flatMap((at) => {
    const change = logged[at]?.change
    return change === undefined ? [] : [asSeen(change, from, to)]
  })
}

/** A removal names the tenant as the reader knew it; anything else as it is now. */
const asSeen = (change: TenantChange, from: Snapshot, to: Snapshot): TenantChange => {
  const { tenants } = change._tag === "Removed" ? from : to
  const tenant: Tenant = find(tenants, change.tenant.id) ?? change.tenant
  return tenant === change.tenant ? change : { ...change, tenant }
}
