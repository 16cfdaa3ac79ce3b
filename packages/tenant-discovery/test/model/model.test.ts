/** Random histories. `MODEL_RUNS` and `MODEL_SEED` choose how many, and which. */
import { expect, it } from "@effect/vitest"
import { findViolation } from "./check.js"

const runs = Number(process.env["MODEL_RUNS"] ?? "100")
const seed = Number(process.env["MODEL_SEED"] ?? "1")

it(
  `${runs} random histories keep every law (MODEL_SEED=${seed})`,
  { timeout: 60_000 + runs * 200 },
  async () => {
    const report = await findViolation(runs, seed)
    expect(report, report).toBeUndefined()
  }
)
