/** A real browser: Debian's Chromium, driven by playwright-core. */
import { Effect, type Scope } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { type Browser, chromium, type Page } from "playwright-core"

const CHROMIUM = "/usr/bin/chromium"

/** Whether this machine has the browser. */
export const hasChromium = existsSync(CHROMIUM)

const launch = () =>
  chromium.launch({
    executablePath: CHROMIUM,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync"
    ]
  })

/** With a profile of its own, which is removed at the end. */
export const makeBrowser: Effect.Effect<Browser, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(launch),
  (browser) => Effect.promise(() => browser.close())
)

export interface Visit {
  readonly page: Page
  /** The errors and warnings of the console, and the errors that nothing caught. */
  readonly complaints: ReadonlyArray<string>
}

export interface VisitOptions {
  readonly width?: number
  readonly height?: number
  readonly scheme?: "light" | "dark"
  /** The test moves the clock of the page, with `page.clock`. */
  readonly fakeClock?: boolean
}

/** Opens an address in a window of its own. */
export const visit = (
  browser: Browser,
  url: string,
  { fakeClock = false, height = 900, scheme = "light", width = 1280 }: VisitOptions = {}
): Effect.Effect<Visit, never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.acquireRelease(
      Effect.promise(() =>
        browser.newContext({
          viewport: { width, height },
          colorScheme: scheme,
          reducedMotion: "reduce",
          locale: "en-GB",
          timezoneId: "UTC"
        })
      ),
      (context) => Effect.promise(() => context.close())
    )
    const page = yield* Effect.promise(() => context.newPage())
    page.setDefaultTimeout(10_000)
    const complaints: Array<string> = []
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text())
    })
    page.on("pageerror", (error) => complaints.push(String(error)))
    if (fakeClock) yield* Effect.promise(() => page.clock.install())
    yield* Effect.promise(() => page.goto(url))
    return { page, complaints }
  })

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

/** What axe-core finds wrong: each rule with the elements that break it. */
export const violations = (page: Page): Effect.Effect<ReadonlyArray<string>> =>
  Effect.promise(async () => {
    await page.evaluate(axe)
    return page.evaluate<ReadonlyArray<string>>(
      `axe.run().then(({ violations }) =>
        violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" | ")))`
    )
  })
