/** `watch`: one line for each change of the tenants, until it is interrupted. */
import * as Command from "@effect/cli/Command"
import * as Terminal from "@effect/platform/Terminal"
import { Clock, Console, Duration, Effect, Stream } from "effect"
import {
  type DiscoveryStatus,
  type TenantChange,
  TenantDiscovery,
  TenantView
} from "tenant-discovery"
import { layerDiscovery } from "./edges.js"
import { endsByInterruption } from "./exitCode.js"
import { envFile, json, withEnvFile } from "./options.js"
import { counted, printable } from "./output.js"
import { makePublishedEvents, type PublishedEvents } from "./publishedEvents.js"

/** What is printed as a line. Its fields are those of the JSON, where `at` is an ISO 8601 time. */
interface Entry {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly kind: "added" | "removed" | "connections" | "updated" | "mode"
  readonly tenant: { readonly id: string; readonly name: string | null } | null
  /** The event's type, `list`, or what a mode means. */
  readonly cause: string
  /** From the publisher's timestamp until the change was seen, in milliseconds; `null` for a list. */
  readonly lagMillis: number | null
}

const KINDS = {
  Added: "added",
  Removed: "removed",
  ConnectionsChanged: "connections",
  Updated: "updated"
} as const

/** The cause as far as the change tells it. */
const causeOf = (change: TenantChange): string => {
  if (change._tag === "ConnectionsChanged") return change.reason
  return change._tag === "Removed" && change.cause._tag === "Event"
    ? change.cause.eventType
    : "list"
}

const entryOf = (change: TenantChange, published: PublishedEvents, at: number): Entry => {
  const { id, name } = change.tenant
  const byList = change._tag === "Removed" && change.cause._tag === "Listing"
  const event = byList ? undefined : published.take(id, at)
  return {
    at,
    kind: KINDS[change._tag],
    tenant: { id, name: name ?? null },
    cause: event?.eventType ?? causeOf(change),
    lagMillis: event?.publishedAt === undefined ? null : at - event.publishedAt
  }
}

const modeText = ({ lastError, mode, tenantCount }: DiscoveryStatus): string => {
  const meaning = {
    Live: "Live: subscribed to events, nothing is missing",
    Resyncing: "Resyncing: subscribed, waiting for a list",
    BootstrapOnly: "BootstrapOnly: not subscribed, only lists find changes",
    SingleTenant: "SingleTenant: the tenants never change"
  }[mode]
  const why =
    mode === "BootstrapOnly" && lastError?._tag === "SubscriptionLost"
      ? ` (${lastError.cause.message})`
      : ""
  return `${meaning}${why}; ${counted(tenantCount, "tenant")}`
}

const timeOf = (at: number): string => new Date(at).toISOString().slice(11, 23)

const textOf = ({ at, cause, kind, lagMillis, tenant }: Entry): string =>
  [
    timeOf(at),
    kind.padEnd(11),
    ...(tenant === null
      ? []
      : [tenant.name === null ? tenant.id : `${tenant.id} (${printable(tenant.name)})`]),
    printable(cause),
    ...(lagMillis === null ? [] : [`lag ${lagMillis} ms`])
  ].join("  ")

const jsonOf = (entry: Entry): string =>
  JSON.stringify({ ...entry, at: new Date(entry.at).toISOString() })

/** Counts what was printed. */
const makeTally = () => {
  const counts = { added: 0, removed: 0, connections: 0, updated: 0, mode: 0 }
  let longest: number | null = null
  return {
    count: ({ kind, lagMillis }: Entry): void => {
      counts[kind]++
      if (lagMillis !== null) longest = Math.max(longest ?? 0, lagMillis)
    },
    changes: () => counts.added + counts.removed + counts.connections + counts.updated,
    summary: (took: number) => ({
      kind: "summary" as const,
      seconds: Math.floor(took / 1000),
      added: counts.added,
      removed: counts.removed,
      connections: counts.connections,
      updated: counts.updated,
      longestLagMillis: longest
    })
  }
}

