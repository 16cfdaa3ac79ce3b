/** The bundle exports the same names as the sources and loads no other packages. */
import { describe, expect } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { resolvable, run, temporaryFolder, workspace } from "../package/support.js"
import { live } from "../support/live.js"

const root = join(workspace, "packages/tenant-discovery")

/** The last line of an import, as the bundler writes it. */
const STATIC = /^(?:import\b.*|\} from )"([^"]+)";$/gm

/** The packages that a file imports statically, through all its modules. */
const packagesOf = (file: string, seen = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(file)) return new Set()
  seen.add(file)
  const found = new Set<string>()
  for (const [, specifier = ""] of readFileSync(file, "utf8").matchAll(STATIC)) {
    if (!specifier.startsWith(".")) found.add(specifier)
    else for (const name of packagesOf(join(dirname(file), specifier), seen)) found.add(name)
  }
  return found
}

/** The exported names, loaded in another process. */
const exportsOf = (file: string) => {
  const url = JSON.stringify(pathToFileURL(file).href)
  const program = `console.log(Object.keys(await import(${url})).sort().join())`
  return Effect.map(
    run(process.execPath, ["--input-type=module", "-e", program], root),
    (printed) => printed.trim().split(",")
  )
}

const entries = ["index", "RedisTenantEvents", "node", "testing"] as const

describe("the bundle", () => {
  live("has the exports of the sources, and its barrel loads neither Node nor Redis", function* () {
    const out = yield* temporaryFolder(resolvable)
    yield* run("npm", ["run", "bundle", "--", `--outdir=${out}`], root)
    for (const entry of entries) {
      const source = yield* Effect.promise((): Promise<object> => import(`../../src/${entry}.ts`))
      const names = yield* exportsOf(join(out, `${entry}.js`))
      expect(names, entry).toEqual(Object.keys(source).toSorted())
    }
    for (const name of packagesOf(join(out, "index.js"))) {
      expect(name).toMatch(/^(?:effect|@effect\/platform\/.*)$/)
    }
    expect([...packagesOf(join(out, "node.js"))]).toContain("ioredis")
  })
})
