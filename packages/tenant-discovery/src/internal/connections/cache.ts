/**
 * The cached settings of all tenants, and the rules for their use. Synchronous; the caller
 * passes the time.
 */
import { Cause, type Deferred, Either } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantManagerError } from "../../TenantManagerError.js"
import { failureText } from "../failureText.js"
import type { ConnectionsReport, FailureReport } from "../health/healthReport.js"
import type { Moment } from "../moment.js"
import { type Connections, makeConnections } from "./accessors.js"
import type { ConnectionOptions } from "./connectionOptions.js"
import { sameSettings, type TenantSettings } from "./connectionSchema.js"

type Answer = Either.Either<Connections, TenantManagerError>

/**
 * - `Current`: nothing says that they changed.
 * - `Suspect`: an event about them may have been missed. They are an answer only while requests
 *   for new ones fail.
 * - `Outdated`: an event said that they changed. They are never an answer. The next settings are
 *   compared with them.
 */
type Validity = "Current" | "Suspect" | "Outdated"

interface Last {
  readonly connections: Connections
  /** When they were loaded, on the monotonic clock. */
  readonly at: number
  validity: Validity
}

class Entry {
  last: Last | undefined
  failure: { readonly error: TenantManagerError; readonly until: number } | undefined
  /** The failure stays here after a later load succeeds. */
  lastFailure: FailureReport | undefined
  loading: Deferred.Deferred<Connections, TenantManagerError> | undefined
  lastRead = Number.NEGATIVE_INFINITY
  holders = 0
  /** The view's revision for which this tenant has caused a relist. */
  relistedAt: number | undefined
  /** Grows with every change that makes a load in flight out of date. */
  generation = 0
}

/**
 * The tenant manager says that a tenant is not active. The tenant can become active at any time,
 * so this answer is not cached.
 */
export const saysInactive = (error: TenantManagerError): boolean =>
  error._tag === "TenantManagerSuspended" || error._tag === "TenantManagerNotFound"

/** The error concerns the tenant itself, not the availability of the tenant manager. */
const isRefusal = (error: TenantManagerError): boolean =>
  saysInactive(error) || error._tag === "TenantManagerAccessDenied"

export class SettingsCache {
  private readonly entries = new Map<TenantId, Entry>()
  private revisions = 0

  constructor(private readonly settings: ConnectionOptions) {}

  get ids(): ReadonlyArray<TenantId> {
    return [...this.entries.keys()]
  }

  entry(id: TenantId): Entry {
    const entry = this.entries.get(id) ?? new Entry()
    this.entries.set(id, entry)
    return entry
  }

  private isFresh({ at, validity }: Last, now: Moment): boolean {
    return validity === "Current" && now.mono - at < this.settings.ttl
  }

  /** What can be answered without a request; `undefined` where one is needed. */
  peek(id: TenantId, now: Moment): Answer | undefined {
    const entry = this.entry(id)
    entry.lastRead = now.mono
    const { failure, last } = entry
    if (last !== undefined && this.isFresh(last, now)) return Either.right(last.connections)
    return failure !== undefined && now.mono < failure.until
      ? this.afterFailure(id, failure.error, now)
      : undefined
  }

  /** The answer after a failed request: the last settings, marked as stale, or the failure. */
  afterFailure(id: TenantId, error: TenantManagerError, now: Moment): Answer {
    const last = this.entries.get(id)?.last
    const { staleFor, ttl } = this.settings
    return last === undefined ||
      last.validity === "Outdated" ||
      isRefusal(error) ||
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
    const revision = differs ? ++this.revisions : last.connections.revision
    const connections = makeConnections(
      { tenantId: id, settings, revision, loadedAt: now.wall, stale: false },
      this.settings.connectionSettings
    )
    const reloaded = last !== undefined && (differs || last.validity !== "Current")
    entry.loading = undefined
    entry.failure = undefined
    entry.last = { connections, at: now.mono, validity: active ? "Current" : "Outdated" }
    if (!active) this.drop(id)
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
    entry.lastFailure = { at: now.wall, message: failureText(Cause.fail(error)) }
    entry.failure = active && !saysInactive(error) ? { error, until } : undefined
    if (!active) this.drop(id)
  }

  release(id: TenantId): void {
    const entry = this.entry(id)
    entry.holders--
    if (entry.last === undefined || entry.last.validity === "Outdated") this.drop(id)
  }

  /**
   * Makes the settings, and a load in flight, out of date. Returns whether there are settings and
   * they are in use.
   */
  invalidate(id: TenantId, validity: "Suspect" | "Outdated", now: Moment): boolean {
    const entry = this.entries.get(id)
    if (entry === undefined) return false
    entry.generation++
    entry.failure = undefined
    const { last } = entry
    if (last === undefined) return false
    if (last.validity !== "Outdated") last.validity = validity
    return this.isInUse(entry, now)
  }

  /** The tenants in use whose settings are older than half of `interval`. */
  due(interval: number, now: Moment): ReadonlyArray<TenantId> {
    return this.ids.filter((id) => {
      const entry = this.entry(id)
      const at = entry.last?.at ?? Number.POSITIVE_INFINITY
      return now.mono - at >= interval / 2 && this.isInUse(entry, now)
    })
  }

  /** The state of a tenant's settings; `undefined` if nothing requested them. */
  report(id: TenantId, now: Moment): ConnectionsReport | undefined {
    const entry = this.entries.get(id)
    if (entry === undefined) return undefined
    const { last, lastFailure } = entry
    const stale = last !== undefined && !this.isFresh(last, now)
    return { loadedAt: last?.connections.loadedAt, stale, lastFailure }
  }

  /** Forgets settings without a holder: a tenant that comes back with the same ones keeps its revision. */
  drop(id: TenantId): void {
    const entry = this.entries.get(id)
    if (entry === undefined || entry.holders > 0) return
    entry.last = undefined
    if (entry.loading === undefined) this.entries.delete(id)
  }

  private isInUse(entry: Entry, now: Moment): boolean {
    return entry.holders > 0 || now.mono - entry.lastRead < this.settings.inUseFor
  }
}
