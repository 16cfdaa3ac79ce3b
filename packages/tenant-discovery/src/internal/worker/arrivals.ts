/** Those who wait, in the order in which they came. */

export interface Arrival {
  readonly arrival: number
  /** No longer waiting; it is passed over. */
  gone: boolean
}

/** Below this many entries nothing is swept. */
const SWEEP = 64

export class Arrivals<A extends Arrival> {
  private all: Array<A> = []
  private head = 0
  private waiting = 0

  get size(): number {
    return this.waiting
  }

  /** At the end, unless it came before others that are there. */
  add(one: A): void {
    this.waiting += 1
    let at = this.all.length
    while (at > this.head && (this.all[at - 1]?.arrival ?? 0) > one.arrival) at -= 1
    if (at === this.all.length) this.all.push(one)
    else this.all.splice(at, 0, one)
  }

  take(): A | undefined {
    while (this.head < this.all.length) {
      const one = this.all[this.head++]
      this.sweep()
      if (one === undefined || one.gone) continue
      this.waiting -= 1
      return one
    }
    return undefined
  }

  leave(one: A): void {
    one.gone = true
    this.waiting -= 1
    this.sweep()
  }

  clear(): void {
    this.all = []
    this.head = 0
    this.waiting = 0
  }

  /** Those who left would otherwise pile up behind one that waits for long. */
  private sweep(): void {
    if (this.all.length < SWEEP || this.all.length < 2 * this.waiting) return
    this.all = this.all.slice(this.head).filter(({ gone }) => !gone)
    this.head = 0
  }
}
