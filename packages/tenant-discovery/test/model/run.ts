/**
 * `--runs N` histories (default 500) from `--seed S` (default: the time). Exits with 1 and the
 * story where a law is broken. `--mutant TEXT` runs over the first mutant with that text.
 */
import { findViolation } from "./check.js"
import { mutants } from "./mutants.js"
import { count, text } from "./scriptOptions.js"

const runs = count("--runs", 500)
const seed = count("--seed", Date.now() % 2 ** 31)
const name = text("--mutant")
const mutant = name === undefined ? undefined : mutants.find(({ fault }) => fault.includes(name))

const report = await findViolation(runs, seed, { variant: mutant ?? {} })
process.stdout.write(`${report ?? `${runs} histories keep every law (seed ${seed})`}\n`)
process.exitCode = report === undefined ? 0 : 1
