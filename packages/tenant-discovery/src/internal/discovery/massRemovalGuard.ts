/**
 * The guard against a list that lost its tenants. A tenant manager that has just started, or
 * reads a lagging replica, answers 200 with too few tenants. A mass removal is applied only if a
 * second list agrees.
 */
import type { TenantId } from "../../Tenant.js"
import type { DiscoverySettings } from "./settings.js"

/** For each tenant that is still present: how many lists in a row lacked it. */
export type MissingCounts = ReadonlyMap<TenantId, number>

export interface Verdict {
  readonly remove: ReadonlySet<TenantId>
  /** The missing tenants that stay until another list confirms. */
  readonly keep: MissingCounts
}

const isMass = (missing: number, size: number, settings: DiscoverySettings): boolean =>
  missing > 0 &&
  (missing === size ||
    (missing > size * settings.massRemovalFraction && missing > settings.massRemovalHandful))

/** Judges the tenants that a list lacks; `size` is how many present tenants it decides about. */
export const judge = (
  missing: ReadonlyArray<TenantId>,
  size: number,
  before: MissingCounts,
  settings: DiscoverySettings
): Verdict => {
  const counts = new Map(missing.map((id) => [id, (before.get(id) ?? 0) + 1]))
  const lackedBy = (lists: number) => missing.filter((id) => (counts.get(id) ?? 0) >= lists)
  const ready = lackedBy(settings.removalConfirmations)
  const confirmed = lackedBy(Math.max(2, settings.removalConfirmations))
  // Two lists in a row lack the confirmed ones. The others must not be too many of those that remain.
  const isSafe =
    !isMass(ready.length, size, settings) ||
    !isMass(ready.length - confirmed.length, size - confirmed.length, settings)
  const remove = new Set(isSafe ? ready : confirmed)
  return { remove, keep: new Map([...counts].filter(([id]) => !remove.has(id))) }
}
