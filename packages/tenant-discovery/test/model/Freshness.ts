/** What was proven to the discovery, and so how fresh it may and must say that it is. */
import type { DiscoveryStatus, TenantView } from "../../src/index.js"
import type { ListServer } from "./ListServer.js"
import type { VirtualTime } from "./VirtualTime.js"

/** What the discovery says at one moment. */
export interface Observation {
  readonly view: TenantView
  readonly status: DiscoveryStatus
}

export class Freshness {
  /** The view's `asOf` in monotonic milliseconds; 0 before any proof. */
  asOf = 0
  /** The latest moment that an applied list or a heartbeat can prove. */
  latest = 0
  /** The latest moment that one of them proves for certain. */
  earliest = 0
  /** `startedSeq` of the last list that was applied and honest. */
  honestSeq = 0
  /** `startedSeq` of the last list that was applied. */
  appliedSeq = 0
  /** The same, leaving out lists of which it is not known whether they were applied. */
  certainSeq = 0
  private asOfWall = 0

  constructor(
    private readonly time: VirtualTime,
    private readonly lists: ListServer
  ) {}

  observe({ status, view }: Observation): void {
    if (view.asOf !== this.asOfWall) {
      this.asOfWall = view.asOf
      // The wall clock was not set since the last observation.
      this.asOf = view.asOf - (this.time.wall - this.time.now)
    }
    if (status.lastListedAt === undefined) return
    const applied = this.lists.answered.filter(({ end }) => end?.wall === status.lastListedAt)
    for (const { startedAt, startedSeq } of applied) {
      this.appliedSeq = Math.max(this.appliedSeq, startedSeq)
      this.latest = Math.max(this.latest, startedAt)
    }
    // Of two lists that ended at one moment it is not known which one was applied.
    const [only, ...others] = applied
    if (only === undefined || others.length > 0) return
    this.earliest = Math.max(this.earliest, only.startedAt)
    this.certainSeq = Math.max(this.certainSeq, only.startedSeq)
    if (only.end?.answer?.honest === true) {
      this.honestSeq = Math.max(this.honestSeq, only.startedSeq)
    }
  }

  /** An answered heartbeat, before the discovery receives it. */
  heartbeat(sentAt: number, seen: Observation | undefined): void {
    const live = seen?.status.mode === "Live" && this.lists.awaitingRemoval(seen.view) === 0
    // During the start the heartbeat waits for the first list; it may count after that.
    if (seen === undefined || live) this.latest = Math.max(this.latest, sentAt)
    if (live) this.earliest = Math.max(this.earliest, sentAt)
  }
}
