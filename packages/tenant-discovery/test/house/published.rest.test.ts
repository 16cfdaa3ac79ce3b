/** What would be published: that the bundle has what the sources have, and loads no more. */
import { describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { promisify } from "node:util"

const run = promisify(execFile)
const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..")
const built = join(root, "dist")

/** As the bundler writes them, whose last line is all that is asked for. */
const STATIC = /^(?:import\b.*|\} from )"([^"]+)";$/gm

/** The packages that loading a file leads to, before anything is run. */
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

/** In a process of its own, as a program of Node loads it. */
const exportsOf = async (file: string): Promise<ReadonlyArray<string>> => {
  const program = `console.log(JSON.stringify(Object.keys(await import(${JSON.stringify(
    pathToFileURL(file).href
  )}))))`
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program])
  return stdout.trim().slice(1, -1).replaceAll('"', "").split(",").toSorted()
}

const entries = ["index", "RedisTenantEvents", "node", "testing"] as const

describe("the bundle", () => {
  it("exports what the sources do, and the barrel loads neither HTTP nor Redis", async () => {
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
      expect([...packagesOf(join(out, "index.js"))]).toEqual(["effect"])
      expect([...packagesOf(join(out, "node.js"))]).toContain("ioredis")
    } finally {
      rmSync(out, { recursive: true, force: true })
    }
  })
})
