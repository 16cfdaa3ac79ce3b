/**
 * Doubles for specs. `TestTenantDiscovery` takes the place of the discovery;
 * `TestTenantEvents` and `TestTenantManager` take the place of its two edges, with
 * their faults, and drive the real one. They need no runner, no Node and no server,
 * and follow the clock that is provided: `TestClock` too.
 */
export * from "./testing/TestTenantDiscovery.js"
export * from "./testing/TestTenantEvents.js"
export * from "./testing/TestTenantManager.js"
export * as TestEvent from "./testing/TestEvent.js"
export type { TenantInput } from "./testing/tenants.js"
