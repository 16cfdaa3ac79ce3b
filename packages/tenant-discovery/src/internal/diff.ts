/**
 * What changed from one table to a later one.
 *
 * Only what was written in between is looked at, so the cost follows what changed and not
 * the number of tenants. Of tables that are further apart than a store and the one that went
 * on from it, every tenant is.
 */
import type { TenantId } from "../Tenant.js"
import type { TenantChange } from "../TenantChange.js"
import { causeOf, type Note, pastOf } from "./slots.js"
import type { TenantTable } from "./tenantTable.js"

/** Changes in the order in which they are found; a reader is told in the order of the revisions. */
class Told {
  private readonly changes: Array<TenantChange> = []
  private readonly revisions: Array<number> = []
  private inOrder = true

  push(at: number, change: TenantChange): void {
    if (at < (this.revisions.at(-1) ?? 0)) this.inOrder = false
    this.revisions.push(at)
    this.changes.push(change)
  }

  /** Of one revision as they were found: a removal stays before the return. */
  toArray(): ReadonlyArray<TenantChange> {
    const { changes, revisions } = this
    if (this.inOrder) return changes
    const order = revisions
      .map((_, i) => i)
      .sort((a, b) => (revisions[a] ?? 0) - (revisions[b] ?? 0))
    return order.flatMap((i) => changes[i] ?? [])
  }
}

/** Of a slot of a table; -1 is that of who is in none. */
const sinceAt = (table: TenantTable, slot: number): number => (slot < 0 ? 0 : table.sinceAt(slot))
const noteAt = (table: TenantTable, slot: number): Note =>
  slot < 0 ? undefined : table.noteAt(slot)

/** What a reader that saw the tenant in slot `from` of `a` is told of what is in slot `to` of `b`. */
const compare = (told: Told, a: TenantTable, from: number, b: TenantTable, to: number): void => {
  const before = sinceAt(a, from)
  const after = sinceAt(b, to)
  const note = noteAt(b, to)
  const again = after !== before
  if (before > 0 && again) {
    told.push(after > 0 ? pastOf(note).removedAt : -after, {
      _tag: "Removed",
      tenant: a.tenantAt(from),
      cause: causeOf(note) ?? { _tag: "Forgotten" }
    })
  }
  if (after <= 0) return
  if (again) {
    told.push(after, { _tag: "Added", tenant: b.tenantAt(to) })
    return
  }
  const was = pastOf(noteAt(a, from))
  const { connectionsAt, reason, updatedAt } = pastOf(note)
  if (updatedAt !== was.updatedAt && updatedAt > 0) {
    told.push(updatedAt, { _tag: "Updated", tenant: b.tenantAt(to) })
  }
  if (connectionsAt !== was.connectionsAt && reason !== undefined) {
    told.push(connectionsAt, { _tag: "ConnectionsChanged", tenant: b.tenantAt(to), reason })
  }
}

const compareSlot = (told: Told, a: TenantTable, b: TenantTable, slot: number): void =>
  compare(told, a, slot < a.length ? slot : -1, b, slot)

/** Both of one store: only what was written since the older one can differ. */
const compareWritten = (told: Told, a: TenantTable, b: TenantTable): void => {
  for (const slot of a.writtenSince()) compareSlot(told, a, b, slot)
  for (let slot = a.length; slot < b.length; slot++) compareSlot(told, a, b, slot)
}

const compareTenant = (told: Told, a: TenantTable, b: TenantTable, id: TenantId): void =>
  compare(told, a, a.slotOf(id), b, b.slotOf(id))

/** Of any two stores. */
const compareTenants = (told: Told, a: TenantTable, b: TenantTable): void => {
  a.forEach(({ id }) => compareTenant(told, a, b, id))
  b.forEach(({ id }) => {
    if (!a.has(id)) compareTenant(told, a, b, id)
  })
}

/** Readers that keep up all ask for the same difference: it is looked for once. */
export const diffTables = (a: TenantTable, b: TenantTable): ReadonlyArray<TenantChange> => {
  if (a === b) return []
  const { index } = a.store
  const last = b.lastDiff
  if (last?.index === index && last.revision === a.revision) return last.changes
  const changes = Object.freeze(differences(a, b))
  b.lastDiff = { index, revision: a.revision, changes }
  return changes
}

const differences = (a: TenantTable, b: TenantTable): ReadonlyArray<TenantChange> => {
  const told = new Told()
  const follows = a.revision <= b.revision
  const touched = follows ? a.touchedUntil(b) : undefined
  if (follows && a.store === b.store) compareWritten(told, a, b)
  else if (touched === undefined) compareTenants(told, a, b)
  else for (const id of touched) compareTenant(told, a, b, id)
  return told.toArray()
}
