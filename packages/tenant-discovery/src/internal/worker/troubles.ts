/**
 * The tenants whose last run failed, and those that failed before.
 */
import { type Cause, type Clock, Effect, type Schedule } from "effect"
import type { TenantId } from "../../Tenant.js"
import type { TenantWorkFailure } from "./status.js"
import { makeSteps, type Steps } from "./steps.js"

/** Of one tenant. */
export interface Trouble<R> {
  /** Failures in a row; zero once a run succeeded. */
  failures: number
  last: TenantWorkFailure
  /** Since the failure that began it, it is left out until this time. */
  retryAt: number
  readonly backoff: Steps<Cause.Cause<unknown>, R> | undefined
  delay: number
}

/** Nothing is kept of a tenant that never failed, nor of one that left. */
export class Troubles<R> {
  private readonly all = new Map<TenantId, Trouble<R>>()

  constructor(
    private readonly clock: Clock.Clock,
    private readonly backoff: Schedule.Schedule<unknown, Cause.Cause<unknown>, R> | undefined
  ) {}

  get(id: TenantId): Trouble<R> | undefined {
    return this.all.get(id)
  }

  /** Whether the tenant is to be left out now. */
  backsOff(id: TenantId): boolean {
    if (this.all.size === 0) return false
    const trouble = this.all.get(id)
    return (
      trouble !== undefined &&
      trouble.failures > 0 &&
      trouble.retryAt > this.clock.unsafeCurrentTimeMillis()
    )
  }

  failed(id: TenantId, cause: Cause.Cause<unknown>): Effect.Effect<Trouble<R>, never, R> {
    return Effect.suspend(() => {
      const at = this.clock.unsafeCurrentTimeMillis()
      const trouble = this.all.get(id) ?? {
        failures: 0,
        last: { at, cause },
        retryAt: at,
        backoff: this.backoff === undefined ? undefined : makeSteps(this.backoff),
        delay: 0
      }
      this.all.set(id, trouble)
      trouble.failures += 1
      trouble.last = { at, cause }
      if (trouble.backoff === undefined) return Effect.succeed(trouble)
      return Effect.map(trouble.backoff.next(cause), (delay) => {
        // A schedule that is through stays at its last delay.
        trouble.delay = delay ?? trouble.delay
        trouble.retryAt = at + trouble.delay
        return trouble
      })
    })
  }

  succeeded(id: TenantId): void {
    if (this.all.size === 0) return
    const trouble = this.all.get(id)
    if (trouble === undefined || trouble.failures === 0) return
    trouble.failures = 0
    trouble.delay = 0
    trouble.backoff?.reset()
  }

  forget(id: TenantId): void {
    this.all.delete(id)
  }

  entries(): Iterable<readonly [TenantId, Trouble<R>]> {
    return this.all
  }
}
