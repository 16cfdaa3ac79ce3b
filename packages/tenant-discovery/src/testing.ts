/**
 * Test doubles. `TestTenantDiscovery` replaces the discovery; `TestTenantEvents` and
 * `TestTenantManager` replace its two edges, with their faults, under the real discovery. They
 * need no test runner, no Node and no server, and follow the clock that is provided, such as
 * `TestClock`.
 *
 * Use the double of the discovery for a spec about what a program does with its tenants. Use the
 * real discovery over the doubles of its edges for a spec about faults of Redis or the tenant
 * manager.
 *
 * | to simulate | call |
 * |---|---|
 * | Redis down at the start | `TestTenantEvents.layer({ auto: false })`, then `lose()` |
 * | Redis lost, and back | `events.lose()`, `events.subscribed` |
 * | a wrong permission or password | `events.lose({ _tag: "SubscribeFailed", message })` |
 * | a lost event | change the tenants of `TestTenantManager`, and send nothing |
 * | a duplicate, late, malformed or foreign event | `events.send(...)` |
 * | an outage of the tenant manager | `manager.fail()`, `manager.recover` |
 * | a tenant manager that hangs or is slow | `manager.hang`, `manager.delay(duration)` |
 * | a tenant manager that refuses | `manager.fail(error)`, with any `TenantManagerError` |
 * | a list that lacks tenants, or is old | `manager.answer(tenants)` |
 * | an event while a list is in flight | `manager.hold()`, `events.send(...)`, `held.release` |
 * | an old view | `TestTenantDiscovery`: `setStatus`, `setAge` |
 *
 * @module tenant-discovery/testing
 */
export * from "./testing/TestTenantAssignment.js"
export * from "./testing/TestTenantDiscovery.js"
export * from "./testing/TestTenantEvents.js"
export * from "./testing/TestTenantManager.js"
export * as TestEvent from "./testing/TestEvent.js"
export type { TenantInput } from "./testing/tenantInput.js"
