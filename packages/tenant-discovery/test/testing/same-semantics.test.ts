import { describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Scope, TestClock } from "effect"
import { TenantDiscovery } from "../../src/index.js"
import {
  TestEvent,
  TestTenantDiscovery,
  TestTenantEvents,
  TestTenantManager
} from "../../src/testing.js"
import { scenarios, type Subject } from "./semantics.js"

const SERVICE = "ledger"
const quiet = TestClock.adjust(0)

const double: Effect.Effect<Subject> = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(TestTenantDiscovery.layer(["a", "b"]), scope)
  const controls = Context.get(context, TestTenantDiscovery)
  return {
    discovery: Context.get(context, TenantDiscovery),
    add: (id) => Effect.zipRight(controls.add(id), quiet),
    remove: (id, type) => Effect.zipRight(controls.remove(id, type), quiet),
    rotate: (id) => Effect.zipRight(controls.rotate(id), quiet),
    update: (id) => Effect.zipRight(controls.update(id), quiet),
    follow: (events) =>
      Effect.zipRight(controls.setStatus(events ? "Live" : "BootstrapOnly"), quiet),
    failNextRefresh: controls.failNextRefresh(),
    close: Scope.close(scope, Exit.void)
  }
})

const overDoubles = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const context = yield* Layer.buildWithScope(
    Layer.provideMerge(
      TenantDiscovery.layer(),
      Layer.mergeAll(
        TestTenantEvents.layer(),
        TestTenantManager.layer({ service: SERVICE, tenants: ["a", "b"] })
      )
    ),
    scope
  )
  const events = Context.get(context, TestTenantEvents)
  const manager = Context.get(context, TestTenantManager)
  const send = (event: TestEvent.ContractEvent) => Effect.zipRight(events.send(event), quiet)
  const subject: Subject = {
    discovery: Context.get(context, TenantDiscovery),
    add: (id) => Effect.zipRight(manager.add(id), send(TestEvent.associated(id, SERVICE))),
    remove: (id, type) => {
      const event = TestEvent.suspended(id, SERVICE)
      return Effect.zipRight(
        manager.remove(id),
        send(
          type === "tenant.deleted" || type === "tenant.suspended"
            ? { event_type: type, tenant_id: id }
            : { ...event, event_type: type }
        )
      )
    },
    rotate: (id) => send(TestEvent.credentialsRotated(id, SERVICE)),
    update: (id) => send(TestEvent.tenantUpdated(id)),
    follow: (up) => Effect.zipRight(up ? events.subscribed : events.lose(), quiet),
    failNextRefresh: manager.fail(undefined, 1),
    close: Scope.close(scope, Exit.void)
  }
  return subject
})

const real: Effect.Effect<Subject> = overDoubles.pipe(
  Effect.orDie,
  // Two lists that nobody waits for are kept apart: the first one is not to stand in the way.
  Effect.zipLeft(TestClock.adjust(Duration.seconds(1)))
)

describe("the double", () => {
  for (const { name, run } of scenarios) {
    it.scoped(name, () => Effect.flatMap(double, run))
  }
})

describe("the real discovery", () => {
  for (const { name, run } of scenarios) {
    it.scoped(name, () => Effect.flatMap(real, run))
  }
})
