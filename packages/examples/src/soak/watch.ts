/** Compares the program with the tenant manager's state, and measures what it holds. */
import { Effect, Fiber, Supervisor } from "effect"

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

/** Keeps for how long an active tenant has not been worked for. */
export class Neglect {
  private activeSince = new Map<string, number>()
  /** The longest time in milliseconds, and whose. */
  longest = 0
  tenant = ""

  sample(active: ReadonlyArray<string>, worked: ReadonlyMap<string, number>, now: number): void {
    const before = this.activeSince
    this.activeSince = new Map(active.map((id) => [id, before.get(id) ?? now]))
    for (const [id, since] of this.activeSince) {
      const waited = now - Math.max(since, worked.get(id) ?? 0)
      if (waited <= this.longest) continue
      this.longest = waited
      this.tenant = id
    }
  }
}

/** Counts the fibers that are alive, of the effects under `Effect.supervised`. */
export class FiberCount extends Supervisor.AbstractSupervisor<number> {
  private alive = 0
  override readonly value = Effect.sync(() => this.alive)
  override onStart(): void {
    this.alive++
  }
  override onEnd(): void {
    this.alive--
  }
}

export interface Measure {
  /** In megabytes, to a tenth. */
  readonly heap: number
  readonly handles: number
  readonly timers: number
  /** Fibers of the program; and those without a parent in the process. */
  readonly fibers: number
  readonly roots: number
}

/** Measures after garbage collections. The heap is the least of eight: requests come and go. */
export const measure = (fibers: FiberCount): Effect.Effect<Measure> =>
  Effect.gen(function* () {
    let heap = Infinity
    for (let round = 0; round < 8; round++) {
      globalThis.gc?.()
      heap = Math.min(heap, process.memoryUsage().heapUsed / 1024 / 1024)
      yield* Effect.sleep("500 millis")
    }
    const resources = process.getActiveResourcesInfo()
    return {
      heap: Math.round(heap * 10) / 10,
      handles: resources.length,
      timers: resources.filter((resource) => resource === "Timeout").length,
      fibers: yield* fibers.value,
      roots: (yield* Fiber.roots).length
    }
  })
