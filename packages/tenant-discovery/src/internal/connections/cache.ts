/**
 * The cached settings of all tenants, and the rules for their use. Synchronous; the caller
 * passes the time.
 */
import { type Deferred, Either } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import type { TenantManagerError } from "../../TenantManagerError.js"
import type { Moment } from "../moment.js"
import { type Connections, makeConnections } from "./accessors.js"
import { type ConnectionSettings, sameSettings, type TenantSettings } from "./connectionSchema.js"

/** Durations in milliseconds. */
export interface CacheSettings {
  readonly ttl: number
  /** 0: nothing stale is answered. */
  readonly staleFor: number
  readonly failureTtl: number
  readonly inUseFor: number
  readonly defaults: ConnectionSettings | undefined
}

export type Load = Deferred.Deferred<Connections, TenantManagerError>
export type Answer = Either.Either<Connections, TenantManagerError>

/**
 * - `Current`: nothing says that they changed.
 * - `Suspect`: an event about them may have been missed. They answer only while the tenant
 *   manager cannot be asked.
 * - `Outdated`: an event said that they changed. They answer nothing; the next settings are
 *   compared with them.
 */
type Validity = "Current" | "Suspect" | "Outdated"

interface Last {
  readonly connections: Connections
  /** When they were loaded, on the monotonic clock. */
  readonly at: number
  validity: Validity
}

export interface Entry {
  last: Last | undefined
  failure: { readonly error: TenantManagerError; readonly until: number } | undefined
  loading: Load | undefined
  /** Grows with every change that makes a load in flight out of date. */
  generation: number
  lastRead: number
  holders: number
  /** The view's revision for which this tenant has caused a relist. */
  relistedAt: number | undefined
}

/** The answer is about the tenant itself. */
const isRefusal = (error: TenantManagerError): boolean =>
  error._tag === "TenantManagerSuspended" ||
  error._tag === "TenantManagerNotFound" ||
  error._tag === "TenantManagerAccessDenied"

/** The tenant manager says that a tenant is not active. It may end at any moment, so it is not cached. */
export const saysInactive = (error: TenantManagerError): boolean =>
  error._tag === "TenantManagerSuspended" || error._tag === "TenantManagerNotFound"

export class SettingsCache {
  private readonly entries = new Map<TenantId, Entry>()
  private revisions = 0

  constructor(private readonly settings: CacheSettings) {}

  find(id: TenantId): Entry | undefined {
    return this.entries.get(id)
  }

  entry(id: TenantId): Entry {
    const entry: Entry = this.entries.get(id) ?? {
      last: undefined,
      failure: undefined,
      loading: undefined,
      generation: 0,
      lastRead: Number.NEGATIVE_INFINITY,
      holders: 0,
      relistedAt: undefined
    }
    this.entries.set(id, entry)
    return entry
  }

  private isFresh(last: Last, now: Moment): boolean {
    return last.validity === "Current" && now.mono - last.at < this.settings.ttl
  }

  /** What can be answered without a request; `undefined` where one is needed. */
  peek(id: TenantId, now: Moment): Answer | undefined {
    const entry = this.entry(id)
    entry.lastRead = now.mono
    const { failure, last } = entry
    if (last !== undefined && this.isFresh(last, now)) return Either.right(last.connections)
    return failure === undefined || now.mono >= failure.until
      ? undefined
      : this.afterFailure(id, failure.error, now)
  }

  /** The answer after a failed request: the last settings, marked as stale, or the failure. */
  afterFailure(id: TenantId, error: TenantManagerError, now: Moment): Answer {
    const last = this.entries.get(id)?.last
    const { staleFor, ttl } = this.settings
    return last === undefined ||
      last.validity === "Outdated" ||
      isRefusal(error) ||
      staleFor === 0 ||
      now.mono - last.at >= ttl + staleFor
      ? Either.left(error)
      : Either.right({ ...last.connections, stale: true })
  }

  isCurrent(id: TenantId, revision: number): boolean {
    const last = this.entries.get(id)?.last
    return last?.connections.revision === revision && last.validity !== "Outdated"
  }

