/** The program's use of its tenants: readers of changes, and three workers over two pools. */
import { Effect, Layer, Random, Schedule, type Scope, Stream } from "effect"
import { CurrentTenant, type TenantDiscoveryService, TenantWorker } from "tenant-discovery"
import { monotonic } from "./clock.js"
import { HeldPool, SharedPool, useResource } from "./pools.js"
import type { Misbehaviour } from "./trouble.js"

/** The tenants of a reader that started with `began`, and the number of impossible changes. */
export interface Reader {
  readonly ids: ReadonlySet<string>
  readonly mistakes: () => number
}

/** Reads until the scope closes; a slow reader takes 5 ms per change. */
export const makeReader = (
  discovery: TenantDiscoveryService,
  began: Iterable<string>,
  slow: boolean
): Effect.Effect<Reader, never, Scope.Scope> =>
  Effect.gen(function* () {
    const ids = new Set<string>(began)
    let mistakes = 0
    const delay = slow ? Effect.sleep("5 millis") : Effect.void
    yield* discovery.changes.pipe(
      Stream.runForEach(({ _tag, tenant }) => {
        const known = ids.has(tenant.id)
        if (known === (_tag === "Added")) mistakes++
        if (_tag === "Added") ids.add(tenant.id)
        else if (_tag === "Removed") ids.delete(tenant.id)
        return delay
      }),
      Effect.forkScoped
    )
    return { ids, mistakes: () => mistakes }
  })

/** The runs of one worker. */
class Runs {
  /** Tenants with a run, and whether it ignores interruption: such a run may be left behind. */
  readonly active = new Map<string, { stuck: boolean }>()
  /** When each tenant was last worked for, in milliseconds of the monotonic clock. */
  readonly worked = new Map<string, number>()
  /** Runs that started beside another run of the same tenant. */
  twice = 0

  constructor(private readonly trouble: Misbehaviour) {}

  /** Records a run for the current tenant around `work`, which gets a step that may go wrong. */
  track = <A, E, R>(work: (step: Effect.Effect<void, Error>) => Effect.Effect<A, E, R>) =>
    Effect.flatMap(CurrentTenant, ({ id }) => {
      const run = { stuck: false }
      const strike = this.trouble.strike("work", () => {
        run.stuck = true
      })
      const step = Effect.zipRight(
        strike,
        Effect.map(monotonic, (now) => {
          run.stuck = false
          this.worked.set(id, now)
        })
      )
      return Effect.acquireUseRelease(
        Effect.sync(() => {
          if (this.active.get(id)?.stuck === false) this.twice++
          this.active.set(id, run)
        }),
        () => work(step),
        () =>
          Effect.sync(() => {
            if (this.active.get(id) === run) this.active.delete(id)
          })
      )
    })
}

const between = (least: number, most: number) =>
  Effect.flatMap(Random.nextRange(least, most), (millis) => Effect.sleep(millis))

export const makeWork = (trouble: Misbehaviour) => {
  /** A scheduled worker: a tick every 20 seconds. */
  const sweep = new Runs(trouble)
  /** Work without a limit that uses a resource once or twice a minute. */
  const relay = new Runs(trouble)
  /** Work that holds a resource, for more tenants than the pool has places. */
  const holder = new Runs(trouble)
  const short = { drain: "2 seconds", closeTimeout: "2 seconds" } as const
  const backoff = Schedule.union(Schedule.exponential("500 millis"), Schedule.spaced("8 seconds"))

  const layer = Layer.mergeAll(
    TenantWorker.scheduled({
      name: "sweep",
      ...short,
      schedule: Schedule.spaced("20 seconds"),
      concurrency: 24,
      timeout: "3 seconds",
      removalGrace: "500 millis",
      failureBackoff: backoff,
      run: sweep.track((step) => SharedPool.provideCurrent(Effect.zipRight(useResource, step)))
    }),
    TenantWorker.perTenant({
      name: "relay",
      ...short,
      startRate: 40,
      restart: Schedule.jittered(backoff),
      restartReset: "20 seconds",
      run: relay.track((step) =>
        SharedPool.provideCurrent(
          Effect.zipRight(useResource, Effect.timeout(step, "6 seconds"))
        ).pipe(Effect.zipRight(between(20_000, 40_000)), Effect.forever)
      )
    }),
    TenantWorker.perTenant({
      name: "holder",
      ...short,
      maxTenants: 60,
      onConnectionsChanged: "restart",
      restart: Schedule.spaced("1 second"),
      run: holder.track((step) =>
        Effect.all([useResource, step, between(2_000, 8_000), useResource]).pipe(
          Effect.timeout("10 seconds"),
          Effect.provide(HeldPool.current)
        )
      )
    })
  )
  return { layer, sweep, relay, holder, all: [sweep, relay, holder] }
}
