/**
 * Run within a copy of the sources that is broken: lives the kept story `NAME`, and
 * then so many histories until one breaks a law. `mutant.ts NAME RUNS SEED tell` shrinks what it finds;
 * says what came of it as JSON.
 */
import { check, complaint } from "./check.js"
import { stories } from "./stories.js"

const [name, runs, seed, telling] = process.argv.slice(2)
const kept = stories.find((story) => story.name === name)
const { report } = await check(Number(runs), Number(seed), { asFound: telling !== "tell" })
process.stdout.write(
  JSON.stringify({
    story: kept === undefined ? null : (complaint(kept) ?? null),
    report: report ?? null
  })
)
