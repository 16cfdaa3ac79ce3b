/** Prometheus' own tools on the metrics and the alerts. Left out where they are not installed. */
import { describe, expect, it } from "@effect/vitest"
import { Simulator } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { TOKEN } from "./support/http.js"
import { eventually, startProgram } from "./support/program.js"

/** A process compiles itself as it starts. */
const TIMEOUT = 60_000

const isInstalled = spawnSync("promtool", ["--version"]).status === 0

const rules = fileURLToPath(new URL("../prometheus/", import.meta.url))

/** The exit code and the output of `promtool`. */
const promtool = (args: ReadonlyArray<string>, input?: string) =>
  Effect.sync(() => {
    const { status, stderr, stdout } = spawnSync("promtool", args, { cwd: rules, input })
    return { status, output: `${String(stdout)}${String(stderr)}` }
  })

const freePort = Effect.promise(
  () =>
    new Promise<number>((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => {
        const address = server.address()
        server.close(() =>
          resolve(typeof address === "object" && address !== null ? address.port : 0)
        )
      })
    })
)

/** A Prometheus that scrapes the program every second, with the alerts. Its URL. */
const startPrometheus = (target: string) =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "tenant-ops-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
    )
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: [join(rules, "alerts.yml")],
      scrape_configs: [
        {
          job_name: "ledger",
          authorization: { credentials: TOKEN },
          static_configs: [{ targets: [new URL(target).host] }]
        }
      ]
    }
    // YAML contains JSON.
    const file = join(folder, "prometheus.yml")
    writeFileSync(file, JSON.stringify(config))
    const port = yield* freePort
    yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(
          "prometheus",
          [
            `--config.file=${file}`,
            `--storage.tsdb.path=${join(folder, "data")}`,
            `--web.listen-address=127.0.0.1:${port}`,
            "--log.level=error"
          ],
          { stdio: ["ignore", "inherit", "inherit"] }
        )
      ),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    return `http://127.0.0.1:${port}`
  })

const read = (url: string) =>
  Effect.promise(async () => {
    try {
      return await (await fetch(url)).text()
    } catch {
      return ""
    }
  })

describe.runIf(isInstalled)("Prometheus", () => {
  it.effect("accepts the alerts, and each fires where it should", () =>
    Effect.gen(function* () {
      const checked = yield* promtool(["check", "rules", "alerts.yml"])
      expect(checked.status, checked.output).toBe(0)
      const tested = yield* promtool(["test", "rules", "alerts.test.yml"])
      expect(tested.status, tested.output).toBe(0)
    })
  )

  it.scopedLive(
    "scrapes a program, finds nothing to improve in its metrics, and fires no alert",
    () =>
      Effect.gen(function* () {
        const simulator = yield* Simulator.make({ environment: "test", tenants: 3 })
        const { url } = yield* startProgram(simulator.env)
        const text = yield* Effect.promise(async () => {
          const headers = { authorization: `Bearer ${TOKEN}` }
          return (await fetch(`${url}/metrics`, { headers })).text()
        })
        expect(yield* promtool(["check", "metrics"], text)).toEqual({ status: 0, output: "" })

        const prometheus = yield* startPrometheus(url)
        const query = (text: string) =>
          read(`${prometheus}/api/v1/query?query=${encodeURIComponent(text)}`)
        yield* eventually(query("tenant_discovery_tenants == 3"), (json) => json.includes("ledger"))
        yield* eventually(query("up == 1"), (json) => json.includes('"job":"ledger"'))
        yield* eventually(query("rate(tenant_worker_runs_total[10s]) > 0"), (json) =>
          json.includes("relay")
        )
        expect(
          yield* query("histogram_quantile(0.9, tenant_worker_run_duration_seconds_bucket)")
        ).toContain("relay")
        const alerts = yield* read(`${prometheus}/api/v1/alerts`)
        expect(JSON.parse(alerts)).toEqual({ status: "success", data: { alerts: [] } })
        expect((yield* read(`${prometheus}/api/v1/rules`)).match(/"name":"Tenant/g)).toHaveLength(
          10
        )
      }),
    TIMEOUT
  )
})
