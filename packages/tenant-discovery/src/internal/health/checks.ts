/** The rules of the health checks: from what is observed to the checks. Reads no clock. */
import { Duration } from "effect"
import type { DiscoveryError, DiscoveryStatus } from "../../DiscoveryStatus.js"
import type { Moment } from "../moment.js"
import type { WorkerProblems } from "../worker/workerStatus.js"
import { makeCondition } from "./condition.js"
import type { HealthSettings } from "./healthOptions.js"
import type { HealthCheck, HealthReport, HealthStatus } from "./healthReport.js"

/** What the checks are made from. */
export interface Observation {
  readonly status: DiscoveryStatus
  /** `view.asOf`, in milliseconds since the epoch. */
  readonly asOf: number
  /** The age of the view in milliseconds where it is more than `maxStaleness`. */
  readonly staleAge: number | undefined
  /** Of each worker. */
  readonly workers: ReadonlyArray<WorkerProblems>
  /** Why the assignment cannot work as promised. */
  readonly assignmentProblem: string | undefined
}

export type Checked = Pick<HealthReport, "status" | "since" | "checks">

const SEVERITY = { skipped: 0, up: 1, degraded: 2, down: 3 } as const

const worst = (all: ReadonlyArray<HealthStatus>): HealthStatus =>
  all.reduce((a, b) => (SEVERITY[b] > SEVERITY[a] ? b : a))

const shown = (millis: number): string =>
  Duration.format(Duration.seconds(Math.max(0, Math.round(millis / 1000))))

const errorText = (error: DiscoveryError | undefined): string => {
  switch (error?._tag) {
    case "ListFailed":
      return error.error.message
    case "ListIncomplete":
      return error.message
    case "SubscriptionLost":
      return error.cause.message
    case undefined:
      return "the reason is in the log"
  }
}

const total = (workers: ReadonlyArray<WorkerProblems>, key: keyof WorkerProblems): number =>
  workers.reduce((sum, worker) => sum + worker[key], 0)

