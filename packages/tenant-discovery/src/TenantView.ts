/**
 * The active tenants at one moment, as an immutable value.
 */
import { type ChangeLog, emptyLog } from "./internal/view/changeLog.js"
import { diff } from "./internal/view/diff.js"
import { find, type Tenants } from "./internal/view/tenants.js"
import type { Tenant, TenantId } from "./Tenant.js"
import type { TenantChange } from "./TenantChange.js"

/**
 * How the view is kept up to date.
 *
 * - `Live`: subscribed to events, and a list that began after the subscription was
 *   acknowledged is applied. Nothing is missing.
 * - `Resyncing`: subscribed; the list that closes the gap is not applied yet.
 * - `BootstrapOnly`: not subscribed. Only lists keep the view up to date.
 * - `SingleTenant`: the program gave the tenants.
 */
export type DiscoveryMode = "Live" | "Resyncing" | "BootstrapOnly" | "SingleTenant"

interface Fields {
  readonly revision: number
  readonly mode: DiscoveryMode
  readonly asOf: number
  readonly tenants: Tenants
  /** The IDs of `tenants`, in the same order. */
  readonly ids: ReadonlyArray<TenantId>
  readonly log: ChangeLog
}

/**
 * The active tenants at one moment. Immutable: a view never changes after it was read.
 * Reading and looking up copy nothing.
 */
export class TenantView {
  private constructor(private readonly fields: Fields) {}

  /** Counts the transitions; a list counts as one. The same revision has the same tenants. */
  get revision(): number {
    return this.fields.revision
  }

  get mode(): DiscoveryMode {
    return this.fields.mode
  }

  /**
   * The view held everything that was true up to this time: milliseconds since the epoch, as a
   * list or an answered heartbeat proved. 0 before the first list.
   */
  get asOf(): number {
    return this.fields.asOf
  }

  /** How many tenants are active. */
  get size(): number {
    return this.fields.tenants.length
  }

  /** The active tenants, sorted by ID. Frozen; the same array for all views of a revision. */
  get tenants(): ReadonlyArray<Tenant> {
    return this.fields.tenants
  }

  /** The IDs in the order of `tenants`. Frozen; the same array for all views of a revision. */
  get ids(): ReadonlyArray<TenantId> {
    return this.fields.ids
  }

  /** Whether the tenant is active. */
  has(id: TenantId): boolean {
    return find(this.fields.tenants, id) !== undefined
  }

  /** The tenant, if it is active. */
  get(id: TenantId): Tenant | undefined {
    return find(this.fields.tenants, id)
  }

  toJSON(): unknown {
    return { revision: this.revision, mode: this.mode, asOf: this.asOf, size: this.size }
  }

  /** @internal */
  get log(): ChangeLog {
    return this.fields.log
  }

  /** @internal */
  with(fields: Partial<Fields>): TenantView {
    const { asOf, ids, mode, revision, tenants } = fields
    if (
      (revision === undefined || revision === this.revision) &&
      (mode === undefined || mode === this.mode) &&
      (asOf === undefined || asOf === this.asOf)
    ) {
      return this
    }
    Object.freeze(ids)
    Object.freeze(tenants)
    return new TenantView({ ...this.fields, ...fields })
  }

  /** @internal A view without tenants, with a history of its own. */
  static make(): TenantView {
    return new TenantView({
      revision: 0,
      mode: "BootstrapOnly",
      asOf: 0,
      tenants: Object.freeze([]),
      ids: Object.freeze([]),
      log: emptyLog()
    })
  }

  /** No tenant, before anything was listed. */
  static readonly empty: TenantView = TenantView.make()

  /**
   * The changes that a reader of `from` gets to know `to`, a later view of the same
   * discovery: in the order in which they happened, conflated to at most two a tenant. A
   * tenant that left and came back is `Removed`, then `Added`. The cause of a removal is
   * `Forgotten` where `from` is more than 4096 changes old, or a view of another discovery. A
   * `ConnectionsChanged` is never lost: where the log may have dropped one, every tenant that
   * stayed gets one.
   *
   * @example
   * // Follow a view without missing a change:
   * Stream.mapAccum(discovery.view.changes, TenantView.empty, (seen, view) =>
   *   [view, TenantView.diff(seen, view)])
   */
  static diff(from: TenantView, to: TenantView): ReadonlyArray<TenantChange> {
    return from.log === to.log ? [] : diff(from, to)
  }
}
