/** The IDs of those who are present in a store, as an array. */
import type { TenantId } from "../Tenant.js"
import type { IdIndex } from "./idIndex.js"

/** What is asked of a store. */
export interface Presence {
  readonly index: IdIndex
  readonly length: number
  readonly isPresent: (slot: number) => boolean
  readonly wasPresent: (place: number) => boolean
  /** Calls `visit` for each write from `place` on. */
  readonly writtenSince: (place: number, visit: (slot: number, place: number) => void) => void
}

/** IDs that were read, the place in the log at which they were, and how many slots there were. */
export interface LastIds {
  readonly ids: ReadonlyArray<TenantId>
  readonly place: number
  readonly length: number
}

/** A copy of the index, without those who have left. */
export const presentIds = (store: Presence, size: number): ReadonlyArray<TenantId> => {
  const ids = store.index.toArray()
  if (size === ids.length) return ids
  let kept = 0
  for (let slot = 0; slot < ids.length; slot++) {
    const id = ids[slot]
    if (id !== undefined && store.isPresent(slot)) ids[kept++] = id
  }
  ids.length = kept
  return ids
}

/** The slots that `last` knew and whose tenants have come or left since, in their order. */
const turned = (store: Presence, last: LastIds): ReadonlyArray<number> => {
  const were = new Map<number, boolean>()
  store.writtenSince(last.place, (slot, place) => {
    if (slot < last.length && !were.has(slot)) were.set(slot, store.wasPresent(place))
  })
  const slots: Array<number> = []
  for (const [slot, present] of were) {
    if (store.isPresent(slot) !== present) slots.push(slot)
  }
  return slots.sort((a, b) => a - b)
}

/** Where in `ids`, which are in the order of their slots, the first of `slot` or later stands. */
const position = (store: Presence, ids: ReadonlyArray<TenantId>, slot: number): number => {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const id = ids[middle]
    if (id !== undefined && store.index.slotOf(id) < slot) low = middle + 1
    else high = middle
  }
  return low
}

/** The IDs now, made from the last ones: where few are left of many slots, in a fraction of the time. */
export const nextIds = (store: Presence, last: LastIds): ReadonlyArray<TenantId> => {
  const ids: Array<TenantId> = []
  let from = 0
  for (const slot of turned(store, last)) {
    const to = position(store, last.ids, slot)
    copy(last.ids, from, to, ids)
    from = to
    if (store.isPresent(slot)) ids.push(store.index.idAt(slot))
    else from++
  }
  copy(last.ids, from, last.ids.length, ids)
  for (let slot = last.length; slot < store.length; slot++) {
    if (store.isPresent(slot)) ids.push(store.index.idAt(slot))
  }
  return ids
}

const copy = (
  ids: ReadonlyArray<TenantId>,
  from: number,
  to: number,
  into: Array<TenantId>
): void => {
  for (let i = from; i < to; i++) {
    const id = ids[i]
    if (id !== undefined) into.push(id)
  }
}
