/**
 * The persistent table under a view: tenants in slots, in chunks that are copied
 * when they are written.
 *
 * - A tenant keeps its slot when it leaves (the slot then tells why) and when it
 *   comes back, so two tables of one layout are compared chunk by chunk: what they
 *   share is skipped.
 * - The index from ID to slot is shared by all tables of a layout and only grows;
 *   a table sees the part below its `length`. So it is never copied, and no table
 *   changes when a later one is written.
 * - When more tenants have left since the last layout than are present, the table
 *   is laid out anew. Those that left since then keep their slots, so that a reader
 *   who is not that far behind still learns why.
 *
 * An effect HashMap in its place costs 4 to 6 us an update and 200 bytes a tenant;
 * a Map copied a batch costs 31 ms at 100 000 tenants.
 */
import type { Tenant, TenantId } from "../Tenant.js"
import type { RemovalCause } from "../TenantChange.js"
import type { ConnectionsReason } from "../TenantEvent.js"

/** A chunk is what one change copies, and what a comparison skips or reads as a whole. */
export const CHUNK = 512

/**
 * What happened to a tenant, by the revisions at which it did. Shared by all
 * tenants that came in one list, so it costs a tenant one pointer.
 */
export interface History {
  readonly addedAt: number
  readonly connections: { readonly at: number; readonly reason: ConnectionsReason } | undefined
  readonly updatedAt: number | undefined
  /** The last removal: of a tenant that is present, the one before it came back. */
  readonly removal: { readonly at: number; readonly cause: RemovalCause } | undefined
  readonly present: boolean
}

export interface Chunk {
  readonly tenants: Array<Tenant>
  readonly histories: Array<History>
}

export interface Layout {
  readonly slots: Map<TenantId, number>
  /** The revision at which this layout was made. */
  readonly since: number
  /** How many of its slots were of departed tenants then. */
  readonly departed: number
}

export class TenantTable {
  private memoIds: ReadonlyArray<TenantId> | undefined
  private memoTenants: ReadonlyArray<Tenant> | undefined

  constructor(
    readonly layout: Layout,
    readonly chunks: ReadonlyArray<Chunk>,
    readonly length: number,
    readonly size: number,
    readonly revision: number
  ) {}

  /** The slot of a tenant that is present, or was; -1 where there is none. */
  slotOf(id: TenantId): number {
    const slot = this.layout.slots.get(id)
    return slot === undefined || slot >= this.length ? -1 : slot
  }

  tenantAt(slot: number): Tenant | undefined {
    return this.chunks[Math.floor(slot / CHUNK)]?.tenants[slot % CHUNK]
  }

  historyAt(slot: number): History | undefined {
    return this.chunks[Math.floor(slot / CHUNK)]?.histories[slot % CHUNK]
  }

  has(id: TenantId): boolean {
    const slot = this.slotOf(id)
    return slot >= 0 && this.historyAt(slot)?.present === true
  }

  get(id: TenantId): Tenant | undefined {
    const slot = this.slotOf(id)
    return slot >= 0 && this.historyAt(slot)?.present === true ? this.tenantAt(slot) : undefined
  }

  /** IDs of those present, made at the first call and the same array from then on. */
  get ids(): ReadonlyArray<TenantId> {
    return (this.memoIds ??= Object.freeze(this.collect((tenant) => tenant.id)))
  }

  get tenants(): ReadonlyArray<Tenant> {
    return (this.memoTenants ??= Object.freeze(this.collect((tenant) => tenant)))
  }

  /** Calls `visit` with each tenant that is present, in the order of the slots. */
  forEach(visit: (tenant: Tenant, history: History) => void): void {
    for (const { tenants, histories } of this.chunks) {
      for (let i = 0; i < tenants.length; i++) {
        const tenant = tenants[i]
        const history = histories[i]
        if (tenant !== undefined && history?.present === true) visit(tenant, history)
      }
    }
  }

  private collect<A>(pick: (tenant: Tenant) => A): Array<A> {
    const all: Array<A> = []
    this.forEach((tenant) => {
      all.push(pick(tenant))
    })
    return all
  }
}

export const emptyTable = new TenantTable({ slots: new Map(), since: 0, departed: 0 }, [], 0, 0, 0)