  /**
   * Takes over loaded settings. They are cached only for an `active` tenant: no event tells
   * when those of another one change.
   */
  loaded(
    id: TenantId,
    settings: TenantSettings,
    active: boolean,
    now: Moment
  ): { readonly connections: Connections; readonly differs: boolean; readonly reloaded: boolean } {
    const entry = this.entry(id)
    const { last } = entry
    const differs = last === undefined || !sameSettings(last.connections.settings, settings)
    const connections = makeConnections({
      tenantId: id,
      settings,
      revision: differs ? ++this.revisions : last.connections.revision,
      loadedAt: now.wall,
      stale: false,
      defaults: this.settings.defaults
    })
    const reloaded = last !== undefined && (differs || last.validity !== "Current")
    entry.loading = undefined
    entry.failure = undefined
    entry.last = { connections, at: now.mono, validity: active ? "Current" : "Outdated" }
    if (!active) this.drop(id, entry)
    return { connections, differs, reloaded }
  }

  /** Settings that are still fresh outlive a failed load. */
  loadFailed(id: TenantId, error: TenantManagerError, active: boolean, now: Moment): void {
    const entry = this.entry(id)
    entry.loading = undefined
    if (isRefusal(error) && entry.last !== undefined && !this.isFresh(entry.last, now)) {
      entry.last.validity = "Outdated"
    }
    const until = now.mono + this.settings.failureTtl
    entry.failure = active && !saysInactive(error) ? { error, until } : undefined
    if (!active) this.drop(id, entry)
  }

  /** Ends all; returns the loads that nothing else ends. */
  close(): ReadonlyArray<Load> {
    const loads = [...this.entries.values()].flatMap(({ loading }) => loading ?? [])
    this.entries.clear()
    return loads
  }

  release(id: TenantId): void {
    const entry = this.entries.get(id)
    if (entry === undefined) return
    entry.holders--
    if (entry.last === undefined || entry.last.validity === "Outdated") this.drop(id, entry)
  }

  /** Applies changes. Returns the tenants to reload: those in use. */
  changed(changes: ReadonlyArray<TenantChange>, now: Moment): ReadonlyArray<TenantId> {
    const reload: Array<TenantId> = []
    for (const { _tag, tenant } of changes) {
      const entry = this.entries.get(tenant.id)
      if (entry === undefined) continue
      entry.generation++
      entry.failure = undefined
      if (entry.last !== undefined) {
        if (_tag !== "Updated") entry.last.validity = "Outdated"
        else if (entry.last.validity === "Current") entry.last.validity = "Suspect"
      }
      // Settings with a holder stay: a tenant that comes back with the same ones keeps its revision.
      if (_tag === "Removed") this.drop(tenant.id, entry)
      else if (entry.last !== undefined && this.isInUse(entry, now)) reload.push(tenant.id)
    }
    return reload
  }

  /** Events may have been missed: suspects what is in use and drops the rest. Returns the former. */
  suspectAll(now: Moment): ReadonlyArray<TenantId> {
    const reload: Array<TenantId> = []
    for (const [id, entry] of this.entries) {
      entry.generation++
      entry.failure = undefined
      if (entry.last === undefined) continue
      if (!this.isInUse(entry, now)) this.drop(id, entry)
      else {
        if (entry.last.validity === "Current") entry.last.validity = "Suspect"
        reload.push(id)
      }
    }
    return reload
  }

  /** The tenants in use whose settings are older than half of `interval`. */
  due(interval: number, now: Moment): ReadonlyArray<TenantId> {
    return [...this.entries].flatMap(([id, entry]) =>
      entry.last !== undefined &&
      now.mono - entry.last.at >= interval / 2 &&
      this.isInUse(entry, now)
        ? [id]
        : []
    )
  }

  private isInUse(entry: Entry, now: Moment): boolean {
    return entry.holders > 0 || now.mono - entry.lastRead < this.settings.inUseFor
  }

  /** Forgets settings without a holder. */
  private drop(id: TenantId, entry: Entry): void {
    if (entry.holders > 0) return
    entry.last = undefined
    if (entry.loading === undefined) this.entries.delete(id)
  }
}
