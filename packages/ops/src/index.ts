export * as TenantOps from "./TenantOps.js"
