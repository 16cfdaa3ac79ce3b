/** Packs what is published, and runs programs in projects of their own. */
import { execFile } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const workspace = resolve(dirname(fileURLToPath(import.meta.url)), "../../../..")

export const programs = join(workspace, "packages/tenant-discovery/test/package/programs")

/** Below `node_modules` of the workspace, so that packages resolve there; ignored by git. */
export const resolvable = join(workspace, "packages/tenant-discovery/dist")

/** Runs a command to its end and gives its output; fails with all that it printed. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  cwd: string,
  env: Readonly<Record<string, string>> = {}
): Promise<string> =>
  new Promise((resolve, reject) => {
    const options = { cwd, env: { ...process.env, ...env }, timeout: 280_000 }
    execFile(command, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout)
      const text = `${command} ${args.join(" ")} failed:\n${stdout}\n${stderr}`
      reject(new Error(text, { cause: error }))
    })
  })

/** Runs `use` with an empty folder that is removed afterwards. */
export const inFolder = async <A>(
  parent: string,
  use: (folder: string) => Promise<A>
): Promise<A> => {
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, ".package-"))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Builds and packs a package as the release does, into `target`. Gives the path of the tarball. */
export const pack = (name: "tenant-discovery" | "simulator", target: string): Promise<string> =>
  inFolder(tmpdir(), async (folder) => {
    const source = join(workspace, "packages", name)
    const dist = join(folder, "dist")
    for (const part of ["package.json", "README.md", "LICENSE", "src"]) {
      cpSync(join(source, part), join(folder, part), { recursive: true })
    }
    const tsc = join(workspace, "node_modules/typescript/bin/tsc")
    const project = join(source, "tsconfig.build.json")
    const to = ["--outDir", dist, "--tsBuildInfoFile", join(dist, ".tsbuildinfo")]
    await run(process.execPath, [tsc, "-p", project, ...to], workspace)
    if (name === "tenant-discovery") {
      await run("npm", ["run", "bundle", "--", `--outdir=${dist}`], source)
    }
    const printed = await run("npm", ["pack", "--silent", "--pack-destination", target], folder)
    return join(target, printed.trim())
  })

/** Whether npm reaches the registry that it is configured for. */
export const reachesRegistry = (): Promise<boolean> =>
  run("npm", ["view", "effect", "version", "--fetch-retries=0", "--fetch-timeout=10000"], workspace)
    .then(() => true)
    .catch(() => false)

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
