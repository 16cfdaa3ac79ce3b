/**
 * `--runs N` histories from `--seed S` (default: the time). Exits with 1 and the story where a
 * law is broken. `--mutant TEXT` runs over the mutant whose fault contains the text.
 */
import { parseArgs } from "node:util"
import { findViolation } from "./check.js"
import { stories } from "./stories.js"

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "500" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    mutant: { type: "string" }
  }
})
const { mutant, runs, seed } = values
const faulty = stories.find(({ fault }) => mutant !== undefined && fault.includes(mutant))
const report = await findViolation(Number(runs), Number(seed), faulty?.mutant)
process.stdout.write(`${report ?? `${runs} histories keep every law (seed ${seed})`}\n`)
process.exitCode = report === undefined ? 0 : 1
