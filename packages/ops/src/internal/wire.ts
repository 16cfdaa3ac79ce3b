/** From the reports of the library to the JSON of the endpoints. Times become ISO 8601 strings. */
import type { DiscoveryStatus, TenantReplica, TenantView, TenantWorker } from "tenant-discovery"
import type { HealthCheck, HealthReport, TenantReport } from "tenant-discovery"
import type { TenantRow } from "./tenantRows.js"

/** `null` for what is not known. */
const time = (millis: number | undefined): string | null =>
  millis === undefined || millis === 0 ? null : new Date(millis).toISOString()

const check = ({ reason, since, status }: HealthCheck) => ({ status, reason, since: time(since) })

/** The body of `/readyz`. */
export const healthJson = ({ checks, since, status }: HealthReport) => ({
  status,
  since: time(since),
  checks: {
    redis: check(checks.redis),
    tenant_manager: check(checks.tenant_manager),
    view: check(checks.view),
    workers: check(checks.workers)
  }
})

export const replicaJson = ({ address, since, version }: TenantReplica) => ({
  address,
  version: version ?? null,
  since: time(since)
})

const failure = (last: { readonly at: number; readonly message: string } | undefined) =>
  last === undefined ? null : { at: time(last.at), message: last.message }

const workJson = (work: TenantWorker.TenantWorkStatus) => ({
  state: work.state,
  since: time(work.since),
  restarts: work.restarts,
  lastFailure: failure(work.lastFailure),
  longRunning: work.longRunning,
  waitsForPool: work.waitsForPool ?? null
})

/** The body of `/tenants/:id`. */
export const tenantJson = (report: TenantReport) => ({
  id: report.id,
  name: report.name ?? null,
  active: report.active,
  since: time(report.since),
  lastChange: report.lastChange,
  owner: report.owner === undefined ? null : replicaJson(report.owner),
  ownedByThisReplica: report.ownedByThisReplica,
  connections:
    report.connections === undefined
      ? null
      : {
          loadedAt: time(report.connections.loadedAt),
          stale: report.connections.stale,
          lastFailure: failure(report.connections.lastFailure)
        },
  pools: report.pools.map((pool) => ({
    pool: pool.pool,
    state: pool.state,
    holders: pool.holders,
    lastFailure: failure(pool.lastFailure)
  })),
  workers: Object.fromEntries(
    [...report.workers].map(([name, work]) => [name, workJson(work)] as const)
  )
})

/** What an error of the discovery says to a person. */
export const errorMessage = (error: NonNullable<DiscoveryStatus["lastError"]>): string => {
  switch (error._tag) {
    case "ListFailed":
      return error.error.message
    case "ListIncomplete":
      return error.message
    case "SubscriptionLost":
      return error.cause.message
  }
}

const workerCounts = (tenants: TenantWorker.TenantWorkerStatus) => {
  const counts = {
    Running: 0,
    Waiting: 0,
    BackingOff: 0,
    Draining: 0,
    Ended: 0,
    longRunning: 0,
    waitsForPool: 0
  }
  for (const { longRunning, state, waitsForPool } of tenants.values()) {
    counts[state]++
    if (longRunning) counts.longRunning++
    if (waitsForPool !== undefined) counts.waitsForPool++
  }
  return counts
}

/** The body of `/status`. */
export const statusJson = (parts: {
  readonly status: DiscoveryStatus
  readonly view: TenantView
  readonly health: HealthReport
  readonly workers: ReadonlyMap<string, TenantWorker.TenantWorkerStatus>
  readonly version: string
}) => {
  const { health, status, version, view, workers } = parts
  const { assignment } = health
  return {
    service: status.service,
    mode: status.mode,
    modeSince: time(status.since),
    viewAsOf: time(view.asOf),
    revision: view.revision,
    activeTenants: view.size,
    health: healthJson(health),
    assignment: {
      description: assignment.description,
      ownedTenants: assignment.ownedTenants,
      problem: assignment.problem ?? null,
      members: assignment.members.map(replicaJson)
    },
    lastListedAt: time(status.lastListedAt),
    lastEventAt: time(status.lastEventAt),
    lastError:
      status.lastError === undefined
        ? null
        : {
            at: time(status.lastError.at),
            kind: status.lastError._tag,
            message: errorMessage(status.lastError)
          },
    awaitingRemoval: status.awaitingRemoval,
    workers: Object.fromEntries(
      [...workers].map(([name, tenants]) => [name, workerCounts(tenants)] as const)
    ),
    version
  }
}

/** The body of `/members`. `rows` are the active tenants with their owners. */
export const membersJson = (
  members: ReadonlyArray<TenantReplica>,
  rows: ReadonlyArray<TenantRow>
) => {
  const areOwnersKnown = rows.some(({ owner }) => owner !== null)
  const owned = new Map<string | null, number>()
  for (const { owner } of rows) owned.set(owner, (owned.get(owner) ?? 0) + 1)
  return {
    self: rows.find((row) => row.owned)?.owner ?? null,
    members: members.map((member) => ({
      ...replicaJson(member),
      tenants: areOwnersKnown ? (owned.get(member.address) ?? 0) : null
    }))
  }
}
