/** The short retry of the first list: on outages alone, within a window (law 2). */
import { Duration } from "effect"
import { isOutage, retryAfter, type TenantManagerError } from "../TenantManagerError.js"
import type { Settings } from "./settings.js"

/** The first upper bound of the wait; it doubles. Three of them stay within two seconds. */
const BASE = 200

export interface Attempt {
  /** How many failed before this one. */
  readonly tries: number
  /** Milliseconds since the first began. */
  readonly spent: number
  readonly random: () => number
  readonly settings: Settings
}

/** Milliseconds to wait before the next try, or `undefined` where there is none. */
export const waitBeforeRetry = (
  error: TenantManagerError,
  { random, settings, spent, tries }: Attempt
): number | undefined => {
  const asked = retryAfter(error)
  if (tries >= settings.startRetries || (!isOutage(error) && asked === undefined)) return undefined
  const wait = Math.max(BASE * 2 ** tries * random(), asked ? Duration.toMillis(asked) : 0)
  return spent + wait <= settings.startRetryWindow ? wait : undefined
}
