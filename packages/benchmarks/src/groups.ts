/** The groups of rows. Each module is loaded only in the process that runs it. */
import type { Effect } from "effect"
import type { Figure } from "./harness/figure.js"

export interface Group {
  /** The rows of the table of budgets, each with its subject. */
  readonly rows: Readonly<Record<number, string>>
  /** Runs only where `--only` names it: it takes minutes. */
  readonly onlyWhenNamed?: boolean
  readonly load: () => Promise<Effect.Effect<ReadonlyArray<Figure>, unknown>>
}

export const groups = {
  listener: {
    rows: { 1: "messages of the own service", 2: "messages of a whole fleet" },
    load: async () => (await import("./listener.js")).listener
  },
  latency: {
    rows: { 3: "publish to visible", 4: "publish to a handler", 5: "the same, 1000 a second" },
    load: async () => (await import("./latency.js")).latency
  },
  view: {
    rows: { 6: "read the IDs", 7: "apply an event and read the IDs", 8: "memory per tenant" },
    load: async () => (await import("./view.js")).view
  },
  bootstrap: {
    rows: { 9: "first list of 100k", 10: "relist of 100k" },
    load: async () => (await import("./bootstrap.js")).bootstrap
  },
  coldStart: {
    rows: { 11: "cold start of a process" },
    load: async () => (await import("./coldStart.js")).coldStart
  },
  workers: {
    rows: { 12: "10k perTenant workers", 13: "a scheduled tick over 10k" },
    load: async () => (await import("./workers.js")).work
  },
  fleet: {
    rows: { 14: "100 replicas after a Redis restart" },
    load: async () => (await import("./fleet.js")).fleet
  },
  imports: {
    rows: { 15: "import time" },
    load: async () => (await import("./imports.js")).imports
  },
  sustained: {
    rows: { 16: "2000 transitions a second" },
    load: async () => (await import("./sustained.js")).sustained
  },
  "scale-out": {
    rows: {
      17: "time to move after a kill",
      18: "runs with an assignment",
      19: "replicas at rest",
      20: "needless moves"
    },
    onlyWhenNamed: true,
    load: async () => (await import("./scaleOut.js")).scaleOut
  }
} satisfies Record<string, Group>

export type GroupName = keyof typeof groups

export const runsByDefault = (name: GroupName): boolean => {
  const group: Group = groups[name]
  return group.onlyWhenNamed !== true
}

export const isGroupName = (name: string): name is GroupName => Object.hasOwn(groups, name)

export const groupNames: ReadonlyArray<GroupName> = Object.keys(groups).filter(isGroupName)

export const rowsOf = (name: GroupName): ReadonlyArray<number> =>
  Object.keys(groups[name].rows).map(Number)
