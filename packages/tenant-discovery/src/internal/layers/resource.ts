import type { Cause, Context, Deferred, Effect, Scope } from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"

/** One use of a resource. */
export interface Holder {
  /** Ends the use: its tenant is gone and its time is over. */
  readonly revoke: Effect.Effect<void>
}

/** What was built for one tenant from one revision of its settings. */
export class Resource<A, E> {
  readonly holders = new Set<Holder>()
  /** Since when nobody has held it, in monotonic milliseconds. */
  idleSince: number | undefined
  /** No new holder: other settings took its place, or its tenant is gone. */
  retired: "Replaced" | "Removed" | undefined
  closing = false

  constructor(
    readonly tenant: Tenant,
    readonly revision: number,
    readonly scope: Scope.CloseableScope,
    readonly built: Deferred.Deferred<Context.Context<A>, E>
  ) {}
}

/** A build that failed, and until when the next one waits. */
export interface Failure<E> {
  readonly cause: Cause.Cause<E>
  readonly count: number
  readonly until: number
}

/** What there is of one tenant. */
export interface Entry<A, E> {
  current: Resource<A, E> | undefined
  readonly retired: Set<Resource<A, E>>
  failure: Failure<E> | undefined
}

/** All tenants that have something, resources and failures. */
export class Table<A, E> {
  private readonly entries = new Map<TenantId, Entry<A, E>>()

  get(id: TenantId): Entry<A, E> | undefined {
    return this.entries.get(id)
  }

  getOrMake(id: TenantId): Entry<A, E> {
    const known = this.entries.get(id)
    if (known !== undefined) return known
    const entry: Entry<A, E> = { current: undefined, retired: new Set(), failure: undefined }
    this.entries.set(id, entry)
    return entry
  }

  /** Takes the resource out, wherever it stands. */
  detach(resource: Resource<A, E>): void {
    const { id } = resource.tenant
    const entry = this.entries.get(id)
    if (entry === undefined) return
    entry.retired.delete(resource)
    if (entry.current === resource) entry.current = undefined
    this.prune(id)
  }

  /** Forgets the tenant where nothing is left of it. */
  prune(id: TenantId): void {
    const entry = this.entries.get(id)
    if (entry === undefined) return
    if (entry.current !== undefined || entry.retired.size > 0) return
    if (entry.failure === undefined) this.entries.delete(id)
  }

  all(): ReadonlyArray<Resource<A, E>> {
    return [...this.entries.values()].flatMap(({ current, retired }) =>
      current === undefined ? [...retired] : [current, ...retired]
    )
  }

  /** The one that nobody has held for the longest time. */
  leastRecentlyUsed(): Resource<A, E> | undefined {
    let found: Resource<A, E> | undefined
    for (const { current } of this.entries.values()) {
      if (current?.idleSince === undefined) continue
      if (found?.idleSince === undefined || current.idleSince < found.idleSince) found = current
    }
    return found
  }
}
