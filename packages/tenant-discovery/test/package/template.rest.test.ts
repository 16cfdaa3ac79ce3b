/** The template of a worker, built from the packed packages and started. */
import { describe, expect } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect, Schedule } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { freePort } from "../support/listen.js"
import { live } from "../support/live.js"
import { pack, reachesRegistry, run, temporaryFolder, workspace } from "./support.js"

const TIMEOUT = 300_000

const reaches = await Effect.runPromise(reachesRegistry)

const template = join(workspace, "packages/examples/templates/worker")

describe.runIf(reaches)("the template of a worker", () => {
  live(
    "is tested, built and started from the packed packages, and ends on SIGTERM",
    function* () {
      const folder = yield* temporaryFolder(tmpdir())
      const project = join(folder, "worker")
      cpSync(template, project, { recursive: true })
      const tarballs = {
        "tenant-discovery": `file:${yield* pack("tenant-discovery", folder)}`,
        "@tenant-discovery/ops": `file:${yield* pack("ops", folder)}`
      }
      const manifest = join(project, "package.json")
      const text = Object.entries(tarballs).reduce(
        (json, [name, tarball]) =>
          json.replace(`"${name}": ">=0.1.0 <1.0.0"`, `"${name}": "${tarball}"`),
        readFileSync(manifest, "utf8")
      )
      writeFileSync(manifest, text)
      yield* run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline"], project)
      yield* run("npm", ["test"], project)
      yield* run("npm", ["run", "build"], project)

      const simulator = yield* Simulator.make({
        redis: { kind: "embedded" },
        environment: "template",
        tenants: [{ id: "acme" }]
      })
      const port = yield* freePort
      let output = ""
      const child = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const program = spawn(process.execPath, ["dist/src/main.js"], {
            cwd: project,
            env: {
              PATH: process.env["PATH"],
              ...simulator.env,
              MULTI_TENANT_OPS_PORT: String(port)
            },
            stdio: ["ignore", "pipe", "pipe"]
          })
          program.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()))
          program.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()))
          return program
        }),
        (program) => Effect.sync(() => program.kill("SIGKILL"))
      )
      const status = Effect.tryPromise(() =>
        fetch(`http://127.0.0.1:${port}/readyz`).then((response) => response.status)
      )
      yield* status.pipe(
        Effect.retry(Schedule.spaced("50 millis")),
        Effect.timeoutFail({ duration: "30 seconds", onTimeout: () => new Error(output) }),
        Effect.tap((code) => Effect.sync(() => expect(code).toBe(200)))
      )
      const exited = once(child, "exit")
      child.kill("SIGTERM")
      yield* Effect.promise(() => exited)
      expect(child.exitCode, output).toBe(0)
    },
    TIMEOUT
  )
})
