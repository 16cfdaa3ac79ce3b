/** Rows 9 and 10: the list, the first time and again. */
import { Context, Effect, Layer, Logger, LogLevel, Redacted, type Scope } from "effect"
import {
  type SignalSink,
  TenantDiscovery,
  type TenantDiscoveryService,
  TenantEvents,
  TenantManager
} from "tenant-discovery"
import { HttpClient } from "@effect/platform"
import { layerUndici } from "@effect/platform-node/NodeHttpClient"
import { Agent, getGlobalDispatcher, request } from "undici"
import { answerOf, spawn } from "./harness/childProcess.js"
import { atMost, figure, type Figure, type Reach, shown } from "./harness/figure.js"
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

/** undici + JSON.parse + Map. */
const fetchList = async (url: string, dispatcher = getGlobalDispatcher()): Promise<Theirs> => {
  const { body } = await request(`${url}/v1/tenants/active?service=${SERVICE}`, {
    dispatcher,
    headers: { "x-api-key": API_KEY, accept: "application/json" }
  })
  return tenantsIn(await body.text())
}

/** A program that starts has no connection yet: each side opens one, and closes it. */
const theirBootstrap = async (url: string): Promise<Theirs> => {
  const dispatcher = new Agent()
  try {
    return await fetchList(url, dispatcher)
  } finally {
    await dispatcher.destroy()
  }
}

/** What is between them and us: the platform's client, made and closed likewise, and their JSON.parse + Map. */
const overThePlatform = (url: string): Promise<Theirs> =>
  HttpClient.get(`${url}/v1/tenants/active?service=${SERVICE}`, {
    headers: { "x-api-key": API_KEY, accept: "application/json" }
  }).pipe(
    Effect.flatMap((response) => response.text),
    Effect.map(tenantsIn),
    Effect.provide(layerUndici),
    Effect.runPromise
  )

const subscribed = Layer.succeed(TenantEvents, {
  subscribe: (sink: SignalSink) => Effect.sync(() => sink.subscribed())
})

/** Real HTTP, and a subscription that is there at once. */
const discoveryOver = (url: string): Effect.Effect<TenantDiscoveryService, unknown, Scope.Scope> =>
  TenantDiscovery.layer({ environment: ENVIRONMENT, reconcileInterval: 0 }).pipe(
    Layer.provide([
      subscribed,
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
    // Not by a layer of its own, which would be a tenth of the steps of a start.
    Logger.withMinimumLogLevel(LogLevel.None)
  )

const ourList = (url: string): Promise<void> =>
  Effect.runPromise(
    Effect.scoped(
      Effect.map(discoveryOver(url), (discovery) => keep(Effect.runSync(discovery.activeTenantIds)))
    )
  )

export type MemorySide = "ours" | "theirs"

/** In a process of its own: the most that one list took, in MB. Runs where `main` was told `--memory`. */
export const peakMemory = async (side: MemorySide, url: string): Promise<number> => {
  // What the program itself needs, its modules compiled, is not what is measured.
  await (side === "ours" ? ourList : fetchList)(url.replace(/\d+$/, "10"))
  collectGarbage()
  const before = process.memoryUsage().rss
  await (side === "ours" ? ourList : fetchList)(url)
  return process.resourceUsage().maxRSS / 1024 - before / 1024 ** 2
}

const peakOf = (side: MemorySide, url: string) => async (): Promise<number> => {
  const child = spawn("../main.js", ["--memory", side, "--url", url])
  const peak = await answerOf<number>(child)
  child.kill()
  return peak
}

const sizes: ReadonlyArray<{ readonly count: number; readonly name: string }> = [
  { count: 1000, name: "1k" },
  { count: 100_000, name: "100k" },
  { count: 1_000_000, name: "1M" }
]

const baseline = "undici + JSON.parse + Map"

const row9 = (manager: string) =>
  Effect.promise(async () => {
    const figures: Array<Figure> = []
    for (const { count, name } of sizes) {
      const url = `${manager}/${count}`
      // A thousand are too quick to be measured one by one.
      const times = count === 1000 ? 20 : 1
      const repeated = (run: () => Promise<unknown>) => async () =>
        (await elapsed(async () => {
          for (let i = 0; i < times; i++) keep(await run())
        })) / times
      const line = (what: string, unit: string, reach: Reach) => ({
        row: 9,
        name: `bootstrap of ${name} over HTTP, ${what}`,
        baseline,
        unit,
        reach
      })
      const both = {
        ours: repeated(() => ourList(url)),
        theirs: repeated(() => theirBootstrap(url))
      }
      if (count === 1000) {
        const platform = repeated(() => overThePlatform(url))
        const time = await interleave({ ...both, platform }, { rounds: 7, warmUp: 2 })
        const alone = "the same by the platform's HTTP client alone, with the baseline's Map"
        figures.push(
          figure(line("time", "ms", atMost(1.3)), time),
          figure(
            { ...line("time", "ms", shown), name: alone },
            { ours: time.platform, theirs: time.theirs }
          )
        )
        continue
      }
      const time = await interleave(both, { rounds: 5, warmUp: 1 })
      figures.push(figure(line("time", "ms", atMost(1.3)), time))
      const memory = await interleave(
        { ours: peakOf("ours", url), theirs: peakOf("theirs", url) },
        { rounds: 5, warmUp: 0 }
      )
      figures.push(figure(line("peak memory", "MB", atMost(1.3)), memory))
    }
    return figures
  })

/** What a hand-written re-list does: takes the list, and looks whether it differs. */
const relist = async (url: string, known: Theirs): Promise<boolean> => {
  const listed = await fetchList(url)
  let same = listed.size === known.size
  for (const [id, { name }] of listed) if (known.get(id)?.name !== name) same = false
  return same
}

const row10 = (manager: string) =>
  Effect.gen(function* () {
    const url = `${manager}/100000`
    const discovery = yield* discoveryOver(url)
    const known = yield* Effect.promise(() => fetchList(url))
    const before = yield* discovery.view.get
    const { ids } = before
    const measured = yield* Effect.promise(() =>
      interleave(
        {
          ours: () => elapsed(() => Effect.runPromise(Effect.orDie(discovery.refresh))),
          theirs: () =>
            elapsed(async () => {
              if (!(await relist(url, known))) throw new Error("the list changed")
            })
        },
        { rounds: 7, warmUp: 2 }
      )
    )
    const after = yield* discovery.view.get
    if (after.revision !== before.revision || after.ids !== ids) {
      return yield* Effect.dieMessage("a list that changes nothing made new IDs")
    }
    return figure(
      {
        row: 10,
        name: "re-list that changes nothing, 100k",
        baseline: `${baseline} + comparison`,
        unit: "ms",
        reach: atMost(1.3)
      },
      measured
    )
  }).pipe(Effect.scoped)

export const bootstrap: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.scoped(
  Effect.gen(function* () {
    const manager = yield* makeTenantManager
    const again = yield* row10(manager)
    return [...(yield* row9(manager)), again]
  })
)
