/** The program's use of its tenants: readers of changes, and work for some tenants. */
import { Effect, Schedule, type Scope, Stream } from "effect"
import { CurrentTenant, type TenantDiscoveryService, TenantWorker } from "tenant-discovery"

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

/** A perTenant worker that records the tenants it runs for. */
export const makeWork = (maxTenants: number) => {
  const working = new Map<string, number>()
  let twice = 0
  /** Three fibers per tenant: the run, one that polls and one that waits. */
  const work = Effect.gen(function* () {
    const { id } = yield* CurrentTenant
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        if (working.has(id)) twice++
        working.set(id, performance.now())
      }),
      () => Effect.sync(() => working.delete(id))
    )
    yield* Effect.forkScoped(Effect.repeat(Effect.void, Schedule.spaced("250 millis")))
    yield* Effect.forkScoped(Effect.never)
    return yield* Effect.never
  })
  return {
    /** The tenants with a run. */
    ids: () => [...working.keys()],
    /** The number of runs that started beside another run of the same tenant. */
    twice: () => twice,
    layer: TenantWorker.perTenant({ name: "soak", maxTenants, run: Effect.scoped(work) })
  }
}