/** Follows the observations, and answers the checks of the last one. */
export const makeChecks = (settings: HealthSettings, first: DiscoveryStatus, start: Moment) => {
  const { degradedAfter, maxStaleness, waitingAfter } = settings
  const at = (wall: number, now: Moment): Moment => ({ wall, mono: now.mono - (now.wall - wall) })

  const modeSince = at(first.since, start)
  const listedAt = at(first.lastListedAt ?? start.wall, start)
  const unsubscribed = makeCondition(degradedAfter, modeSince)
  const notLive = makeCondition(degradedAfter, modeSince)
  const failing = makeCondition(degradedAfter, listedAt)
  const stale = makeCondition(0, listedAt)
  const waiting = makeCondition(waitingAfter, start)
  const unassigned = makeCondition(degradedAfter, start)
  const hindered = makeCondition(0, start)
  if (first.mode === "BootstrapOnly") {
    // It was not well before: there is nothing to wait for.
    const early = at(first.since - degradedAfter, start)
    for (const condition of [unsubscribed, notLive]) condition.observe(true, early)
  }
  let known: DiscoveryStatus = { ...first, lastListedAt: undefined, lastError: undefined }
  /** What the subscription and the lists failed with last; a later error of the other replaces the status'. */
  let lostWith: DiscoveryError | undefined
  let listFailedWith: DiscoveryError | undefined
  let overall: Pick<Checked, "status" | "since"> = { status: "skipped", since: start.wall }

  const observeLists = ({ lastError, lastListedAt }: DiscoveryStatus, now: Moment): void => {
    const listed = lastListedAt !== known.lastListedAt ? lastListedAt : undefined
    if (listed !== undefined) failing.observe(false, at(listed, now))
    if (lastError === undefined || lastError === known.lastError) return
    if (lastError._tag === "SubscriptionLost") {
      lostWith = lastError
      return
    }
    listFailedWith = lastError
    // A list that was applied with a remark is no failure.
    const isLater =
      lastError._tag === "ListFailed"
        ? listed === undefined || lastError.at > listed
        : lastError.at > (lastListedAt ?? Number.NEGATIVE_INFINITY)
    if (isLater) failing.observe(true, at(lastError.at, now))
  }

  const observe = (observation: Observation, now: Moment): void => {
    const { status } = observation
    observeLists(status, now)
    known = status
    const since = at(status.since, now)
    unsubscribed.observe(status.mode === "BootstrapOnly", since)
    notLive.observe(status.mode === "BootstrapOnly" || status.mode === "Resyncing", since)
    const { staleAge } = observation
    const neverListed = status.lastListedAt === undefined
    stale.observe(
      neverListed || staleAge !== undefined,
      neverListed || staleAge === undefined ? now : at(now.wall - (staleAge - maxStaleness), now)
    )
    const { assignmentProblem, workers } = observation
    waiting.observe(total(workers, "waiting") + total(workers, "waitingForPool") > 0, now)
    unassigned.observe(assignmentProblem !== undefined, now)
    const idleSince = waiting.countsSince(now) ?? unassigned.countsSince(now)
    const isHindered = idleSince !== undefined || total(workers, "longRunning") > 0
    hindered.observe(isHindered, idleSince === undefined ? now : at(idleSince, now))
  }

  const redis = (now: Moment): HealthCheck => {
    const since = unsubscribed.countsSince(now)
    if (since !== undefined) {
      return {
        status: "degraded",
        reason: `not subscribed to tenant events: ${errorText(lostWith)}; retrying`,
        since
      }
    }
    const reason =
      known.mode === "BootstrapOnly"
        ? "the subscription to tenant events was lost a moment ago; retrying"
        : "subscribed to tenant events"
    return { status: "up", reason, since: unsubscribed.clearSince() }
  }

  const tenantManager = (now: Moment): HealthCheck => {
    const since = failing.countsSince(now)
    if (since !== undefined) {
      return {
        status: "degraded",
        reason: `the tenants cannot be listed: ${errorText(listFailedWith)}; retrying`,
        since
      }
    }
    const { lastListedAt } = known
    const reason =
      lastListedAt === undefined
        ? "no list was applied yet"
        : `the last list was applied ${shown(now.wall - lastListedAt)} ago`
    return { status: "up", reason, since: failing.clearSince() }
  }

  const view = ({ asOf, staleAge }: Observation, now: Moment): HealthCheck => {
    const down = stale.countsSince(now)
    if (down !== undefined) {
      const reason =
        staleAge === undefined
          ? "the tenants were never listed"
          : `the tenants were last known to be right ${shown(staleAge)} ago; at most ${shown(maxStaleness)} is allowed`
      return { status: "down", reason, since: down }
    }
    const wasRight = `the tenants were right ${shown(now.wall - asOf)} ago`
    const degraded = notLive.countsSince(now)
    if (degraded !== undefined) {
      const why =
        known.mode === "BootstrapOnly"
          ? "running without events (BootstrapOnly), only lists bring changes"
          : "the list that closes the gap in the events is not applied yet (Resyncing)"
      const since = Math.max(degraded, stale.clearSince())
      return { status: "degraded", reason: `${why}; ${wasRight}`, since }
    }
    const since = Math.max(notLive.clearSince(), stale.clearSince())
    return { status: "up", reason: wasRight, since }
  }

  const workers = ({ assignmentProblem, workers }: Observation, now: Moment): HealthCheck => {
    const since = hindered.countsSince(now)
    if (since !== undefined) {
      const count = (key: keyof WorkerProblems, what: string) => {
        const found = total(workers, key)
        return found === 0 ? [] : [`${what}: ${found}`]
      }
      const isWaiting = waiting.countsSince(now) !== undefined
      const reasons = [
        ...(unassigned.countsSince(now) === undefined ? [] : [`assignment: ${assignmentProblem}`]),
        ...count("longRunning", "runs under way for too long"),
        ...(isWaiting ? count("waitingForPool", "tenants that wait for a place in a pool") : []),
        ...(isWaiting ? count("waiting", "tenants that wait for a place or missed their turn") : [])
      ]
      return { status: "degraded", reason: reasons.join("; "), since }
    }
    return workers.length === 0
      ? {
          status: "skipped",
          reason: "no worker runs in this program",
          since: hindered.clearSince()
        }
      : { status: "up", reason: "no tenant waits, no run hangs", since: hindered.clearSince() }
  }

  /** Follows an observation. To be called at each change of the status, and now and then. */
  return (observation: Observation, now: Moment): Checked => {
    observe(observation, now)
    const isSingle = known.mode === "SingleTenant"
    const skipped: HealthCheck = {
      status: "skipped",
      reason: "single-tenant mode",
      since: known.since
    }
    const checks = {
      redis: isSingle ? skipped : redis(now),
      tenant_manager: isSingle ? skipped : tenantManager(now),
      view: isSingle ? skipped : view(observation, now),
      workers: workers(observation, now)
    }
    const all = Object.values(checks)
    const found = worst(all.map(({ status }) => status))
    const status = isSingle && found === "up" ? "skipped" : found
    const latest = Math.max(...all.map(({ since }) => since))
    // While it is up, it is so since the last check came back, also where nobody saw that check fail.
    if (status !== overall.status || status === "up") overall = { status, since: latest }
    return { ...overall, checks }
  }
}
