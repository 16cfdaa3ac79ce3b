/**
 * `npm run screenshots`: the page of a living program in both schemes, as `docs/page-light.png` and
 * `docs/page-dark.png`. Needs Chromium. The pictures are prettier with the font Inter
 * (`apt-get install fonts-inter fonts-jetbrains-mono`).
 */
import { Command } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Effect, Option, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { makeBrowser, visit } from "./browser.js"

const workspace = new URL("../../../../", import.meta.url)
const file = (path: string) => fileURLToPath(new URL(path, workspace))

/** Starts the playground; gives the address of its page. */
const playground = Effect.gen(function* () {
  const program = yield* Command.make(
    process.execPath,
    "--import",
    "tsx",
    "--conditions=tenant-discovery-source",
    file("packages/examples/src/playground/main.ts")
  ).pipe(Command.env({ PORT: "0" }), Command.stderr("inherit"), Command.start)
  const address = yield* program.stdout.pipe(
    Stream.decodeText(),
    Stream.splitLines,
    Stream.filterMap((line) => Option.fromNullable(/^Page: (\S+)$/.exec(line)?.[1])),
    Stream.runHead
  )
  return yield* address
})

/** Something for the timeline to tell. */
const story = Effect.fnUntraced(function* (page: string) {
  const act = (action: string, tenant?: string) =>
    Effect.promise(() =>
      fetch(new URL(`/demo/actions/${action}`, page), {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ tenant })
      })
    ).pipe(Effect.delay("1500 millis"))

  yield* act("rotate", "7f3c2b1a0d4e4c8b9a6f5e1d2c3b4a59")
  yield* act("suspend", "tenant-7")
  yield* act("redis-kill")
  yield* act("reactivate", "tenant-7")
  yield* act("redis-start")
  yield* act("work-fails", "9b74c9897bac4afe8b5c1d2e3f4a5b6c")
  yield* act("create")
  yield* act("list")
})

const SELECTED = "Massive Dynamic"

const main = Effect.gen(function* () {
  const address = yield* playground
  yield* story(address)
  const browser = yield* makeBrowser
  for (const scheme of ["light", "dark"] as const) {
    const { page } = yield* visit(browser, new URL("/", address).href, { height: 840, scheme })
    yield* Effect.promise(async () => {
      // The library has recovered.
      await page.locator("#mode").getByText("Live", { exact: true }).waitFor({ timeout: 30_000 })
      await page.getByRole("option", { name: SELECTED }).click()
      await page.getByRole("region", { name: SELECTED }).getByText("Last failure").first().waitFor()
      await page.mouse.move(0, 0)
      await page.evaluate("scrollTo(0, 0)")
      await page.screenshot({ path: file(`docs/page-${scheme}.png`) })
    })
  }
})

NodeRuntime.runMain(
  main.pipe(Effect.scoped, Effect.timeout("90 seconds"), Effect.provide(NodeContext.layer))
)
