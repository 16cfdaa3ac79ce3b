/**
 * The way of an event: from its publisher by a channel to the server, which may
 * take long and is no business of the subscription; then over the link to the
 * subscriber, in order, heartbeats too, and lost with it.
 */
import type { Knowledge } from "./Knowledge.js"
import type { Channel } from "./story.js"
import type { VirtualTime } from "./virtualTime.js"

/** A queue in which nothing overtakes: where it is late, what comes next is no earlier. */
class Line {
  latency = 0
  waiting = 0
  private last = 0

  constructor(private readonly time: VirtualTime) {}

  /** Calls `arrive` at once where nothing delays it. */
  put(arrive: () => void): void {
    const at = Math.max(this.waiting > 0 ? this.last : 0, this.time.now + this.latency)
    if (at <= this.time.now && this.waiting === 0) {
      arrive()
      return
    }
    this.last = at
    this.waiting++
    this.time.at(at, () => {
      this.waiting--
      arrive()
    })
  }
}

/** What goes over the link. */
export interface Parcel {
  /** It has reached the server, and somebody is subscribed there. */
  readonly sent: () => void
  readonly arrived: () => void
}

export class Bus {
  private readonly channels: Readonly<Record<Channel, Line>>
  private link: Line
  private readonly time: VirtualTime

  constructor(
    private readonly known: Knowledge,
    time: VirtualTime
  ) {
    this.time = time
    this.channels = { environment: new Line(time), tenant: new Line(time) }
    this.link = new Line(time)
  }

  /** Whether anything is still to arrive. */
  get quiet(): boolean {
    const { environment, tenant } = this.channels
    return environment.waiting + tenant.waiting + this.link.waiting === 0
  }

  /** Whether it is with the server when this returns. */
  publish(channel: Channel, parcel: Parcel): boolean {
    let reached = false
    this.channels[channel].put(() => {
      reached = true
      this.send(parcel)
    })
    return reached
  }

  /** From the server to whoever is subscribed. */
  send(parcel: Parcel): void {
    // Redis keeps nothing for those who are not there.
    if (!this.known.subscribed) return
    parcel.sent()
    const { link } = this
    link.put(() => {
      // What was on the link of a lost connection is gone.
      if (this.link === link && this.known.subscribed) parcel.arrived()
    })
  }

  /** The connection is gone, and what was on its way with it. */
  cut(): void {
    const { latency } = this.link
    this.link = new Line(this.time)
    this.link.latency = latency
  }

  channelIsSlow(channel: Channel, millis: number): void {
    this.channels[channel].latency = millis
    this.known.busWell = false
  }

  linkIsSlow(millis: number): void {
    this.link.latency = millis
    this.known.busWell = false
  }

  well(): void {
    this.channels.environment.latency = 0
    this.channels.tenant.latency = 0
    this.link.latency = 0
    this.known.busWell = true
  }
}
