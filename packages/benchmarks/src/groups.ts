/** The groups of rows, each loaded only where it runs. */
import type { Effect } from "effect"
import type { Figure } from "./harness/figure.js"

export interface Group {
  readonly rows: ReadonlyArray<number>
  readonly load: () => Promise<Effect.Effect<ReadonlyArray<Figure>, unknown>>
}

export const groups = {
  listener: { rows: [1, 2, 3], load: async () => (await import("./listener.js")).listener },
  latency: { rows: [4, 5], load: async () => (await import("./latency.js")).latency },
  view: { rows: [6, 7, 8, 11], load: async () => (await import("./view.js")).view },
  bootstrap: { rows: [9, 10], load: async () => (await import("./bootstrap.js")).bootstrap },
  readers: { rows: [12], load: async () => (await import("./readers.js")).readers },
  workers: { rows: [13, 14], load: async () => (await import("./workers.js")).work },
  imports: { rows: [15], load: async () => (await import("./imports.js")).imports }
} satisfies Record<string, Group>

export type GroupName = keyof typeof groups

export const isGroupName = (name: string): name is GroupName => Object.hasOwn(groups, name)
