/**
 * `npm run check:sources`: the rules about the library's files that no linter has. Prints each
 * violation and exits with 1 where there is one.
 */
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { codeOf, cyclesOf, importsOf, modules, sourceGraph, src } from "./modules.js"

const MOST_LINES = 350

/** What hides a dependency's or the runtime's private parts, or work outside of fibers. */
const FORBIDDEN: ReadonlyArray<readonly [pattern: RegExp, instead: string]> = [
  [/\bremoveAllListeners\b/, "remove the listeners that this code added"],
  [
    /\b(?:redis|client|connection)\.stream\b/,
    "use documented ioredis options; `redis.stream` is private"
  ],
  [/\bisCluster\b/, "use documented ioredis options; `isCluster` is private"],
  [/\bFiberRefs\b/, "use `Effect.locally` or a fork"],
  [/\b(?:queueMicrotask|setImmediate)\b/, "use `Effect.yieldNow`"],
  [/\b(?:performance\.now|Date\.now)\b/, "use `Clock`"],
  [/\bMath\.random\b/, "use `Random`"]
]

const violations: Array<string> = []

for (const cycle of cyclesOf(sourceGraph())) violations.push(`import cycle: ${cycle.join(" -> ")}`)

const byName = new Map<string, Array<string>>()
for (const file of modules) {
  byName.set(basename(file), [...(byName.get(basename(file)) ?? []), file])
}
for (const files of byName.values()) {
  if (files.length > 1) violations.push(`files of one name: ${files.join(", ")}`)
}

for (const file of modules) {
  const lines = readFileSync(join(src, file), "utf8").split("\n").length - 1
  if (lines > MOST_LINES) violations.push(`${file}: ${lines} lines; at most ${MOST_LINES}`)
  const code = codeOf(file)
  for (const [pattern, instead] of FORBIDDEN) {
    const found = pattern.exec(code)
    if (found !== null) violations.push(`${file}: ${found[0]}; ${instead}`)
  }
  for (const { kind, name } of importsOf(file)) {
    if (kind === "dynamic")
      violations.push(`${file}: dynamic import of ${name}; import it statically`)
  }
}

for (const violation of violations) console.error(violation)
console.log(`${modules.length} files under src, ${violations.length} violations`)
if (violations.length > 0) process.exitCode = 1
