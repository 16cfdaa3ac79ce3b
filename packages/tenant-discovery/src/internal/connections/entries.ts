/**
 * What is kept of each tenant's settings, and the rules for it. Synchronous and
 * without time of its own: every step is told what time it is.
 */
import type { Deferred } from "effect"
import type { Tenant, TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import type { TenantManagerError } from "../../TenantManagerError.js"
import { type Connections, makeConnections } from "./Connections.js"
import { type ConnectionSettings, sameSettings, type TenantSettings } from "./schema.js"

/** In monotonic milliseconds, but for `wall`: milliseconds since the epoch. */
export interface Now {
  readonly mono: number
  readonly wall: number
}

export interface EntriesSettings {
  readonly ttl: number
  readonly staleWhileError: boolean
  readonly failureTtl: number
  readonly inUseFor: number
  readonly defaults: ConnectionSettings | undefined
}

export type Load = Deferred.Deferred<Connections, TenantManagerError>

interface Kept {
  readonly connections: Connections
  /** The same settings, marked stale. Made on demand, once. */
  marked: Connections | undefined
  readonly at: number
  /** An event about them may have been missed: they are asked for again before they are given out. */
  suspect: boolean
}

interface Entry {
  kept: Kept | undefined
  /** What was kept before an event said it is out of date: only to count it as replaced. */
  evicted: boolean
  failure: { readonly error: TenantManagerError; readonly until: number } | undefined
  loading: Load | undefined
  /** Raised by all that makes a load under way out of date. */
  generation: number
  lastRead: number
  holders: number
}

/** Whether this answer speaks about the tenant itself: what was known of it holds no longer. */
const isRefusal = (error: TenantManagerError): boolean =>
  error._tag === "TenantManagerSuspended" ||
  error._tag === "TenantManagerNotFound" ||
  error._tag === "TenantManagerAccessDenied"

/** Suspended and not-found may end at any moment, and nothing tells that they did. */
const isRemembered = (error: TenantManagerError): boolean =>
  error._tag !== "TenantManagerSuspended" && error._tag !== "TenantManagerNotFound"

export interface Committed {
  readonly connections: Connections
  /** They took the place of settings that were there before. */
  readonly reloaded: boolean
}

export class Entries {
  private readonly entries = new Map<TenantId, Entry>()
  private revisions = 0

  constructor(private readonly settings: EntriesSettings) {}

  get size(): number {
    return this.entries.size
  }

  private entry(id: TenantId): Entry {
    const known = this.entries.get(id)
    if (known !== undefined) return known
    const entry: Entry = {
      kept: undefined,
      evicted: false,
      failure: undefined,
      loading: undefined,
      generation: 0,
      lastRead: Number.NEGATIVE_INFINITY,
      holders: 0
    }
    this.entries.set(id, entry)
    return entry
  }

  /** What can be answered without asking; `undefined` where it has to be asked. */
  peek(
    id: TenantId,
    now: Now
  ): { readonly ok: Connections } | { readonly failed: TenantManagerError } | undefined {
    const entry = this.entry(id)
    entry.lastRead = now.mono
    const { failure, kept } = entry
    if (kept !== undefined && !kept.suspect && now.mono - kept.at < this.settings.ttl) {
      return { ok: kept.connections }
    }
    if (failure === undefined || now.mono >= failure.until) return undefined
    const fallback = this.fallback(id, failure.error, now)
    return fallback === undefined ? { failed: failure.error } : { ok: fallback }
  }

  /** What may still be given out where asking failed: marked as stale, for twice its time at most. */
  fallback(id: TenantId, error: TenantManagerError, now: Now): Connections | undefined {
    const kept = this.entries.get(id)?.kept
    if (kept === undefined || !this.settings.staleWhileError || isRefusal(error)) return undefined
    if (now.mono - kept.at >= 2 * this.settings.ttl) return undefined
    kept.marked ??= makeConnections({
      ...kept.connections,
      stale: true,
      defaults: this.settings.defaults
    })
    return kept.marked
  }

  isCurrent(id: TenantId, revision: number): boolean {
    return this.entries.get(id)?.kept?.connections.revision === revision
  }

  loading(id: TenantId): Load | undefined {
    return this.entries.get(id)?.loading
  }

  loadStarted(id: TenantId, load: Load): void {
    this.entry(id).loading = load
  }

  generation(id: TenantId): number {
    return this.entry(id).generation
  }

  /** The settings are in. They are kept where the tenant is `active`: only then an event would tell that they changed. */
  loaded(id: TenantId, settings: TenantSettings, active: boolean, now: Now): Committed {
    const entry = this.entry(id)
    const before = entry.kept
    const same = before !== undefined && sameSettings(before.connections.settings, settings)
    const connections = makeConnections({
      tenantId: id,
      settings,
      revision: same ? before.connections.revision : ++this.revisions,
      loadedAt: now.wall,
      stale: false,
      defaults: this.settings.defaults
    })
    const reloaded = before !== undefined || entry.evicted
    entry.loading = undefined
    entry.failure = undefined
    entry.evicted = false
    entry.kept = { connections, marked: undefined, at: now.mono, suspect: false }
    if (!active) {
      entry.kept = undefined
      this.forgetUnused(id, entry)
    }
    return { connections, reloaded }
  }

  loadFailed(id: TenantId, error: TenantManagerError, active: boolean, now: Now): void {
    const entry = this.entry(id)
    entry.loading = undefined
    if (isRefusal(error) && entry.kept !== undefined) {
      entry.kept = undefined
      entry.evicted = true
    }
    entry.failure =
      isRemembered(error) && this.settings.failureTtl > 0
        ? { error, until: now.mono + this.settings.failureTtl }
        : undefined
    if (!active) {
      entry.failure = undefined
      this.forgetUnused(id, entry)
    }
  }

  /** However it ended: another one may begin. */
  loadEnded(id: TenantId, load: Load): void {
    const entry = this.entries.get(id)
    if (entry?.loading === load) entry.loading = undefined
  }

  /** A load that will never end otherwise: the service closes. */
  takeLoads(): ReadonlyArray<Load> {
    const loads: Array<Load> = []
    for (const { loading } of this.entries.values()) if (loading !== undefined) loads.push(loading)
    this.entries.clear()
    return loads
  }

  hold(id: TenantId): void {
    this.entry(id).holders++
  }

  letGo(id: TenantId): void {
    const entry = this.entries.get(id)
    if (entry === undefined) return
    entry.holders--
    if (entry.kept === undefined && !entry.evicted) this.forgetUnused(id, entry)
  }

  /** Applies what the discovery told. Returns the tenants whose settings are to be loaded again though nobody asks. */
  changed(changes: ReadonlyArray<TenantChange>, now: Now): ReadonlyArray<Tenant> {
    const eager: Array<Tenant> = []
    for (const { _tag, tenant } of changes) {
      const entry = this.entries.get(tenant.id)
      if (entry === undefined) continue
      entry.generation++
      entry.failure = undefined
      if (_tag === "Added" || _tag === "Removed") {
        entry.kept = undefined
        entry.evicted = false
        if (_tag === "Removed") this.forgetUnused(tenant.id, entry)
        continue
      }
      const had = entry.kept !== undefined
      if (_tag === "ConnectionsChanged") {
        entry.evicted ||= had
        entry.kept = undefined
      } else if (entry.kept !== undefined) {
        entry.kept.suspect = true
      }
      if (had && this.isInUse(entry, now)) eager.push(tenant)
    }
    return eager
  }

  /** An event may have been missed: what is in use is asked for again, the rest is dropped. Returns the former. */
  distrust(now: Now): ReadonlyArray<TenantId> {
    const eager: Array<TenantId> = []
    for (const [id, entry] of this.entries) {
      entry.generation++
      entry.failure = undefined
      if (entry.kept === undefined) continue
      if (this.isInUse(entry, now)) {
        entry.kept.suspect = true
        eager.push(id)
      } else {
        entry.kept = undefined
        this.forgetUnused(id, entry)
      }
    }
    return eager
  }

  /** Whether settings that were once there are out of date and not yet replaced. */
  wantsReload(id: TenantId): boolean {
    const entry = this.entries.get(id)
    return entry !== undefined && (entry.evicted || entry.kept?.suspect === true)
  }

  private isInUse(entry: Entry, now: Now): boolean {
    return entry.holders > 0 || now.mono - entry.lastRead < this.settings.inUseFor
  }

  private forgetUnused(id: TenantId, entry: Entry): void {
    if (entry.holders === 0 && entry.loading === undefined) this.entries.delete(id)
  }
}
