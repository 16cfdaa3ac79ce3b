/** A worker to be put under test, that says whom it works for; and a wait that is no sleep. */
import { Effect, Stream, SubscriptionRef } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"

/** Once a value is as wanted: the one there is, or one to come. */
export const until = <A>(
  it: { readonly changes: Stream.Stream<A> },
  wanted: (value: A) => boolean
): Effect.Effect<void> => Stream.runDrain(Stream.takeUntil(it.changes, wanted))

/** IDs, sorted, as one text. */
export const sorted = (ids: Iterable<string>): string => [...ids].toSorted().join(" ")

export const makeRelay = Effect.gen(function* () {
  /** Whose outbox is open now. */
  const open = yield* SubscriptionRef.make<ReadonlySet<string>>(new Set())
  /** Every outbox that was ever opened. */
  const opened: Array<string> = []
  const set = (change: (ids: Set<string>) => void) =>
    SubscriptionRef.update(open, (before) => {
      const ids = new Set(before)
      change(ids)
      return ids
    })
  const worker = TenantWorker.perTenant({
    name: "relay",
    maxTenants: 10,
    startRate: Infinity,
    run: Effect.flatMap(CurrentTenant, ({ id }) =>
      Effect.acquireUseRelease(
        set((ids) => opened.push(ids.add(id) && id)),
        () => Effect.never,
        () => set((ids) => ids.delete(id))
      )
    )
  })
  return { open, opened, worker }
})
