/** The bundle exports the same names as the sources and loads no other packages. */
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..")
const built = join(root, "dist")

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
const exportsOf = async (file: string): Promise<ReadonlyArray<string>> => {
  const program = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(
    pathToFileURL(file).href
  )}))))`
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program])
  return stdout.trim().slice(1, -1).replaceAll('"', "").split(",").toSorted()
}

const entries = ["index", "RedisTenantEvents", "node", "testing"] as const

describe("the bundle", () => {
  it("has the exports of the sources, and its barrel loads neither Node nor Redis", async () => {
    mkdirSync(built, { recursive: true })
    const out = mkdtempSync(join(built, ".bundle-"))
    try {
      await run("npm", ["run", "bundle", "--", `--outdir=${out}`], { cwd: root })
      for (const entry of entries) {
        const source: object = await import(`../../src/${entry}.ts`)
        expect(await exportsOf(join(out, `${entry}.js`)), entry).toEqual(
          Object.keys(source).toSorted()
        )
      }
      for (const name of packagesOf(join(out, "index.js"))) {
        expect(name).toMatch(/^(?:effect|@effect\/platform\/.*)$/)
      }
      expect([...packagesOf(join(out, "node.js"))]).toContain("ioredis")
    } finally {
      rmSync(out, { recursive: true, force: true })
    }
  })
})
