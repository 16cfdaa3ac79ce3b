/** Packs what is published, and runs programs in projects of their own. */
import { Effect, type Scope } from "effect"
import { execFile } from "node:child_process"
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const workspace = resolve(dirname(fileURLToPath(import.meta.url)), "../../../..")

export const programs = join(workspace, "packages/tenant-discovery/test/package/programs")

/** A folder, ignored by git, below which the packages of the workspace resolve. */
export const resolvable = join(workspace, "packages/tenant-discovery/dist")

/** Runs a command to its end and gives its output; dies with all that it printed. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  cwd: string,
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<string> =>
  Effect.async((resume) => {
    const options = { cwd, env: { ...process.env, ...env } }
    const child = execFile(command, args, options, (cause, stdout, stderr) => {
      const text = `${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`
      resume(cause === null ? Effect.succeed(stdout) : Effect.die(new Error(text, { cause })))
    })
    return Effect.sync(() => child.kill())
  })

/** An empty folder until the scope closes. */
export const temporaryFolder = (parent: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      await mkdir(parent, { recursive: true })
      return mkdtemp(join(parent, ".package-"))
    }),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  )

/** Builds and packs a package as the release does, into `target`. Gives the path of the tarball. */
export const pack = (
  name: "tenant-discovery" | "simulator" | "ops",
  target: string
): Effect.Effect<string> =>
  Effect.gen(function* () {
    const folder = yield* temporaryFolder(tmpdir())
    const source = join(workspace, "packages", name)
    const dist = join(folder, "dist")
    for (const part of ["package.json", "README.md", "LICENSE", "src", "page", "prometheus"]) {
      const from = join(source, part)
      if (existsSync(from)) cpSync(from, join(folder, part), { recursive: true })
    }
    // A package that uses others compiles with their sources: none needs a build before it.
    const out = yield* temporaryFolder(tmpdir())
    const tsc = join(workspace, "node_modules/typescript/bin/tsc")
    const project = join(folder, "tsconfig.json")
    const settings = {
      extends: join(workspace, "tsconfig.json"),
      compilerOptions: {
        noEmit: false,
        rootDir: join(workspace, "packages"),
        outDir: out,
        typeRoots: [join(workspace, "node_modules/@types")]
      },
      include: [join(source, "src")]
    }
    writeFileSync(project, JSON.stringify(settings))
    yield* run(process.execPath, [tsc, "-p", project], workspace)
    rmSync(project)
    cpSync(join(out, name, "src"), dist, { recursive: true })
    if (name === "tenant-discovery") {
      yield* run("npm", ["run", "bundle", "--", `--outdir=${dist}`], source)
    }
    const printed = yield* run("npm", ["pack", "--silent", "--pack-destination", target], folder)
    return join(target, printed.trim())
  }).pipe(Effect.scoped)

/** Whether npm reaches the registry that it is configured for. */
export const reachesRegistry: Effect.Effect<boolean> = run(
  "npm",
  ["view", "effect", "version", "--fetch-retries=0", "--fetch-timeout=10000"],
  workspace
).pipe(
  Effect.as(true),
  Effect.catchAllDefect(() => Effect.succeed(false))
)

/** npm's settings of its registry, for Yarn, which does not read them. */
export const yarnSettings: Effect.Effect<Readonly<Record<string, string>>> = Effect.map(
  Effect.all({
    YARN_NPM_REGISTRY_SERVER: run("npm", ["config", "get", "registry"], workspace),
    YARN_HTTPS_CA_FILE_PATH: run("npm", ["config", "get", "cafile"], workspace),
    YARN_HTTPS_PROXY: run("npm", ["config", "get", "https-proxy"], workspace)
  }),
  (settings) =>
    Object.fromEntries(
      Object.entries(settings)
        .map(([name, text]) => [name, text.trim()] as const)
        .filter(([, text]) => text !== "" && text !== "null" && text !== "undefined")
    )
)

/** What is left out where the registry cannot be reached. */
export const LEFT_OUT = "the README's install lines; npm does not reach its registry"

/** The commands in the section about installation of the workspace's README, one a line. */
export const installCommands = (): ReadonlyArray<string> => {
  const readme = readFileSync(join(workspace, "README.md"), "utf8")
  const [section = ""] = /^## Install\n.*?(?=^## )/ms.exec(readme) ?? []
  return [...section.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
    block
      .replaceAll("\\\n", "")
      .split("\n")
      .filter((line) => line !== "")
  )
}
