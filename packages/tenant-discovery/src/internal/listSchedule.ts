/**
 * When the next list is due: one at a time, never earlier than the backoff or the
 * tenant manager's own word allow. Times are monotonic milliseconds.
 */
export interface ListScheduleSettings {
  readonly relistBackoff: number
  readonly relistBackoffCap: number
}

export class ListSchedule {
  private wantedAt: number | undefined
  private backoffUntil = 0
  private notBefore = 0
  failures = 0

  constructor(
    private readonly settings: ListScheduleSettings,
    private readonly random: () => number
  ) {}

  /** Asks for a list at `at` or earlier. */
  want(at: number): void {
    if (this.wantedAt === undefined || at < this.wantedAt) this.wantedAt = at
  }

  /** When to list. A caller who waits for it (`urgent`) does not wait for the backoff. */
  dueAt(now: number, urgent: boolean): number | undefined {
    if (urgent) return Math.max(now, this.notBefore)
    if (this.wantedAt === undefined) return undefined
    return Math.max(this.wantedAt, this.backoffUntil, this.notBefore)
  }

  started(): void {
    this.wantedAt = undefined
  }

  succeeded(): void {
    this.failures = 0
    this.backoffUntil = 0
    this.notBefore = 0
  }

  /** Full jitter over a bound that doubles; `retryAfter` is what the tenant manager asked for. */
  failed(now: number, retryAfter: number): void {
    const { relistBackoff, relistBackoffCap } = this.settings
    const bound = Math.min(relistBackoffCap, relistBackoff * 2 ** this.failures)
    this.failures++
    this.backoffUntil = now + bound * this.random()
    this.notBefore = now + retryAfter
    this.want(now)
  }
}
