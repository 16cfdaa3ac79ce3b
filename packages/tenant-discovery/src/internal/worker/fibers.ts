/**
 * Fibers for tenants.
 *
 * A fiber a run: what one tenant's work does to fiber refs, and the fibers it
 * forks, end with it. What the tenant adds to the fiber (the service, the log field,
 * the span attribute) is laid into its refs before it starts. Wrapped around the
 * effect instead, as `CurrentTenant.provide` does, it costs four times as much as
 * the fiber itself.
 */
import {
  Context,
  Effect,
  type Fiber,
  FiberId,
  FiberRef,
  FiberRefs,
  HashMap,
  Runtime,
  RuntimeFlags
} from "effect"
import { CurrentTenant } from "../../CurrentTenant.js"
import type { Tenant } from "../../Tenant.js"

/** Starts an effect for a tenant, at once, in a fiber that nobody else owns. */
export type StartFor<R> = <A, E>(
  tenant: Tenant,
  effect: Effect.Effect<A, E, R>
) => Fiber.RuntimeFiber<A, E>

export const makeStartFor = <R>(
  worker: string
): Effect.Effect<StartFor<R>, never, Exclude<R, CurrentTenant>> =>
  Effect.map(Effect.runtime<Exclude<R, CurrentTenant>>(), (built) => {
    // A layer may be built where interruption is off; its workers are interruptible.
    const { context, fiberRefs, runtimeFlags } = Runtime.enableRuntimeFlag(
      built,
      RuntimeFlags.Interruption
    )
    const logs = HashMap.set(
      FiberRefs.getOrDefault(fiberRefs, FiberRef.currentLogAnnotations),
      "worker",
      worker
    )
    const spans = FiberRefs.getOrDefault(fiberRefs, FiberRef.currentTracerSpanAnnotations)
    return (tenant, effect) => {
      const services = new Map(context.unsafeMap)
      services.set(CurrentTenant.key, tenant)
      return Runtime.runFork(
        Runtime.make<R>({ context: Context.unsafeMake(services), fiberRefs, runtimeFlags }),
        effect,
        {
          updateRefs: (refs, fiberId) =>
            FiberRefs.updateManyAs(refs, {
              entries: [
                [
                  FiberRef.currentLogAnnotations,
                  [[fiberId, HashMap.set(logs, "tenant_id", tenant.id)]]
                ],
                [
                  FiberRef.currentTracerSpanAnnotations,
                  [[fiberId, HashMap.set(spans, "tenant_id", tenant.id)]]
                ]
              ]
            })
        }
      )
    }
  })

/** Asks a fiber to end, and does not wait for it. */
export const interrupt = (fiber: Fiber.RuntimeFiber<unknown, unknown>): void =>
  fiber.unsafeInterruptAsFork(FiberId.none)
