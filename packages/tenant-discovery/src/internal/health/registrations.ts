/** What pools and connections tell about their tenants, for a report. */
import { makeRegistry } from "../registry.js"
import type { TenantId } from "../../Tenant.js"
import type { ConnectionsReport, PoolReport } from "./healthReport.js"

/** A pool of `TenantLayers`; `undefined` where it has nothing of the tenant. */
export type RegisteredPool = (id: TenantId) => PoolReport | undefined

/** A `TenantConnections`; `undefined` where it has nothing of the tenant. */
export type RegisteredConnections = (id: TenantId) => ConnectionsReport | undefined

export const pools = makeRegistry<RegisteredPool>("tenant-discovery/TenantPools")
export const connections = makeRegistry<RegisteredConnections>("tenant-discovery/Connections")
