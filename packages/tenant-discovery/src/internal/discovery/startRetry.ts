/** The short retry of the first list: after an outage only, within a window (law 2). */
import { Duration } from "effect"
import { isOutage, retryAfter, type TenantManagerError } from "../../TenantManagerError.js"
import type { DiscoverySettings } from "./settings.js"

/** The first upper bound of the wait in milliseconds; it doubles. */
const BASE = 200

export interface FailedAttempt {
  /** How many attempts failed before this one. */
  readonly retries: number
  /** Milliseconds since the first attempt began. */
  readonly elapsed: number
  /** From 0 to 1. */
  readonly random: number
  readonly settings: DiscoverySettings
}

/** Milliseconds until the next attempt, or `undefined` if there is none. */
export const waitBeforeRetry = (
  error: TenantManagerError,
  { elapsed, random, retries, settings }: FailedAttempt
): number | undefined => {
  const asked = retryAfter(error)
  if (retries >= settings.startRetries) return undefined
  if (!isOutage(error) && asked === undefined) return undefined
  const wait = Math.max(BASE * 2 ** retries * random, asked ? Duration.toMillis(asked) : 0)
  return elapsed + wait <= settings.startRetryWindow ? wait : undefined
}
