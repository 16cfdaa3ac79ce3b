/** The workers that follow an assignment, so that a replica that closes takes no more tenants. */
import { Effect } from "effect"
import type { TenantAssignmentService } from "./assignmentService.js"

interface Followers {
  count: number
  /** The last one that left cordoned the replica. */
  cordoned: boolean
}

const all = new WeakMap<TenantAssignmentService, Followers>()

/**
 * Counts a worker. The effect that it answers, run when the worker begins to stop, cordons the
 * replica if no other worker follows the assignment: its tenants move while its runs drain.
 */
export const follows = (assignment: TenantAssignmentService): Effect.Effect<Effect.Effect<void>> =>
  Effect.suspend(() => {
    const followers = all.get(assignment) ?? { count: 0, cordoned: false }
    all.set(assignment, followers)
    followers.count++
    const isBack = followers.cordoned
    followers.cordoned = false
    let isHere = true
    const leave = Effect.suspend(() => {
      if (!isHere) return Effect.void
      isHere = false
      followers.count--
      if (followers.count > 0) return Effect.void
      followers.cordoned = true
      return assignment.cordon
    })
    return Effect.as(isBack ? assignment.uncordon : Effect.void, leave)
  })
