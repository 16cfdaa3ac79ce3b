/**
 * The code of the README and the guides: every TypeScript block is type-checked with the compiler
 * options of the workspace. Tests among them run; programs run against a simulator.
 */
import { expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe } from "vitest"

const TIMEOUT = 120_000

const run = promisify(execFile)
const examples = resolve(dirname(fileURLToPath(import.meta.url)), "..")
const workspace = resolve(examples, "../..")
/** Below the examples, so that the blocks find their packages; ignored by git. */
const folder = join(examples, "dist/docs")

const documents = [
  "README.md",
  "CONTRIBUTING.md",
  "ARCHITECTURE.md",
  ...readdirSync(join(workspace, "docs"))
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
  ...readdirSync(join(workspace, "packages"))
    .map((name) => `packages/${name}/README.md`)
    .filter((file) => existsSync(join(workspace, file)))
]

interface Block {
  readonly name: string
  readonly code: string
}

const blocks: ReadonlyArray<Block> = documents.flatMap((document) => {
  const text = readFileSync(join(workspace, document), "utf8")
  return [...text.matchAll(/^ *```ts\n(.*?)^ *```/gms)].map(([, code = ""], at): Block => {
    const kind = code.includes("@effect/vitest") ? ".test.ts" : ".ts"
    const slug = document.replace(/\.md$/, "").replaceAll(/[^\w-]/g, "-")
    return { name: `${slug}-${at + 1}${kind}`, code }
  })
})

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const { code, name } of blocks) writeFileSync(join(folder, name), code)
  const config = {
    extends: relative(folder, join(workspace, "tsconfig.json")),
    // An example may show a name without using it.
    compilerOptions: { noUnusedLocals: false, declaration: false, declarationMap: false },
    include: ["*.ts"]
  }
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it("every block is type-checked", { timeout: TIMEOUT }, async () => {
  expect(blocks.length).toBeGreaterThan(20)
  const tsc = join(workspace, "node_modules/typescript/bin/tsc")
  const problems = await run(process.execPath, [tsc, "-p", folder]).then(
    () => "",
    (error: { readonly stdout: string }) => error.stdout
  )
  expect(problems).toBe("")
})

it("every test among them passes", { timeout: TIMEOUT }, async () => {
  const vitest = join(workspace, "node_modules/vitest/vitest.mjs")
  const config = join(folder, "vitest.config.mjs")
  const conditions = ["tenant-discovery-source"]
  writeFileSync(
    config,
    `export default ${JSON.stringify({
      resolve: { conditions },
      ssr: { resolve: { conditions, externalConditions: conditions } }
    })}`
  )
  const { stdout } = await run(
    process.execPath,
    [vitest, "run", "--config", config, "--root", folder],
    { env: { PATH: process.env["PATH"], NO_COLOR: "1" } }
  )
  const tests = blocks.filter(({ name }) => name.endsWith(".test.ts"))
  expect(stdout).toContain(`Test Files  ${tests.length} passed`)
})

/** A program over a database of its own has an example that runs. */
const programs = blocks.filter(
  ({ code }) => code.includes("runMain(") && !/@effect\/sql|ClusterAssignment/.test(code)
)

describe.each(programs)("the program $name", ({ name }) => {
  it.scopedLive(
    "follows the tenants, and ends with 0 on SIGTERM",
    () =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.make({
          redis: { kind: "embedded" },
          environment: "docs",
          tenants: [{ id: "acme" }]
        })
        let output = ""
        const child = yield* Effect.acquireRelease(
          Effect.sync(() => {
            const conditions = "--conditions=tenant-discovery-source"
            return spawn(process.execPath, ["--import", "tsx", conditions, join(folder, name)], {
              env: {
                PATH: process.env["PATH"],
                NO_COLOR: "1",
                MULTI_TENANT_OPS_PORT: "0",
                ...simulator.env
              },
              stdio: ["ignore", "pipe", "pipe"]
            })
          }),
          (process) => Effect.sync(() => process.kill("SIGKILL"))
        )
        yield* Effect.async<void>((resume) => {
          const read = (chunk: Buffer) => {
            output += chunk.toString()
            if (output.includes("following tenant events")) resume(Effect.void)
          }
          child.stdout.on("data", read)
          child.stderr.on("data", read)
          child.once("exit", () => resume(Effect.void))
        })
        const exited = once(child, "exit")
        child.kill("SIGTERM")
        yield* Effect.promise(() => (child.exitCode === null ? exited : Promise.resolve([])))
        expect(child.exitCode, output).toBe(0)
        expect(output).toContain("following tenant events")
      }),
    TIMEOUT
  )
})

describe.each(documents)("%s", (document) => {
  it("has no broken link", () => {
    const text = readFileSync(join(workspace, document), "utf8").replaceAll(/^```.*?^```/gms, "")
    const slug = (heading: string) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
        .trim()
        .replaceAll(" ", "-")
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [path = "", anchor] = target.split("#")
      const file = path === "" ? document : join(dirname(document), path)
      expect(existsSync(join(workspace, file)), `${target} in ${document}`).toBe(true)
      if (anchor === undefined || !file.endsWith(".md")) continue
      const headings = readFileSync(join(workspace, file), "utf8").matchAll(/^#+ (.*)$/gm)
      expect(
        [...headings].map(([, heading = ""]) => slug(heading)),
        target
      ).toContain(anchor)
    }
  })
})
