/** Compares the view with the tenant manager's state. */

/** Keeps since when each tenant is in only one of the two. */
export class Divergence {
  private since = new Map<string, number>()
  /** The longest time in milliseconds for which a tenant was wrong. */
  longest = 0

  get wrong(): number {
    return this.since.size
  }

  sample(truth: ReadonlyArray<string>, view: ReadonlyArray<string>, now: number): void {
    const right = new Set(truth)
    const known = new Set(view)
    const before = this.since
    this.since = new Map()
    for (const id of truth) if (!known.has(id)) this.since.set(id, before.get(id) ?? now)
    for (const id of view) if (!right.has(id)) this.since.set(id, before.get(id) ?? now)
    for (const began of this.since.values()) this.longest = Math.max(this.longest, now - began)
  }
}
