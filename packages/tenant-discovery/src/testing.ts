/**
 * Doubles for specs. `TestTenantDiscovery` takes the place of the discovery;
 * `TestTenantEvents` and `TestTenantManager` take the place of its two edges, with
 * their faults, and drive the real one. They need no runner, no Node and no server,
 * and follow the clock that is provided: `TestClock` too.
 *
 * Which one to take: the double of the discovery where a spec is about what a program
 * does with its tenants; the real discovery over the doubles of its edges where it is
 * about what happens when Redis or the tenant manager does not do its part.
 *
 * Two proofs worth having, as specs to copy from, are in the repository's
 * `packages/examples/test`: that a worker survives a lost Redis (`lost-redis.test.ts`),
 * and that it stops for a suspended tenant (`suspended-tenant.test.ts`).
 *
 * | to play | call |
 * |---|---|
 * | Redis down at the start | `TestTenantEvents.layer({ auto: false })`, then `lose()` |
 * | Redis lost, and back | `events.lose()`, `events.subscribed` |
 * | a permission or password that is wrong | `events.lose({ _tag: "SubscribeFailed", message })` |
 * | an event that is lost | change the tenants of `TestTenantManager`, and send nothing |
 * | an event twice, late, malformed, another environment's | `events.send(...)`, what and when you like |
 * | a tenant manager that is away | `manager.fail()`, `manager.recover` |
 * | one that hangs, or is slow | `manager.hang`, `manager.delay(duration)` |
 * | one that refuses | `manager.fail(error)`, with any `TenantManagerError` |
 * | a list that lacks tenants, or is old | `manager.answer(tenants)` |
 * | an event in the middle of a list | `manager.hold()`, `events.send(...)`, `held.release` |
 * | an old view | `TestTenantDiscovery`: `setStatus`, `setAge` |
 */
export * from "./testing/TestTenantDiscovery.js"
export * from "./testing/TestTenantEvents.js"
export * from "./testing/TestTenantManager.js"
export * as TestEvent from "./testing/TestEvent.js"
export type { TenantInput } from "./testing/tenantInput.js"
