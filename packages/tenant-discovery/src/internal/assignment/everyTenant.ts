/** The assignment of a program that runs as one replica. */
import { Effect, Stream, Subscribable } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { AssignmentView, Lease, TenantAssignmentService } from "./assignmentService.js"

const view: AssignmentView = { revision: 0, owns: () => true }
const isValid = Effect.succeed(true)

/** The lease of any run: it needs no scope. */
export const lastingLease = (tenantId: TenantId): Lease => ({
  tenantId,
  fence: undefined,
  isValid,
  lost: Effect.never
})

/** Every tenant is this replica's. A lease is never lost. There is nothing to cordon. */
export const everyTenant: TenantAssignmentService = {
  description: "every tenant",
  view: Subscribable.make({ get: Effect.succeed(view), changes: Stream.make(view) }),
  hold: (tenantId) => Effect.succeed(lastingLease(tenantId)),
  members: Effect.succeed([]),
  ownerOf: () => Effect.succeed(undefined),
  cordon: Effect.void,
  uncordon: Effect.void,
  problem: Effect.succeed(undefined)
}
