/**
 * Whether events may have been missed: between a subscription that ended and the
 * next one.
 */
import type { DiscoveryStatus } from "../../DiscoveryStatus.js"

const isSubscribed = ({ mode }: DiscoveryStatus): boolean => mode === "Live" || mode === "Resyncing"

export class Gap {
  /** Before the first subscription, too, nothing is told. */
  private open: boolean

  constructor(private last: DiscoveryStatus) {
    this.open = last.mode === "BootstrapOnly"
  }

  /**
   * Takes the status; whether it is the first after a gap with a subscription. What
   * a gap looks like to a reader that saw only its end: the same mode as before,
   * since another time or after another loss.
   */
  closedBy(status: DiscoveryStatus): boolean {
    const { last } = this
    if (status === last) return false
    this.last = status
    if (!isSubscribed(status)) {
      this.open = status.mode === "BootstrapOnly"
      return false
    }
    const began = status.mode === last.mode && status.since !== last.since
    const relapsed = last.mode === "Live" && status.mode === "Resyncing"
    const lost =
      status.lastError?._tag === "SubscriptionLost" && status.lastError !== last.lastError
    const closed = this.open || began || relapsed || lost
    this.open = false
    return closed
  }
}
