/**
 * The guard against a list that lost its tenants. A tenant manager that has just
 * come up, or reads a replica that lags, answers 200 with too few: removals on
 * such a scale are believed only when a second list has them too.
 */
import type { TenantId } from "../Tenant.js"

export interface GuardSettings {
  readonly massRemovalFraction: number
  readonly massRemovalHandful: number
}

/** What is believed of a list's removals now, and what waits for the next list. */
export interface Judgement {
  readonly believed: ReadonlyArray<TenantId>
  readonly doubted: ReadonlySet<TenantId> | undefined
}

const isMass = (missing: number, size: number, settings: GuardSettings): boolean =>
  missing > 0 &&
  (missing === size ||
    (missing > size * settings.massRemovalFraction && missing > settings.massRemovalHandful))

/** `doubted`: what the list before this one lacked and was not believed in. */
export const judge = (
  missing: ReadonlyArray<TenantId>,
  size: number,
  doubted: ReadonlySet<TenantId> | undefined,
  settings: GuardSettings
): Judgement => {
  if (!isMass(missing.length, size, settings)) return { believed: missing, doubted: undefined }
  const confirmed = missing.filter((id) => doubted?.has(id) === true)
  const unconfirmed = missing.filter((id) => doubted?.has(id) !== true)
  // Those whom two lists lack are gone: whether the rest are many is seen among who is left.
  if (!isMass(unconfirmed.length, size - confirmed.length, settings)) {
    return { believed: missing, doubted: undefined }
  }
  return { believed: confirmed, doubted: new Set(unconfirmed) }
}
