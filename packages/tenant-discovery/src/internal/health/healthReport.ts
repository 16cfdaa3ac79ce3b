/** What `TenantHealth` reports. All times are milliseconds since the epoch. */
import { Data } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { RemovalCause } from "../../TenantChange.js"
import type { DiscoveryMode } from "../../TenantView.js"
import type { ChangeSource } from "../view/changeLog.js"
import type { TenantWorkStatus } from "../worker/workerStatus.js"
import type { TenantReplica } from "../assignment/assignmentService.js"

/**
 * - `up`: works as promised.
 * - `degraded`: works with less than it promises, such as without events; a person should look.
 * - `down`: must not be relied on.
 * - `skipped`: not used by this program.
 */
export type HealthStatus = "up" | "degraded" | "down" | "skipped"

export interface HealthCheck {
  readonly status: HealthStatus
  /** Why, in a sentence for a person. It names no secret. */
  readonly reason: string
  /** When the status became this one. */
  readonly since: number
}

/** The health of a program. */
export interface HealthReport {
  /** The worst of the checks; `skipped` in single-tenant mode. */
  readonly status: HealthStatus
  readonly since: number
  readonly checks: {
    /** The subscription to the lifecycle events. */
    readonly redis: HealthCheck
    /** The list of active tenants. */
    readonly tenant_manager: HealthCheck
    /** The age of the view. The only check that can be `down`. */
    readonly view: HealthCheck
    /** Tenants that wait for a pool, or runs that take too long. */
    readonly workers: HealthCheck
  }
  readonly service: string
  readonly mode: DiscoveryMode
  /** When the mode became this one. */
  readonly modeSince: number
  /** The view held everything that was true up to this time; 0 before the first list. */
  readonly viewAsOf: number
  readonly activeTenants: number
  readonly assignment: AssignmentReport
}

/** Which of the active tenants are this replica's. */
export interface AssignmentReport {
  /** The description of the assignment, such as "every tenant". */
  readonly description: string
  /** How many of the active tenants this replica owns. */
  readonly ownedTenants: number
  /** Empty where the replicas are not known. */
  readonly members: ReadonlyArray<TenantReplica>
  /** Why the assignment cannot work as promised at the moment, such as a database that is out of reach. */
  readonly problem: string | undefined
}

/** The source of a tenant's last change. */
export type TenantSource =
  | { readonly _tag: "Added"; readonly by: ChangeSource }
  | { readonly _tag: "Removed"; readonly cause: RemovalCause }

/** The tenant is not active, and this process has not seen it leave, or does not remember it. */
export class TenantNotFound extends Data.TaggedError("TenantNotFound")<{
  readonly tenantId: TenantId
}> {
  override readonly message = `tenant ${this.tenantId} is not active, and was not while this program runs`
}

/** What is known of one tenant. */
export interface TenantReport {
  readonly id: TenantId
  readonly name: string | undefined
  readonly active: boolean
  /** Since when it is active, or not; as this process saw it. */
  readonly since: number
  readonly lastChange: TenantSource
  readonly owner: TenantReplica | undefined
  readonly ownedByThisReplica: boolean
  /** `undefined`: the program reads no connection settings of this tenant. */
  readonly connections: ConnectionsReport | undefined
  readonly pools: ReadonlyArray<PoolReport>
  /** By the worker's name. */
  readonly workers: ReadonlyMap<string, TenantWorkStatus>
}

export interface ConnectionsReport {
  /** When the settings were loaded; `undefined` where no load has succeeded. */
  readonly loadedAt: number | undefined
  /** The settings are older than `ttl`, or an event said that they changed. */
  readonly stale: boolean
  readonly lastFailure: FailureReport | undefined
}

export interface PoolReport {
  /** The ID of the pool's class. */
  readonly pool: string
  readonly state: "Waiting" | "Building" | "Ready" | "Closing" | "Failed"
  /** How many pieces of work hold it. */
  readonly holders: number
  readonly lastFailure: FailureReport | undefined
}

export interface FailureReport {
  readonly at: number
  /** The error's name and message, at most 500 characters. It names no secret. */
  readonly message: string
}
