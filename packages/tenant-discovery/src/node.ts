/**
 * Everything wired for Node.
 */
export * as NodeTenantDiscovery from "./NodeTenantDiscovery.js"
