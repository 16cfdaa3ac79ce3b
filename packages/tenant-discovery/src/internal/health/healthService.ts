/** The health of a program: one fiber follows the discovery, a question reads what it found. */
import { Duration, Effect, Metric, Schedule, Stream } from "effect"
import type { TenantId } from "../../Tenant.js"
import { TenantAssignment } from "../../TenantAssignment.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { metricLabels } from "../metricLabels.js"
import { currentMoment, momentOf } from "../moment.js"
import { quietly } from "../worker/transitions.js"
import { type TenantWorkerStatus, type TenantWorkStatus, workers } from "../worker/workerStatus.js"
import { makeChecks } from "./checks.js"
import type { HealthSettings } from "./healthOptions.js"
import {
  type AssignmentReport,
  type HealthReport,
  TenantNotFound,
  type TenantReport
} from "./healthReport.js"
import { makeHistory } from "./history.js"
import { connections, pools } from "./registrations.js"

/** How often the checks are made where nothing tells of a change: workers are only asked. */
const INTERVAL = "5 seconds"

const assignedTenants = Metric.gauge("tenant_discovery_assigned_tenants", {
  description: "Active tenants that this replica owns, as counted every 5 s"
})

const troubledAssignment = Metric.gauge("tenant_discovery_assignment_problem", {
  description: "Whether the assignment has a problem, such as a database out of reach: 1 or 0"
})

const isKnown = <A>(report: A | undefined): report is A => report !== undefined

export const makeHealth = (settings: HealthSettings) =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const assignment = yield* TenantAssignment
    const clock = yield* Effect.clock
    const ofService = Effect.provideService(TenantDiscovery, discovery)
    const start = yield* currentMoment
    const first = yield* discovery.status.get
    const labels = yield* metricLabels({ service: first.service })
    const makeCheck = makeChecks(settings, first, start)
    const history = makeHistory(yield* discovery.view.get, start.wall)

    const showProblem = (isTroubled: boolean) =>
      troubledAssignment.unsafeUpdate(isTroubled ? 1 : 0, labels)

    /** Reads everything, then follows it before another fiber runs. */
    const observe = Effect.gen(function* () {
      const status = yield* discovery.status.get
      const fresh = yield* Effect.either(discovery.requireFresh(settings.maxStaleness))
      const running = yield* workers.entries
      const assignmentProblem = yield* assignment.problem
      showProblem(assignmentProblem !== undefined)
      const view = yield* discovery.view.get
      const now = momentOf(clock)
      history.observe(view, now.wall)
      const checked = makeCheck(
        {
          status,
          asOf: view.asOf,
          staleAge: fresh._tag === "Left" ? Duration.toMillis(fresh.left.age) : undefined,
          workers: running.map(({ problems }) => problems()),
          assignmentProblem
        },
        now
      )
      return { status, view, checked }
    }).pipe(ofService)

    const ownedTenants = Effect.zipWith(
      discovery.view.get,
      assignment.view.get,
      ({ ids }, { owns }) => ids.filter(owns).length
    )
    const showAssigned = (count: number) => assignedTenants.unsafeUpdate(count, labels)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        showAssigned(0)
        showProblem(false)
      })
    )
    // Not at each event: it asks the assignment about every tenant.
    const tick = Effect.zipRight(observe, Effect.map(ownedTenants, showAssigned))

    yield* tick
    yield* Stream.merge(
      Stream.as(discovery.status.changes, observe),
      Stream.as(Stream.tick(INTERVAL), tick)
    ).pipe(
      Stream.runForEach((step) => step),
      Effect.sandbox,
      Effect.tapError((cause) => quietly(Effect.logError("health check failed; retrying", cause))),
      Effect.retry(Schedule.spaced(INTERVAL)),
      Effect.interruptible,
      Effect.forkScoped
    )

    const assignmentReport: Effect.Effect<AssignmentReport> = Effect.all({
      description: Effect.succeed(assignment.description),
      ownedTenants,
      members: assignment.members,
      problem: assignment.problem
    })

    const check: Effect.Effect<HealthReport> = Effect.gen(function* () {
      const { checked, status, view } = yield* observe
      return {
        ...checked,
        service: status.service,
        mode: status.mode,
        modeSince: status.since,
        viewAsOf: view.asOf,
        activeTenants: view.size,
        assignment: yield* assignmentReport
      }
    })

    const allWorkers: Effect.Effect<ReadonlyMap<string, TenantWorkerStatus>> = workers.entries.pipe(
      Effect.flatMap(
        Effect.forEach(({ name, snapshot }) =>
          Effect.map(snapshot, (tenants) => [name, tenants] as const)
        )
      ),
      // Of two with one name, the newer.
      Effect.map((entries) => new Map(entries)),
      ofService
    )

    const tenant = (id: TenantId): Effect.Effect<TenantReport, TenantNotFound> =>
      Effect.gen(function* () {
        yield* observe
        const known = history.get(id)
        if (known === undefined) return yield* new TenantNotFound({ tenantId: id })
        const { owns } = yield* assignment.view.get
        const work = new Map<string, TenantWorkStatus>()
        for (const [name, tenants] of yield* allWorkers) {
          const status = tenants.get(id)
          if (status !== undefined) work.set(name, status)
        }
        return {
          ...known,
          id,
          owner: yield* assignment.ownerOf(id),
          ownedByThisReplica: known.active && owns(id),
          connections: (yield* connections.entries).map((report) => report(id)).findLast(isKnown),
          pools: (yield* pools.entries).map((report) => report(id)).filter(isKnown),
          workers: work
        }
      }).pipe(ofService)

    return { check, tenant, workers: allWorkers }
  })
