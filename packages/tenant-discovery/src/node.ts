/**
 * Everything wired for Node.
 *
 * @module tenant-discovery/node
 */
export * as NodeTenantDiscovery from "./NodeTenantDiscovery.js"
