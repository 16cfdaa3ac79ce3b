/**
 * When the next list is due: one at a time, never earlier than the backoff or the
 * tenant manager's own word allow. Times are monotonic milliseconds.
 */
export interface ListScheduleSettings {
  /** No two lists begin closer than this, unless somebody waits for one. */
  readonly relistDebounce: number
  readonly relistBackoff: number
  readonly relistBackoffCap: number
}

export class ListSchedule {
  private wantedAt: number | undefined
  private backoffUntil = 0
  private notBefore = 0
  private startedAt = Number.NEGATIVE_INFINITY
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
    // However often the subscription comes and goes, that makes no storm of lists.
    const spaced = this.startedAt + this.settings.relistDebounce
    return Math.max(this.wantedAt, spaced, this.backoffUntil, this.notBefore)
  }

  started(now: number): void {
    this.wantedAt = undefined
    this.startedAt = now
  }

  succeeded(): void {
    this.failures = 0
    this.backoffUntil = 0
    this.notBefore = 0
  }

  /**
   * Full jitter over a bound that doubles. `asked`: how long the tenant manager wants
   * no call at all. `hopeless`: how long a call would be refused without being sent;
   * somebody who waits learns that sooner.
   */
  failed(now: number, { asked, hopeless }: { asked: number; hopeless: number }): void {
    const { relistBackoff, relistBackoffCap } = this.settings
    const bound = Math.min(relistBackoffCap, relistBackoff * 2 ** this.failures)
    this.failures++
    this.backoffUntil = now + Math.max(bound * this.random(), hopeless)
    this.notBefore = now + asked
    this.want(now)
  }
}