const summaryText = (summary: ReturnType<ReturnType<typeof makeTally>["summary"]>): string => {
  const { added, connections, longestLagMillis, removed, seconds, updated } = summary
  const lag = longestLagMillis === null ? "" : `; longest lag ${longestLagMillis} ms`
  return `watched for ${Duration.format(Duration.seconds(seconds))}: ${added} added, ${removed} removed, ${connections} with changed connections, ${updated} updated${lag}`
}

const CLEAR_LINE = "\r\u001b[2K"

/**
 * Prints each change of the tenants and of the mode, until the discovery closes or it is
 * interrupted; then it prints a summary. On a terminal a status line stays at the bottom.
 */
export const watch = (
  format: "text" | "json",
  published: PublishedEvents
): Effect.Effect<void, never, TenantDiscovery | Terminal.Terminal> =>
  Effect.gen(function* () {
    const { status, view } = yield* TenantDiscovery
    const terminal = yield* Terminal.Terminal
    const hasStatusLine = format === "text" && (yield* terminal.isTTY)
    const startedAt = yield* Clock.currentTimeMillis
    const tally = makeTally()
    const start = yield* view.get

    const modes = status.changes.pipe(
      Stream.changesWith((a, b) => a.mode === b.mode),
      Stream.map((status): Omit<Entry, "at"> => ({
        kind: "mode",
        tenant: null,
        cause: modeText(status),
        lagMillis: null
      })),
      Stream.mapEffect((entry) => Effect.map(Clock.currentTimeMillis, (at) => ({ ...entry, at })))
    )
    const changes = view.changes.pipe(
      Stream.mapAccum(start, (seen, next) => [next, TenantView.diff(seen, next)]),
      Stream.mapConcatEffect((found) =>
        Effect.map(Clock.currentTimeMillis, (at) =>
          found.map((change) => entryOf(change, published, at))
        )
      )
    )
    const statusLine = Effect.gen(function* () {
      const { asOf, mode, size } = yield* view.get
      const age = Math.max(0, Math.floor(((yield* Clock.currentTimeMillis) - asOf) / 1000))
      const text = `${mode} | ${counted(size, "tenant")} | view ${age} s old | ${counted(tally.changes(), "change")} | Ctrl-C ends`
      yield* terminal.display(
        `${CLEAR_LINE}${text.slice(0, ((yield* terminal.columns) || 80) - 1)}`
      )
    }).pipe(Effect.ignore)

    const print = (entry: Entry) =>
      Effect.gen(function* () {
        tally.count(entry)
        if (hasStatusLine) yield* Effect.ignore(terminal.display(CLEAR_LINE))
        yield* Console.log(format === "json" ? jsonOf(entry) : textOf(entry))
        if (hasStatusLine) yield* statusLine
      })
    const summary = Effect.gen(function* () {
      const summary = tally.summary((yield* Clock.currentTimeMillis) - startedAt)
      if (hasStatusLine) yield* Effect.ignore(terminal.display(CLEAR_LINE))
      yield* Console.log(format === "json" ? JSON.stringify(summary) : summaryText(summary))
    })

    yield* Effect.raceFirst(
      Stream.runForEach(Stream.merge(modes, changes), print),
      hasStatusLine
        ? Effect.forever(Effect.zipRight(statusLine, Effect.sleep("1 second")))
        : Effect.never
    ).pipe(Effect.ensuring(summary))
  })

export const watchCommand = Command.make("watch", { envFile, json }, (options) =>
  makePublishedEvents.pipe(
    Effect.flatMap((published) =>
      Effect.provide(
        watch(options.json ? "json" : "text", published),
        layerDiscovery(published.record)
      )
    ),
    endsByInterruption,
    withEnvFile(options.envFile)
  )
).pipe(
  Command.withDescription("Prints a line for each change, with its cause and lag, until Ctrl-C.")
)
