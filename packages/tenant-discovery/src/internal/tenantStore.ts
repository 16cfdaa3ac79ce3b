/**
 * Where the tenants of a table are: in slots, changed in place, with what it takes to
 * see them as they were.
 *
 * Before a slot is written, what it held goes into the log. A table is a place in the
 * log: what stands behind that is how its slots were. (A chain of moments in place of
 * one log would be collected sooner, but the collector of young objects cannot: what one
 * dead moment of the old generation names, it takes for alive, and so on.) After
 * a thousand writes, or half as many as there are slots, the store is copied and the log
 * begins anew, so the oldest of tables keeps one store and that many writes alive, and for
 * a while the store that went on from there.
 */
import type { Tenant, TenantId } from "../Tenant.js"
import type { IdIndex } from "./idIndex.js"
import { bringUpToDate, type LastIds, presentIds } from "./idList.js"
import { type Note, Slots } from "./slots.js"

/** Where it goes on from a store: an object of its own, to be cut off without holding on to that store. */
interface Onward {
  store: TenantStore | undefined
}

/** Below this many writes a copy is not worth its cost; beyond that many, the log is not worth its room. */
const FEW_WRITES = 1024
const MANY_WRITES = 262_144

export class TenantStore {
  private readonly onward: Onward = { store: undefined }
  /** By which the store before went on to this one. */
  private cameBy: Onward | undefined
  /** The log: which slots were written, oldest first, and what they held before. */
  private readonly writtenSlots: Array<number> = []
  private readonly before = Slots.none()
  /** How many slots it began with. */
  private readonly begun: number
  private lastIds: LastIds | undefined

  constructor(
    /** Shared with the stores copied from this one; only grows. */
    readonly index: IdIndex,
    private readonly slots: Slots,
    /** The revision at which the slots were laid out, and how many were of departed tenants then. */
    public layout: { readonly since: number; readonly departed: number }
  ) {
    this.begun = slots.length
  }

  get length(): number {
    return this.slots.length
  }

  /** The store that went on from here, for as long as none has gone on from that. */
  get successor(): TenantStore | undefined {
    return this.onward.store
  }

  /** A way of more than one store would keep all of them alive for who stands at its beginning. */
  succeededBy(next: TenantStore): void {
    if (this.cameBy !== undefined) this.cameBy.store = undefined
    this.onward.store = next
    next.cameBy = this.onward
  }

  tenantAt(slot: number): Tenant {
    return this.slots.tenantAt(slot) ?? this.nameless(slot)
  }

  sinceAt(slot: number): number {
    return this.slots.sinceAt(slot)
  }

  noteAt(slot: number): Note {
    return this.slots.noteAt(slot)
  }

  isPresent(slot: number): boolean {
    return this.sinceAt(slot) > 0
  }

  wasPresent(place: number): boolean {
    return this.sinceBefore(place) > 0
  }

  /** The place in the log that is now. */
  get now(): number {
    return this.writtenSlots.length
  }

  /** Calls `visit` for each write from `place` on, with the slot and its own place. */
  writtenSince(place: number, visit: (slot: number, place: number) => void): void {
    const { writtenSlots } = this
    for (let at = Math.max(0, place); at < writtenSlots.length; at++) {
      const slot = writtenSlots[at]
      if (slot !== undefined) visit(slot, at)
    }
  }

  /** Calls `visit` for each slot that was written or given since the store began; some more than once. */
  touched(visit: (slot: number) => void): void {
    this.writtenSince(0, visit)
    for (let slot = this.begun; slot < this.length; slot++) visit(slot)
  }

  /** What was written over at a place in the log. */
  tenantBefore(place: number): Tenant {
    const slot = this.writtenSlots[place]
    if (slot === undefined) throw new RangeError(`nothing was written at ${place}`)
    return this.before.tenantAt(place) ?? this.nameless(slot)
  }

  sinceBefore(place: number): number {
    return this.before.sinceAt(place)
  }

  noteBefore(place: number): Note {
    return this.before.noteAt(place)
  }

  append(id: TenantId, tenant: Tenant | undefined, since: number, note: Note): void {
    this.index.append(id)
    this.slots.push(tenant, since, note)
  }

  write(slot: number, tenant: Tenant | undefined, since: number, note: Note): void {
    const { before, slots } = this
    this.writtenSlots.push(slot)
    before.push(slots.tenantAt(slot), slots.sinceAt(slot), slots.noteAt(slot))
    slots.set(slot, tenant, since, note)
  }

  /** Writes what happened to the tenant in a slot, who stays the same. */
  note(slot: number, since: number, note: Note): void {
    this.write(slot, this.slots.tenantAt(slot), since, note)
  }

  /** The store to go on with after a batch of writes: this one, or a copy of it. */
  renewed(): TenantStore {
    const { begun, length, now } = this
    const appended = length - begun
    const enough = Math.min(MANY_WRITES, Math.max(FEW_WRITES, length / 2))
    // Arrays that grew keep room they will never need, which the copies do not have.
    if (now > enough || appended > enough) {
      if (appended > 0) this.index.trim()
      return new TenantStore(this.index, this.slots.copy(), this.layout)
    }
    return this
  }

  /** A store of some of the slots, in their order: the first of them is its first. */
  only(slots: ReadonlyArray<number>, layout: TenantStore["layout"]): TenantStore {
    return new TenantStore(this.index.only(slots), this.slots.only(slots), layout)
  }

  /** IDs of those who are present now, in the order of the slots. */
  collectIds(size: number): ReadonlyArray<TenantId> {
    const { lastIds: last, length, now: place } = this
    const { ids, slots } =
      last && bringUpToDate(this, last) ? last : { ids: presentIds(this, size), slots: undefined }
    this.lastIds = { ids, slots, place, length }
    return ids.slice()
  }

  private nameless(slot: number): Tenant {
    return { id: this.index.idAt(slot), name: undefined }
  }
}
