/** Starts a second, at uneven distances, so that a fleet that begins together does not stay together. */

/** A timer that is late by less than this is caught up with; idle time is not saved up. */
const CATCH_UP = 50

export class StartRate {
  private nextAt = Number.NEGATIVE_INFINITY
  private readonly gap: number

  constructor(perSecond: number) {
    this.gap = 1000 / perSecond
  }

  /** Whole milliseconds until the next start may be; 0: now. */
  wait(now: number): number {
    // A clock that was set back must not hold the starts up.
    if (this.nextAt - now > 2 * this.gap) this.nextAt = now
    return Math.max(0, Math.ceil(this.nextAt - now))
  }

  took(now: number): void {
    const from = now - this.nextAt <= CATCH_UP ? this.nextAt : now
    this.nextAt = from + this.gap * (0.5 + Math.random())
  }
}
