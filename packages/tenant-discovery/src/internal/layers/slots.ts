/**
 * How many resources may be alive at once, and who waits for a place, in order.
 * Synchronous.
 */
import { Deferred, Effect } from "effect"
import type { TenantId } from "../../Tenant.js"

/**
 * How a wait ends: with a place that is now the waiter's, with a resource of its
 * tenant that it may share, or because there will be none.
 */
export type Outcome = "Granted" | "Shared" | "Closed"

export interface Waiter {
  readonly tenantId: TenantId
  readonly outcome: Deferred.Deferred<Outcome>
  granted: boolean
}

export class Slots {
  private taken = 0
  private queue: Array<Waiter> = []

  constructor(readonly capacity: number) {}

  get waiting(): number {
    return this.queue.length
  }

  /** A place, where one is free and nobody waits for it already. */
  tryTake(): boolean {
    if (this.queue.length > 0 || this.taken >= this.capacity) return false
    this.taken++
    return true
  }

  enqueue(waiter: Waiter): void {
    this.queue.push(waiter)
  }

  /** The waiter goes; a place that it was granted meanwhile goes to the next. */
  leave(waiter: Waiter): void {
    if (waiter.granted) this.giveBack()
    else this.queue = this.queue.filter((other) => other !== waiter)
  }

  giveBack(): void {
    this.taken--
    while (this.taken < this.capacity) {
      const next = this.queue.shift()
      if (next === undefined) return
      this.taken++
      next.granted = true
      Deferred.unsafeDone(next.outcome, Effect.succeed("Granted"))
    }
  }

  /** Whoever waits for this tenant need not wait for a place any more. */
  wake(tenantId: TenantId): void {
    this.end((waiter) => waiter.tenantId === tenantId, "Shared")
  }

  close(): void {
    this.end(() => true, "Closed")
  }

  private end(which: (waiter: Waiter) => boolean, outcome: Outcome): void {
    const ended = this.queue.filter(which)
    if (ended.length === 0) return
    this.queue = this.queue.filter((waiter) => !which(waiter))
    for (const waiter of ended) Deferred.unsafeDone(waiter.outcome, Effect.succeed(outcome))
  }
}
