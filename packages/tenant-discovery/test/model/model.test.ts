/**
 * Random histories of the world against the laws. `MODEL_RUNS` and `MODEL_SEED`
 * say how many and which: the seed is printed, and gives the same histories again.
 * The same each time without them; `npm run test:model` takes others.
 */
import { expect, it } from "@effect/vitest"
import { check } from "./check.js"

const runs = Number(process.env["MODEL_RUNS"] ?? "500")
const seed = Number(process.env["MODEL_SEED"] ?? "1")

it(
  `${runs} random histories keep every law (MODEL_SEED=${seed})`,
  { timeout: 60_000 + runs * 200 },
  async () => {
    const { report } = await check(runs, seed)
    expect(report, report).toBeUndefined()
  }
)
