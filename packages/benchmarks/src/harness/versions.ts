/** The versions of the measured packages. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

const require = createRequire(import.meta.url)

const versionOf = (name: string): string => {
  // Not every package exports its package.json: search upward from its entry point.
  for (let at = dirname(require.resolve(name)); at !== dirname(at); at = dirname(at)) {
    try {
      const found: unknown = JSON.parse(readFileSync(join(at, "package.json"), "utf8"))
      if (
        typeof found === "object" &&
        found !== null &&
        "version" in found &&
        typeof found.version === "string"
      ) {
        return found.version
      }
    } catch {
      continue
    }
  }
  return "unknown"
}

export const versions = (): Readonly<Record<string, string>> => ({
  node: process.versions.node,
  effect: versionOf("effect"),
  ioredis: versionOf("ioredis"),
  undici: versionOf("undici")
})
