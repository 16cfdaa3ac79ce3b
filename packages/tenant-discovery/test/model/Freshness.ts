/** What was proven to the discovery, and so how fresh it may say that it is. */
import type { DiscoveryStatus, TenantView } from "../../src/index.js"
import type { Call } from "./Knowledge.js"
import type { Lists } from "./Lists.js"
import type { VirtualTime } from "./virtualTime.js"

/** What the discovery says at one moment. */
export interface Seen {
  readonly view: TenantView
  readonly status: DiscoveryStatus
}

export class Proofs {
  /** The view's `asOf` in monotonic milliseconds; 0 while nothing was proven. */
  asOf = 0
  /** The latest moment that a list taken over, or a heartbeat, proves. */
  atMost = 0
  atLeast = 0
  /** When the list that was last taken over, and was true, began: by `seq`. */
  honestSeq = 0
  /** When the list that was last taken over began: by `seq`. */
  takenSeq = 0
  private asOfWall = 0

  constructor(
    private readonly time: VirtualTime,
    private readonly lists: Lists
  ) {}

  /** To be called whenever all is quiet. */
  see({ status, view }: Seen): void {
    if (view.asOf !== this.asOfWall) {
      this.asOfWall = view.asOf
      // The wall clock was not set since it was last looked at.
      this.asOf = view.asOf - (this.time.wall - this.time.now)
    }
    if (status.lastListedAt === undefined) return
    const taken = this.lists.answers.filter(({ end }) => end?.wall === status.lastListedAt)
    for (const call of taken) {
      this.takenSeq = Math.max(this.takenSeq, call.startedSeq)
      this.atMost = Math.max(this.atMost, call.startedAt)
    }
    // Of two lists that ended at one moment nobody can tell which was taken over.
    const [only, ...others] = taken
    if (only === undefined || others.length > 0) return
    this.atLeast = Math.max(this.atLeast, only.startedAt)
    if (only.honest) this.honestSeq = Math.max(this.honestSeq, only.startedSeq)
  }

  /** A heartbeat that was sent then is answered now, before the discovery hears of it. */
  heartbeat(sentAt: number, seen: Seen | undefined): void {
    // At the start it waits for the first list, and may count after that.
    if (seen === undefined) this.atMost = Math.max(this.atMost, sentAt)
    else if (seen.status.mode === "Live" && !this.inDoubt(seen)) {
      this.atMost = Math.max(this.atMost, sentAt)
      this.atLeast = Math.max(this.atLeast, sentAt)
    }
  }

  /** The last list that was answered was not believed. */
  private inDoubt({ status }: Seen): boolean {
    const last: Call | undefined = this.lists.answers.at(-1)
    return last !== undefined && last.end?.wall !== status.lastListedAt
  }
}
