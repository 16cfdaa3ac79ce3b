/** The last IDs that were seen: a ring with an index. */
export class RecentIds {
  private readonly known = new Set<string>()
  private readonly ring: Array<string> = []
  private next = 0

  constructor(private readonly capacity: number) {}

  /** `true` where the ID was seen within the window; remembers it otherwise. */
  seen(id: string): boolean {
    if (this.known.has(id)) return true
    if (this.capacity <= 0) return false
    const oldest = this.ring[this.next]
    if (oldest !== undefined) this.known.delete(oldest)
    this.ring[this.next] = id
    this.known.add(id)
    this.next = (this.next + 1) % this.capacity
    return false
  }
}
