/** The packed library in projects of their own, installed as the README says. */
import { describe, expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect, Exit, Schema, Scope } from "effect"
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { live } from "../support/live.js"
import {
  installCommands,
  LEFT_OUT,
  pack,
  programs,
  reachesRegistry,
  resolvable,
  run,
  temporaryFolder,
  workspace,
  yarnSettings
} from "./support.js"

const TIMEOUT = 300_000

const scope = Effect.runSync(Scope.make())
/** Holds the tarball, the compilers and the projects, which find the compilers' types above them. */
const folder = await Effect.runPromise(Scope.extend(temporaryFolder(tmpdir()), scope))
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)), TIMEOUT)

let tarball = ""
beforeAll(async () => {
  tarball = await Effect.runPromise(pack("tenant-discovery", folder))
}, TIMEOUT)

const Version = Schema.Struct({ version: Schema.String })

/** Settings of npm, which pnpm reads too. */
const quick = {
  npm_config_prefer_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false"
}

const tsc7 = join(workspace, "node_modules/typescript/bin/tsc")
const tsc59 = join(folder, "node_modules/typescript/bin/tsc")

const tsconfig = (skipLibCheck: boolean) => ({
  compilerOptions: {
    target: "ES2022",
    // `DOM` is for the declarations of Effect's platform packages.
    lib: ["ES2023", "DOM"],
    module: "NodeNext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    skipLibCheck,
    outDir: "out"
  },
  files: ["installed.mts", "required.cts"]
})

/** Type-checks the two programs with each compiler, and runs them against a simulator. */
const compileAndRun = (project: string, compilers: ReadonlyArray<string>, skipLibCheck: boolean) =>
  Effect.gen(function* () {
    cpSync(programs, project, { recursive: true })
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig(skipLibCheck)))
    for (const tsc of compilers) {
      yield* run(process.execPath, [tsc, "-p", "."], project)
    }
    const { env } = yield* Simulator.make({
      redis: { kind: "embedded" },
      environment: "production",
      tenants: [{ id: "acme" }]
    })
    for (const program of ["out/installed.mjs", "out/required.cjs"]) {
      const output = yield* run(process.execPath, [program], project, env)
      expect(output, program).toContain("tenants: acme, globex\n")
    }
  })

describe("the packed packages beside those of the workspace", () => {
  live(
    "are type-checked and run as an ES module and by require",
    function* () {
      const project = yield* temporaryFolder(resolvable)
      const installed = join(project, "node_modules/tenant-discovery")
      mkdirSync(installed, { recursive: true })
      // Else the folders above would make the project a part of the library.
      writeFileSync(join(project, "package.json"), `{ "private": true }`)
      yield* run("tar", ["-xzf", tarball, "--strip-components=1"], installed)
      yield* compileAndRun(project, [tsc7], true)
    },
    TIMEOUT
  )

  live(
    "contain a simulator that loads by require",
    function* () {
      const project = yield* temporaryFolder(resolvable)
      const packed = yield* pack("simulator", folder)
      yield* run("tar", ["-xzf", packed, "--strip-components=1"], project)
      // A package resolves its own name by its `exports`.
      const program = `console.log(typeof require("@tenant-discovery/simulator").Simulator.make)`
      expect(yield* run(process.execPath, ["-e", program], project)).toBe("function\n")
    },
    TIMEOUT
  )
})

const commands = installCommands()

/** The command of the README that begins so, for the tarball and this line of ioredis. */
const command = (start: string, ioredis: 5 | 6 = 5): string => {
  const found = commands.filter((line) => line.startsWith(start))
  if (found.length !== 1) throw new Error(`README: ${found.length} commands begin with "${start}"`)
  const line = found.join("").replace(" tenant-discovery ", ` "tenant-discovery@file:${tarball}" `)
  return ioredis === 5 ? line : line.replace(/ ioredis@\S+/, " ioredis@^6.0.0")
}

interface Install {
  readonly manager: string
  readonly ioredis: 5 | 6
  /** The package of the package manager; npm needs none. */
  readonly from?: string
  readonly files?: Readonly<Record<string, string>>
  /** The shell's commands. */
  readonly script: () => string
  readonly typescript: "7" | "5.9 and 7"
  readonly skipLibCheck: boolean
}

const installs: ReadonlyArray<Install> = [
  {
    manager: "npm",
    ioredis: 5,
    script: () => command("npm install"),
    typescript: "5.9 and 7",
    skipLibCheck: false
  },
  {
    manager: "npm",
    ioredis: 6,
    // `npm ls` fails where a later installation would.
    script: () => `${command("npm pkg")} && ${command("npm install", 6)} && npm ls`,
    typescript: "5.9 and 7",
    skipLibCheck: true
  },
  {
    manager: "pnpm",
    ioredis: 6,
    from: "pnpm@12.21.0",
    script: () =>
      `{ ${command("pnpm add", 6)} || ${command("pnpm approve-builds")}; } && pnpm install`,
    typescript: "7",
    skipLibCheck: true
  },
  {
    manager: "Yarn",
    ioredis: 5,
    from: "@yarnpkg/cli-dist@4.18.1",
    // An empty lockfile makes the folder a project of its own.
    files: { "yarn.lock": "", ".yarnrc.yml": "nodeLinker: node-modules\n" },
    script: () => command("yarn add"),
    typescript: "7",
    skipLibCheck: true
  }
]

const reachable = await Effect.runPromise(reachesRegistry)
if (!reachable) console.warn(`Left out: ${LEFT_OUT}`)

describe.each(reachable ? installs : [])(
  "the README's line for $manager with ioredis $ioredis",
  ({ files = {}, from, ioredis, manager, script, skipLibCheck, typescript }) => {
    beforeAll(async () => {
      if (existsSync(tsc59)) return
      writeFileSync(join(folder, "package.json"), `{ "private": true }`)
      const tools = ["typescript@5.9.3", "@types/node@20", "@types/ws@8"]
      await Effect.runPromise(run("npm", ["install", ...tools], folder, quick))
    }, TIMEOUT)

    live(
      `installs it; a program passes TypeScript ${typescript} with skipLibCheck: ${skipLibCheck}, and runs`,
      function* () {
        const project = mkdtempSync(join(folder, "project-"))
        writeFileSync(join(project, "package.json"), `{ "private": true }`)
        for (const [file, text] of Object.entries(files)) writeFileSync(join(project, file), text)
        const [shell, ...args] =
          from === undefined
            ? (["sh", "-c"] as const)
            : (["npm", "exec", "--yes", `--package=${from}`, "-c"] as const)
        const settings = manager === "Yarn" ? yield* yarnSettings : {}
        yield* run(shell, [...args, script()], project, { ...quick, ...settings })
        const { version } = Schema.decodeUnknownSync(Schema.parseJson(Version))(
          readFileSync(join(project, "node_modules/ioredis/package.json"), "utf8")
        )
        expect(version).toMatch(new RegExp(`^${ioredis}\\.`))
        yield* compileAndRun(project, typescript === "7" ? [tsc7] : [tsc59, tsc7], skipLibCheck)
      },
      TIMEOUT
    )
  }
)

describe("the README of the package", () => {
  it("has the command for npm", () => {
    const readme = readFileSync(join(workspace, "packages/tenant-discovery/README.md"), "utf8")
    expect(readme).toContain(`\n${commands.find((line) => line.startsWith("npm install"))}\n`)
  })
})
