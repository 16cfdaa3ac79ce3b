/**
 * As many histories as asked for: `--runs N` (default 500) and `--seed S` (default
 * another one each time). Ends with 1 and the story where a law was broken.
 */
import { check } from "./check.js"

const numberAfter = (flag: string, otherwise: number): number => {
  const at = process.argv.indexOf(flag)
  const given = at < 0 ? otherwise : Number(process.argv[at + 1])
  if (!Number.isInteger(given)) throw new RangeError(`${flag}: expected a whole number`)
  return given
}

const runs = numberAfter("--runs", 500)
const seed = numberAfter("--seed", Date.now() % 2 ** 31)

const { report } = await check(runs, seed)
process.stdout.write(`${report ?? `${runs} histories kept every law (seed ${seed})`}\n`)
process.exitCode = report === undefined ? 0 : 1
