/** What a program does with its tenants: readers of their changes, and work for some of them. */
import { Effect, Schedule, type Scope, Stream } from "effect"
import { CurrentTenant, type TenantDiscoveryService, TenantWorker } from "tenant-discovery"

/** Whom a reader has who knew `began`, and how often it was told what cannot be. */
export interface Reader {
  readonly ids: ReadonlySet<string>
  readonly mistakes: () => number
}

/** Reads until the scope closes; a slow one lingers over each change. */
export const makeReader = (
  discovery: TenantDiscoveryService,
  began: Iterable<string>,
  slow: boolean
): Effect.Effect<Reader, never, Scope.Scope> =>
  Effect.gen(function* () {
    const ids = new Set<string>(began)
    let mistakes = 0
    const linger = slow ? Effect.sleep("5 millis") : Effect.void
    yield* discovery.changes.pipe(
      Stream.runForEach(({ _tag, tenant }) => {
        const known = ids.has(tenant.id)
        if (known === (_tag === "Added")) mistakes++
        if (_tag === "Added") ids.add(tenant.id)
        else if (_tag === "Removed") ids.delete(tenant.id)
        return linger
      }),
      Effect.forkScoped
    )
    return { ids, mistakes: () => mistakes }
  })

/** Who is worked for, by so many tenants at once. */
export const makeWork = (maxTenants: number) => {
  const working = new Map<string, number>()
  let twice = 0
  /** A tenant's worth of fibers: its own, one that polls, and one that waits. */
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
    /** Who is worked for now. */
    ids: () => [...working.keys()],
    /** How often a tenant's work began while it was under way. */
    twice: () => twice,
    layer: TenantWorker.perTenant({ name: "soak", maxTenants, run: Effect.scoped(work) })
  }
}
