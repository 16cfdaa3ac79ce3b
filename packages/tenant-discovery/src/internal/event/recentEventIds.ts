/** Remembers at least the last `window` event IDs, and at most twice as many. */
export interface RecentEventIds {
  /** Whether the ID was seen before; remembers it. */
  readonly seen: (eventId: string) => boolean
}

/** Two sets in turn: when one is full it becomes the older one, and the oldest is dropped. */
export const makeRecentEventIds = (window: number): RecentEventIds => {
  let older = new Set<string>()
  let newer = new Set<string>()
  return {
    seen: (eventId) => {
      if (newer.has(eventId) || older.has(eventId)) return true
      newer.add(eventId)
      if (newer.size >= window) {
        older = newer
        newer = new Set()
      }
      return false
    }
  }
}
