/**
 * The guard against a list that lost its tenants. A tenant manager that has just started, or
 * reads a lagging replica, answers 200 with too few tenants. A removal on a large scale is
 * applied only if a second list agrees.
 */
import type { TenantId } from "../../Tenant.js"

export interface GuardSettings {
  readonly massRemovalFraction: number
  readonly massRemovalHandful: number
  readonly removalConfirmations: number
}

/** For each tenant that is still present: how many lists in a row lacked it. */
export type MissingCounts = ReadonlyMap<TenantId, number>

export interface Verdict {
  readonly remove: ReadonlySet<TenantId>
  /** The missing tenants that stay until another list confirms. */
  readonly keep: MissingCounts
}

const isMass = (missing: number, size: number, settings: GuardSettings): boolean =>
  missing > 0 &&
  (missing === size ||
    (missing > size * settings.massRemovalFraction && missing > settings.massRemovalHandful))

/** Judges the tenants that a list lacks; `size` is how many present tenants it decides about. */
export const judge = (
  missing: ReadonlyArray<TenantId>,
  size: number,
  before: MissingCounts,
  settings: GuardSettings
): Verdict => {
  const counts = new Map(missing.map((id) => [id, (before.get(id) ?? 0) + 1]))
  const countOf = (id: TenantId): number => counts.get(id) ?? 0
  const ready = missing.filter((id) => countOf(id) >= settings.removalConfirmations)
  const confirmed = ready.filter((id) => countOf(id) > 1)
  // Two lists agree on the confirmed ones: the rest is judged among those that are left.
  const isSafe =
    !isMass(ready.length, size, settings) ||
    !isMass(ready.length - confirmed.length, size - confirmed.length, settings)
  const remove = new Set(isSafe ? ready : confirmed)
  return { remove, keep: new Map([...counts].filter(([id]) => !remove.has(id))) }
}
