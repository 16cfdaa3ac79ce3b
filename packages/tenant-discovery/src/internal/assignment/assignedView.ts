/** The view that a worker follows: the tenants that are active and this replica's. */
import { Effect, Stream, Subscribable } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantChange } from "../../TenantChange.js"
import { TenantView } from "../../TenantView.js"
import { applyChanges } from "../view/edit.js"
import { everyTenant } from "./everyTenant.js"
import type { AssignmentView, TenantAssignmentService } from "./assignmentService.js"

/** The changes that bring `assigned` into line with the assignment of `source`. */
const moved = (
  assigned: TenantView,
  source: TenantView,
  { owns }: AssignmentView
): ReadonlyArray<TenantChange> => [
  ...assigned.tenants
    .filter(({ id }) => !owns(id))
    .map((tenant): TenantChange => ({ _tag: "Removed", tenant, cause: { _tag: "Forgotten" } })),
  ...source.tenants
    .filter(({ id }) => !assigned.has(id) && owns(id))
    .map((tenant): TenantChange => ({ _tag: "Added", tenant }))
]

export interface AssignedView {
  readonly view: Subscribable.Subscribable<TenantView>
  /**
   * Removes a tenant that was found not to be owned. Its next owner may be this replica again
   * before a reader of the assignment learns of the loss: it is added then.
   */
  readonly drop: (id: TenantId) => void
}

/**
 * The part of `discovery` that `assignment` gives to this replica, with revisions of its own. A
 * tenant that moves to another replica is removed from it, with the cause `Forgotten`.
 */
export const makeAssignedView = (
  discovery: Subscribable.Subscribable<TenantView>,
  assignment: TenantAssignmentService
): AssignedView => {
  if (assignment === everyTenant) return { view: discovery, drop: () => undefined }
  let source = TenantView.empty
  let revision = -1
  let assigned = TenantView.make()
  const update = Effect.zipWith(discovery.get, assignment.view.get, (next, view) => {
    const changes = next === source ? [] : TenantView.diff(source, next)
    // A removal counts whoever owns the tenant now: it may be this replica's again later.
    assigned = applyChanges(
      assigned,
      changes.filter(({ _tag, tenant }) => _tag !== "Added" || view.owns(tenant.id))
    )
    if (view.revision !== revision) assigned = applyChanges(assigned, moved(assigned, next, view))
    source = next
    revision = view.revision
    assigned = assigned.with({ mode: next.mode, asOf: next.asOf })
    return assigned
  })
  // It ends with the discovery.
  const changes = Stream.merge(discovery.changes, assignment.view.changes, {
    haltStrategy: "left"
  }).pipe(Stream.mapEffect(() => update))
  const drop = (id: TenantId): void => {
    const tenant = assigned.get(id)
    if (tenant === undefined) return
    assigned = applyChanges(assigned, [{ _tag: "Removed", tenant, cause: { _tag: "Forgotten" } }])
  }
  return { view: Subscribable.make({ get: update, changes }), drop }
}
