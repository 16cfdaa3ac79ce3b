/** The active tenants as the endpoints show them, each with its owner. */
import { Context, Effect } from "effect"
import { type Tenant, TenantAssignment, type TenantAssignmentService } from "tenant-discovery"

/** A tenant in `/tenants` and `/events`. */
export interface TenantRow {
  readonly id: string
  readonly name: string | null
  /** The address of the replica that owns it; `null` where that is not known. */
  readonly owner: string | null
  /** Whether it is this replica's. */
  readonly owned: boolean
}

/** By ID, in the order of the view. */
export type TenantRows = ReadonlyMap<string, TenantRow>

/** Whether the program shares its tenants with other replicas. */
export const isShared = (assignment: TenantAssignmentService): boolean =>
  assignment !== Context.get(Context.empty(), TenantAssignment)

/** The rows of the tenants. */
export const rowsOf = (
  assignment: TenantAssignmentService,
  tenants: ReadonlyArray<Tenant>
): Effect.Effect<ReadonlyArray<TenantRow>> => {
  if (!isShared(assignment)) {
    return Effect.sync(() =>
      tenants.map(({ id, name }) => ({ id, name: name ?? null, owner: null, owned: true }))
    )
  }
  return Effect.flatMap(assignment.view.get, ({ owns }) =>
    Effect.forEach(tenants, ({ id, name }) =>
      Effect.map(assignment.ownerOf(id), (owner) => ({
        id,
        name: name ?? null,
        owner: owner?.address ?? null,
        owned: owns(id)
      }))
    )
  )
}

const isSame = (a: TenantRow, b: TenantRow): boolean =>
  a.name === b.name && a.owner === b.owner && a.owned === b.owned

/** What a reader of some rows gets to know later ones. */
export interface RowChanges {
  readonly added: ReadonlyArray<TenantRow>
  readonly removed: ReadonlyArray<string>
  readonly updated: ReadonlyArray<TenantRow>
}

export const noRowChanges: RowChanges = { added: [], removed: [], updated: [] }

export const diffRows = (from: TenantRows, to: TenantRows): RowChanges => {
  if (from === to) return noRowChanges
  const rows = [...to.values()]
  return {
    added: rows.filter(({ id }) => !from.has(id)),
    removed: [...from.keys()].filter((id) => !to.has(id)),
    updated: rows.filter((row) => {
      const before = from.get(row.id)
      return before !== undefined && !isSame(before, row)
    })
  }
}
