/** Rows 9 and 10: the first list and a relist, of 100 000 tenants. */
import { layerUndici } from "@effect/platform-node/NodeHttpClient"
import { Context, Effect, Layer, Logger, LogLevel, Redacted, type Scope } from "effect"
import { TenantDiscovery, type TenantDiscoveryService, TenantManager } from "tenant-discovery"
import { TestTenantEvents } from "tenant-discovery/testing"
import { Agent, getGlobalDispatcher, request } from "undici"
import { answerOf, spawn } from "./harness/childProcess.js"
import { atMost, figure, type Figure } from "./harness/figure.js"
import { collectGarbage, elapsed, interleave, keep } from "./harness/rounds.js"
import { makeTenantManager } from "./harness/world.js"
import { API_KEY, ENVIRONMENT, SERVICE } from "./traffic.js"

type Theirs = Map<string, { readonly id: string; readonly name: string | undefined }>

const tenantsIn = (body: string): Theirs => {
  const listed = JSON.parse(body) as ReadonlyArray<{
    readonly id: string
    readonly name?: string
    readonly status?: string
  }>
  const tenants: Theirs = new Map()
  for (const { id, name, status } of listed) {
    if (status === undefined || status === "active") tenants.set(id, { id, name })
  }
  return tenants
}

const fetchList = async (url: string, dispatcher = getGlobalDispatcher()): Promise<Theirs> => {
  const { body } = await request(`${url}/v1/tenants/active?service=${SERVICE}`, {
    dispatcher,
    headers: { "x-api-key": API_KEY, accept: "application/json" }
  })
  return tenantsIn(await body.text())
}

/** A program that starts has no connection yet: each side opens one and closes it. */
const theirBootstrap = async (url: string): Promise<Theirs> => {
  const dispatcher = new Agent()
  try {
    return await fetchList(url, dispatcher)
  } finally {
    await dispatcher.destroy()
  }
}

/** Real HTTP, and a subscription that is acknowledged at once. */
const discoveryOver = (url: string): Effect.Effect<TenantDiscoveryService, unknown, Scope.Scope> =>
  TenantDiscovery.layer({ environment: ENVIRONMENT, reconcileInterval: 0 }).pipe(
    Layer.provide([
      TestTenantEvents.layer(),
      Layer.provide(
        TenantManager.layer({
          service: SERVICE,
          url,
          apiKey: Redacted.make(API_KEY),
          listBodyLimit: 512 * 1024 * 1024
        }),
        layerUndici
      )
    ]),
    Layer.build,
    Effect.map(Context.get(TenantDiscovery)),
    Logger.withMinimumLogLevel(LogLevel.None)
  )

const ourBootstrap = (url: string): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(discoveryOver(url), (discovery) => Effect.map(discovery.activeTenantIds, keep))
    )
  )

export type MemorySide = "ours" | "theirs"

/** In its own process (`main --memory`): the peak memory of one list in MB. */
export const peakMemory = async (side: MemorySide, url: string): Promise<number> => {
  const run = side === "ours" ? ourBootstrap : fetchList
  // The memory of the program and its compiled modules does not count.
  await run(url.replace(/\d+$/, "10"))
  collectGarbage()
  const before = process.memoryUsage().rss
  await run(url)
  return process.resourceUsage().maxRSS / 1024 - before / 1024 ** 2
}

const peakOf = (side: MemorySide, url: string) => async (): Promise<number> => {
  const child = spawn("../main.js", ["--memory", side, "--url", url])
  const peak = await answerOf<number>(child)
  child.kill()
  return peak
}

const baseline = "undici + JSON.parse + Map"

const row9 = (url: string) =>
  Effect.promise(async () => {
    const timed = (run: (url: string) => Promise<unknown>) => () =>
      elapsed(async () => keep(await run(url)))
    const time = await interleave({ ours: timed(ourBootstrap), theirs: timed(theirBootstrap) })
    const memory = await interleave(
      { ours: peakOf("ours", url), theirs: peakOf("theirs", url) },
      { warmUp: 0 }
    )
    const heading = { row: 9, baseline }
    return [
      figure(
        { ...heading, name: "bootstrap of 100k over HTTP, time", unit: "ms", budget: atMost(1.6) },
        time
      ),
      figure({ ...heading, name: "the same, peak memory", unit: "MB", budget: atMost(1.5) }, memory)
    ]
  })

/** A hand-written relist fetches the list and compares it. */
const isUnchanged = async (url: string, known: Theirs): Promise<boolean> => {
  const listed = await fetchList(url)
  let same = listed.size === known.size
  for (const [id, { name }] of listed) if (known.get(id)?.name !== name) same = false
  return same
}

const row10 = (url: string) =>
  Effect.gen(function* () {
    const discovery = yield* discoveryOver(url)
    const known = yield* Effect.promise(() => fetchList(url))
    const before = yield* discovery.view.get
    const rounds = yield* Effect.promise(() =>
      interleave({
        ours: () => elapsed(() => Effect.runPromise(Effect.orDie(discovery.refresh))),
        theirs: () =>
          elapsed(async () => {
            if (!(await isUnchanged(url, known))) throw new Error("the list changed")
          })
      })
    )
    const after = yield* discovery.view.get
    if (after.revision !== before.revision) {
      return yield* Effect.dieMessage("a relist that changes nothing published a new view")
    }
    return figure(
      {
        row: 10,
        name: "relist that changes nothing, 100k",
        baseline: `${baseline} + comparison`,
        unit: "ms",
        budget: atMost(1.6)
      },
      rounds
    )
  }).pipe(Effect.scoped)

export const bootstrap: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const { url } = yield* makeTenantManager
  const relist = yield* row10(`${url}/100000`)
  return [...(yield* row9(`${url}/100000`)), relist]
}).pipe(Effect.scoped)
