/** The assignment of a program that runs as one replica. */
import { Effect, Stream, Subscribable } from "effect"
import type { AssignmentView, TenantAssignmentService } from "./assignmentService.js"

const view: AssignmentView = { revision: 0, owns: () => true }

/** Every tenant is this replica's. A lease is never lost. There is nothing to cordon. */
export const everyTenant: TenantAssignmentService = {
  description: "every tenant",
  view: Subscribable.make({ get: Effect.succeed(view), changes: Stream.make(view) }),
  hold: (tenantId) =>
    Effect.succeed({
      tenantId,
      fence: undefined,
      isValid: Effect.succeed(true),
      lost: Effect.never
    }),
  members: Effect.succeed([]),
  ownerOf: () => Effect.succeed(undefined),
  cordon: Effect.void,
  uncordon: Effect.void,
  problem: Effect.succeed(undefined)
}
