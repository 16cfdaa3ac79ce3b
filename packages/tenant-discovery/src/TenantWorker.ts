/**
 * Work for every active tenant.
 */
export { perTenant } from "./internal/worker/perTenant.js"
export { scheduled } from "./internal/worker/scheduled.js"
export {
  defaults,
  type PerTenantOptions,
  type ScheduledOptions
} from "./internal/worker/workerOptions.js"
export {
  status,
  TenantWorkerNotFound,
  type TenantWorkerStatus,
  type TenantWorkFailure,
  type TenantWorkState,
  type TenantWorkStatus
} from "./internal/worker/workerStatus.js"
