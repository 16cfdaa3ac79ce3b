/**
 * OneList: never two at once, and whoever is not waited for keeps its distance, the
 * backoff and what the tenant manager asked for.
 */
import { Duration } from "effect"
import { defaultDiscoveryOptions } from "../../src/index.js"
import type { Call } from "./Knowledge.js"
import { hold } from "./verdict.js"
import type { World } from "./World.js"

const APART = Duration.toMillis(defaultDiscoveryOptions.relistDebounce)

/**
 * So many lists in a row that fail take so long by the backoff, whatever its full
 * jitter says: that they do not is less likely than one in a hundred million.
 */
const STREAK = { length: 12, millis: 5000 }

/** Timers are set in whole milliseconds. */
const ROUNDING = 1

const ownAccord = ({ starting, urgent }: Call): boolean => !starting && !urgent

const spaced = (call: Call, last: Call): void => {
  const since = call.startedAt - last.startedAt
  hold("OneList", !ownAccord(call) || since >= APART - ROUNDING, () => {
    return `a list nobody asked for began ${since} ms after the one before`
  })
  const keepAway = last.end?.keepAway
  if (keepAway === undefined || (call.urgent && !keepAway.urgentToo)) return
  hold("OneList", call.startedAt >= keepAway.until - ROUNDING, () => {
    return `a list began ${keepAway.until - call.startedAt} ms before the tenant manager wanted one`
  })
}

const backedOff = (calls: ReadonlyArray<Call>): void => {
  let streak: Array<Call> = []
  for (const call of calls) {
    if (ownAccord(call)) streak.push(call)
    else streak = []
    const first = streak.at(-STREAK.length)
    if (first !== undefined) {
      const took = call.startedAt - first.startedAt
      hold("OneList", took >= STREAK.millis, () => {
        return `${STREAK.length} lists in a row that failed took only ${took} ms`
      })
    }
    if (call.end === undefined || call.end.tenants !== undefined) streak = []
  }
}

export const eachOnTime = ({ lists: { calls, mostUnderWay } }: World): void => {
  hold("OneList", mostUnderWay <= 1, () => `${mostUnderWay} lists at once`)
  for (const [i, call] of calls.entries()) {
    const last = calls[i - 1]
    if (last !== undefined) spaced(call, last)
  }
  backedOff(calls)
}
