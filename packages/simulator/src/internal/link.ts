import type * as net from "node:net"

export type Direction = "toServer" | "toClient"

export interface Faults {
  readonly pass?: { readonly [direction in Direction]?: "hold" | "drop" }
  readonly bytesPerSecond?: { readonly [direction in Direction]?: number }
  /** Bytes until the connection ends. */
  readonly remaining?: { readonly [direction in Direction]?: number }
}

const sliceMillis = 20

/** One direction of a connection: the bytes that are received and not yet forwarded. */
class Pipe {
  faults: Faults = {}
  private queue: Array<Buffer> = []
  private queued = 0
  private ended = false
  private remaining = Number.POSITIVE_INFINITY
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly direction: Direction,
    private readonly from: net.Socket,
    private readonly to: net.Socket,
    private readonly cut: () => void
  ) {
    from.on("data", (chunk: Buffer) => {
      if (this.faults.pass?.[direction] === "drop") return
      this.queue.push(chunk)
      this.queued += chunk.length
      this.pump()
    })
    from.on("end", () => {
      this.ended = true
      this.pump()
    })
    to.on("drain", () => this.pump())
    to.on("connect", () => this.pump())
  }

  apply(faults: Faults) {
    if (faults.remaining !== this.faults.remaining) {
      this.remaining = faults.remaining?.[this.direction] ?? Number.POSITIVE_INFINITY
    }
    this.faults = faults
    // The pending slice belongs to the previous rate.
    clearTimeout(this.timer)
    this.timer = undefined
    this.pump()
  }

  close() {
    clearTimeout(this.timer)
    this.timer = undefined
    this.queue = []
  }

  private pump() {
    const rate = this.faults.bytesPerSecond?.[this.direction]
    if (this.faults.pass?.[this.direction] === undefined && this.timer === undefined) {
      if (rate === undefined) this.forward(Number.POSITIVE_INFINITY)
      else if (this.queued > 0) {
        // One slice per timer: at least one byte, after its duration at this rate.
        const bytes = Math.max(1, Math.floor((rate * sliceMillis) / 1000))
        this.timer = setTimeout(
          () => {
            this.timer = undefined
            if (this.faults.pass?.[this.direction] === undefined) this.forward(bytes)
            this.pump()
          },
          (bytes * 1000) / rate
        )
      }
    }
    // Backpressure: a full queue stops reading, so that the sender's window fills.
    if (this.queued > 1 << 20) this.from.pause()
    else this.from.resume()
    if (this.ended && this.queued === 0 && this.faults.pass?.[this.direction] === undefined) {
      this.to.end()
    }
  }

  private forward(limit: number) {
    let left = limit
    while (left > 0 && !this.to.connecting && !this.to.writableNeedDrain) {
      const head = this.queue[0]
      if (head === undefined) return
      const size = Math.min(head.length, left, this.remaining)
      const part = head.subarray(0, size)
      if (size === head.length) this.queue.shift()
      else this.queue[0] = head.subarray(size)
      this.queued -= size
      left -= size
      this.remaining -= size
      if (this.remaining <= 0) {
        // In the callback: a destroyed socket drops its buffer.
        this.to.write(part, () => this.cut())
        this.queue = []
        return
      }
      if (size > 0) this.to.write(part)
    }
  }
}

/** A client's connection and the one to the server behind it; they end together. */
export class Link {
  faults: Faults = {}
  private readonly pipes: ReadonlyArray<Pipe>
  private closed = false

  constructor(
    private readonly client: net.Socket,
    private readonly upstream: net.Socket,
    private readonly onClose: () => void
  ) {
    const cut = () => this.destroy("close")
    this.pipes = [
      new Pipe("toServer", client, upstream, cut),
      new Pipe("toClient", upstream, client, cut)
    ]
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true)
      // The other end of a held link must not see this end close.
      socket.on("error", () => this.ifNotHeld(cut))
      socket.on("close", () => this.ifNotHeld(cut))
    }
  }

  apply(faults: Faults) {
    this.faults = faults
    for (const pipe of this.pipes) pipe.apply(faults)
    if (this.client.destroyed || this.upstream.destroyed) {
      this.ifNotHeld(() => this.destroy("close"))
    }
  }

  destroy(how: "close" | "reset") {
    if (this.closed) return
    this.closed = true
    for (const pipe of this.pipes) pipe.close()
    for (const socket of [this.client, this.upstream]) {
      if (how === "reset" && !socket.connecting) socket.resetAndDestroy()
      else socket.destroy()
    }
    this.onClose()
  }

  private ifNotHeld(effect: () => void) {
    const pass = this.faults.pass
    // Without a client there is no one to hide the close from.
    if (this.client.destroyed || (pass?.toClient ?? pass?.toServer) === undefined) effect()
  }
}
