/**
 * What a pool has of each tenant, and which tenants have a place. Synchronous.
 */
import { type Cause, type Context, Deferred, Effect, type Fiber, FiberId, type Scope } from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"
import type { Connections } from "../../TenantConnections.js"
import type { TenantBuildTimedOut } from "./poolErrors.js"

/** Why the use of a resource ends. */
export type RevokeReason = "Removed" | "Replaced" | "Closed"

/** One use of a resource: ends the use, and returns at once. */
export type Revoke = (reason: RevokeReason) => Effect.Effect<void>

/** What was built for one tenant from one revision of its settings. */
export class Resource<A, E> {
  readonly holders = new Set<Revoke>()
  readonly built = Deferred.unsafeMake<Context.Context<A>, E | TenantBuildTimedOut>(FiberId.none)
  /** At most one `apply` at a time. */
  readonly applying = Effect.unsafeMakeSemaphore(1)
  state: "Building" | "Ready" | "Closing" = "Building"
  /** No new holder: it was replaced, or its tenant was removed. */
  retired: "Replaced" | "Removed" | undefined
  /** Since when nothing holds it, in monotonic milliseconds. */
  idleSince: number | undefined
  build: Fiber.RuntimeFiber<Context.Context<A>, E> | undefined
  /** The fiber that waits for the build, then for the end of its use. */
  timer: Fiber.RuntimeFiber<void> | undefined

  constructor(
    readonly entry: TenantEntry<A, E>,
    readonly tenant: Tenant,
    readonly scope: Scope.CloseableScope,
    /** Replaced where `apply` takes over newer ones in place. */
    public connections: Connections
  ) {}

  get isUsed(): boolean {
    return this.holders.size > 0 && this.state !== "Closing"
  }
}

/** A failed build. Its error is answered to callers with the same settings for a time. */
interface Failure<E> {
  readonly cause: Cause.Cause<E | TenantBuildTimedOut>
  readonly revision: number
  /** In monotonic milliseconds. */
  readonly until: number
}

export class TenantEntry<A, E> {
  current: Resource<A, E> | undefined
  /** Retired or closing. */
  readonly older = new Set<Resource<A, E>>()
  failure: Failure<E> | undefined
  /** Failed builds since the last success: for the backoff. */
  failures = 0
  /** Callers on their way to a resource. */
  callers = 0
  hasPlace = false
  /** Done at the next change of this entry. */
  changed = Deferred.unsafeMake<void>(FiberId.none)

  constructor(readonly id: TenantId) {}

  /** The resource is no longer the current one, until it has closed. */
  moveAside(resource: Resource<A, E>): void {
    if (this.current === resource) this.current = undefined
    this.older.add(resource)
  }

  /** Wakes the callers that wait. */
  wake(): void {
    Deferred.unsafeDone(this.changed, Effect.void)
    this.changed = Deferred.unsafeMake<void>(FiberId.none)
  }

  get resources(): ReadonlyArray<Resource<A, E>> {
    return this.current === undefined ? [...this.older] : [this.current, ...this.older]
  }

  /** One resource closes at a time, and one retired one may be in use beside the current one. */
  get canBuild(): boolean {
    return this.older.size <= 1 && [...this.older].every(({ state }) => state !== "Closing")
  }

  /** Nothing but the end of a close keeps its place. */
  get isFreeing(): boolean {
    return this.callers === 0 && this.resources.every(({ state }) => state === "Closing")
  }
}

/** All tenants that have something. A tenant takes one place, however many of its resources are alive. */
export class TenantEntries<A, E> {
  private readonly entries = new Map<TenantId, TenantEntry<A, E>>()
  private readonly queue = new Set<TenantEntry<A, E>>()
  private taken = 0

  constructor(private readonly capacity: number) {}

  get(id: TenantId): TenantEntry<A, E> | undefined {
    return this.entries.get(id)
  }

  getOrMake(id: TenantId): TenantEntry<A, E> {
    const entry = this.entries.get(id) ?? new TenantEntry<A, E>(id)
    this.entries.set(id, entry)
    return entry
  }

  get resources(): ReadonlyArray<Resource<A, E>> {
    return [...this.entries.values()].flatMap(({ resources }) => resources)
  }

  /** Gives the tenant a place, or a turn in the queue. */
  requestPlace(entry: TenantEntry<A, E>): void {
    if (!entry.hasPlace) this.queue.add(entry)
    this.grant()
  }

  /** The least recently used idle resources, one for each tenant in the queue for which no place is becoming free. */
  idleForQueue(): ReadonlyArray<Resource<A, E>> {
    if (this.queue.size === 0) return []
    const entries = [...this.entries.values()].filter(({ hasPlace }) => hasPlace)
    const wanted = this.queue.size - entries.filter(({ isFreeing }) => isFreeing).length
    return entries
      .flatMap(({ callers, current, older }) =>
        current?.idleSince !== undefined && callers === 0 && older.size === 0 ? [current] : []
      )
      .sort((a, b) => (a.idleSince ?? 0) - (b.idleSince ?? 0))
      .slice(0, Math.max(0, wanted))
  }

  /** Takes note that something of the entry ended; frees its place and forgets it where nothing is left. */
  settle(entry: TenantEntry<A, E>): void {
    entry.wake()
    if (entry.callers > 0 || entry.resources.length > 0) return
    this.queue.delete(entry)
    if (entry.hasPlace) this.taken--
    entry.hasPlace = false
    if (entry.failures === 0) this.entries.delete(entry.id)
    this.grant()
  }

  wakeAll(): void {
    for (const entry of this.entries.values()) entry.wake()
  }

  private grant(): void {
    for (const entry of this.queue) {
      if (this.taken >= this.capacity) return
      this.queue.delete(entry)
      this.taken++
      entry.hasPlace = true
      entry.wake()
    }
  }
}
