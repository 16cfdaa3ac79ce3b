/** A worker under test that records its tenants, and a wait without sleeping. */
import { Effect, Stream, SubscriptionRef } from "effect"
import { CurrentTenant, TenantWorker } from "tenant-discovery"

/** Waits until a value, the present one or a later one, is as wanted. */
export const until = <A>(
  it: { readonly changes: Stream.Stream<A> },
  wanted: (value: A) => boolean
): Effect.Effect<void> => Stream.runDrain(Stream.takeUntil(it.changes, wanted))

/** The IDs, sorted, as one text. */
export const sorted = (ids: Iterable<string>): string => [...ids].toSorted().join(" ")

export const makeRelay = Effect.gen(function* () {
  /** The tenants whose outbox is open. */
  const open = yield* SubscriptionRef.make<ReadonlySet<string>>(new Set())
  /** Every tenant whose outbox was opened, in order. */
  const opened: Array<string> = []
  const set = (change: (ids: Set<string>) => void) =>
    SubscriptionRef.update(open, (before) => {
      const ids = new Set(before)
      change(ids)
      return ids
    })
  const worker = TenantWorker.perTenant({
    name: "relay",
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
