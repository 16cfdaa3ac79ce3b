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
import type { RemovalCause } from "../TenantChange.js"
import type { ConnectionsReason } from "../TenantEvent.js"
import type { IdIndex } from "./idIndex.js"
import { bringUpToDate, type LastIds, presentIds } from "./idList.js"

/**
 * What happened to a tenant, by the revisions at which it did; 0 where it did not. Shared
 * by all tenants that came in one list, so it costs a tenant one pointer.
 */
export interface History {
  readonly present: boolean
  readonly addedAt: number
  /** The last removal: of a tenant that is present, the one before it came back. */
  readonly removedAt: number
  readonly cause: RemovalCause | undefined
  readonly connectionsAt: number
  readonly reason: ConnectionsReason | undefined
  readonly updatedAt: number
}

/** What slots held before they were written, oldest first: in three arrays, an object each less. */
class Log {
  readonly slots: Array<number> = []
  readonly tenants: Array<Tenant> = []
  readonly histories: Array<History> = []
}

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
  private readonly log = new Log()
  /** How many slots it began with. */
  private readonly begun: number
  private lastIds: LastIds | undefined

  constructor(
    /** Shared with the stores copied from this one; only grows. */
    readonly index: IdIndex,
    private readonly tenants: Array<Tenant>,
    private readonly histories: Array<History>,
    /** The revision at which the slots were laid out, and how many were of departed tenants then. */
    public layout: { readonly since: number; readonly departed: number }
  ) {
    this.begun = tenants.length
  }

  get length(): number {
    return this.tenants.length
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
    const tenant = this.tenants[slot]
    if (tenant === undefined) throw new RangeError(`no tenant in slot ${slot} of ${this.length}`)
    return tenant
  }

  historyAt(slot: number): History {
    const history = this.histories[slot]
    if (history === undefined) throw new RangeError(`no history in slot ${slot} of ${this.length}`)
    return history
  }

  isPresent(slot: number): boolean {
    return this.historyAt(slot).present
  }

  wasPresent(place: number): boolean {
    return this.historyBefore(place).present
  }

  /** The place in the log that is now. */
  get now(): number {
    return this.log.slots.length
  }

  /** Calls `visit` for each write from `place` on, with the slot and its own place. */
  writtenSince(place: number, visit: (slot: number, place: number) => void): void {
    const { slots } = this.log
    for (let at = Math.max(0, place); at < slots.length; at++) {
      const slot = slots[at]
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
    const tenant = this.log.tenants[place]
    if (tenant === undefined) throw new RangeError(`nothing was written at ${place}`)
    return tenant
  }

  historyBefore(place: number): History {
    const history = this.log.histories[place]
    if (history === undefined) throw new RangeError(`nothing was written at ${place}`)
    return history
  }

  append(tenant: Tenant, history: History): void {
    this.index.append(tenant.id)
    this.tenants.push(tenant)
    this.histories.push(history)
  }

  write(slot: number, tenant: Tenant, history: History): void {
    const { log } = this
    log.slots.push(slot)
    log.tenants.push(this.tenantAt(slot))
    log.histories.push(this.historyAt(slot))
    this.tenants[slot] = tenant
    this.histories[slot] = history
  }

  /** The store to go on with after a batch of writes: this one, or a copy of it. */
  renewed(): TenantStore {
    const { begun, length, now } = this
    const appended = length - begun
    const enough = Math.min(MANY_WRITES, Math.max(FEW_WRITES, length / 2))
    // Arrays that grew keep room they will never need, which the copies do not have.
    if (now > enough || appended > enough) {
      if (appended > 0) this.index.trim()
      return new TenantStore(this.index, this.tenants.slice(), this.histories.slice(), this.layout)
    }
    return this
  }

  /** IDs of those who are present now, in the order of the slots. */
  collectIds(size: number): ReadonlyArray<TenantId> {
    const { lastIds: last, length, now: place } = this
    const { ids, slots } =
      last && bringUpToDate(this, last) ? last : { ids: presentIds(this, size), slots: undefined }
    this.lastIds = { ids, slots, place, length }
    return ids.slice()
  }
}
