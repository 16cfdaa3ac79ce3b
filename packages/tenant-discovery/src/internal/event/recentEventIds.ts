/**
 * A function that answers whether an event ID was seen before, and remembers it. It remembers at
 * least the last `window` IDs, and at most twice as many.
 */
export const makeRecentEventIds = (window: number): ((eventId: string) => boolean) => {
  // When the newer set is full it becomes the older one, and the IDs of the older one are dropped.
  let older = new Set<string>()
  let newer = new Set<string>()
  return (eventId) => {
    if (newer.has(eventId) || older.has(eventId)) return true
    newer.add(eventId)
    if (newer.size >= window) {
      older = newer
      newer = new Set()
    }
    return false
  }
}
