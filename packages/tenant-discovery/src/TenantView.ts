/**
 * The pure core: which tenants are active, as an immutable value, and the total
 * functions from one such value to the next. Knows no time, no runtime, no I/O.
 */
import type { Tenant, TenantId } from "./Tenant.js"
import type { TenantChange } from "./TenantChange.js"
import type { Directive } from "./TenantEvent.js"
import { diffTables } from "./internal/diff.js"
import { TableEditor } from "./internal/tableEditor.js"
import { emptyTable, type TenantTable } from "./internal/tenantTable.js"

/**
 * How much a view can be trusted to follow events.
 *
 * - `Live`: subscribed, and a list that was asked for after the subscription was
 *   acknowledged has been taken over. Nothing is missing.
 * - `Resyncing`: subscribed; the list that closes the gap is not in yet.
 * - `BootstrapOnly`: not subscribed. Lists alone keep the view.
 * - `SingleTenant`: the tenants were given by the program.
 */
export type DiscoveryMode = "Live" | "Resyncing" | "BootstrapOnly" | "SingleTenant"

/** What an application of a list found. */
export interface ListingOutcome {
  readonly view: TenantView
  /** Tenants present that the list lacks and that no event decided, whether removed or spared. */
  readonly missing: ReadonlyArray<TenantId>
}

export interface ListingOptions {
  /** Tenants that an event told of since the list was asked for: the list has no say in them. */
  readonly decided?: ReadonlySet<TenantId> | undefined
  /**
   * Which of the missing tenants to remove; all of them where there is no judge.
   * `size`: how many of those present the list has a say in, missing or not.
   */
  readonly judge?:
    | ((missing: ReadonlyArray<TenantId>, size: number) => ReadonlyArray<TenantId>)
    | undefined
}

const nobody: ReadonlySet<TenantId> = new Set()

const edit = (editor: TableEditor, directive: Directive): void => {
  switch (directive._tag) {
    case "Add":
      return editor.add(directive.tenantId)
    case "Remove":
      return editor.remove(directive.tenantId, directive.cause)
    case "ChangeConnections":
      return editor.changeConnections(directive.tenantId, directive.reason)
    case "Update":
      return editor.update(directive.tenantId)
    case "Relist":
    case "Ignore":
      return
  }
}

/**
 * The active tenants at one moment. Immutable: one that was handed out never
 * changes. Reading the newest and comparing near relatives is cheap, keeping an
 * old one costs what has changed since.
 */
export class TenantView {
  private constructor(
    private readonly table: TenantTable,
    readonly mode: DiscoveryMode,
    /**
     * The view held all that was true up to this time: milliseconds since the
     * epoch, never later than what a list or a heartbeat proved.
     */
    readonly asOf: number
  ) {}

  /** Counts the transitions; a list counts as one. Two views of one program with the same revision hold the same tenants. */
  get revision(): number {
    return this.table.revision
  }

  /** How many tenants are active. */
  get size(): number {
    return this.table.size
  }

  /** Frozen; the same array for all views of one revision. */
  get ids(): ReadonlyArray<TenantId> {
    return this.table.ids
  }

  /** Frozen, in the order of `ids`. */
  get tenants(): ReadonlyArray<Tenant> {
    return this.table.tenants
  }

  has(id: TenantId): boolean {
    return this.table.has(id)
  }

  get(id: TenantId): Tenant | undefined {
    return this.table.get(id)
  }

  toJSON(): unknown {
    return { revision: this.revision, mode: this.mode, asOf: this.asOf, size: this.size }
  }

  /** Nobody, before anything was listed. */
  static readonly empty: TenantView = new TenantView(emptyTable, "BootstrapOnly", 0)

  /** The same tenants, with another mode or time; the same view where neither differs. */
  static as(view: TenantView, mode: DiscoveryMode, asOf: number): TenantView {
    return view.mode === mode && view.asOf === asOf ? view : new TenantView(view.table, mode, asOf)
  }

  /** The view after `directive`; the same view where it changes nothing. */
  static applyEvent(view: TenantView, directive: Directive): TenantView {
    return TenantView.applyEvents(view, [directive])
  }

  /** `applyEvent` for each in turn, at the cost of one new view. */
  static applyEvents(view: TenantView, directives: Iterable<Directive>): TenantView {
    const editor = new TableEditor(view.table)
    for (const directive of directives) edit(editor, directive)
    return TenantView.commit(view, editor)
  }

  /**
   * The view after a list was taken over. Repeated IDs count once. Where nothing
   * changes, `view` of the outcome is the view that was given.
   */
  static applyListing(
    view: TenantView,
    listed: ReadonlyArray<Tenant>,
    options?: ListingOptions
  ): ListingOutcome {
    const editor = new TableEditor(view.table)
    let missing: ReadonlyArray<TenantId> = []
    editor.list(listed, options?.decided ?? nobody, (absent, size) => {
      missing = absent
      return options?.judge === undefined ? absent : options.judge(absent, size)
    })
    return { view: TenantView.commit(view, editor), missing }
  }

  /**
   * What a reader that saw `from` is told to know `to`, a view that came from it:
   * in the order of the changes, each tenant conflated to what it comes to. A
   * tenant that left and came back is told as both.
   */
  static diff(from: TenantView, to: TenantView): ReadonlyArray<TenantChange> {
    return diffTables(from.table, to.table)
  }

  /** The view with `changes` made to it; `applyChanges(a, diff(a, b))` holds what `b` holds. */
  static applyChanges(view: TenantView, changes: Iterable<TenantChange>): TenantView {
    const editor = new TableEditor(view.table)
    for (const change of changes) {
      const { tenant } = change
      switch (change._tag) {
        case "Added":
          editor.add(tenant.id, tenant.name)
          break
        case "Removed":
          editor.remove(tenant.id, change.cause)
          break
        case "ConnectionsChanged":
          editor.changeConnections(tenant.id, change.reason)
          break
        case "Updated":
          editor.update(tenant.id, tenant.name)
          break
      }
    }
    return TenantView.commit(view, editor)
  }

  private static commit(view: TenantView, editor: TableEditor): TenantView {
    const table = editor.commit()
    return table === view.table ? view : new TenantView(table, view.mode, view.asOf)
  }
}
