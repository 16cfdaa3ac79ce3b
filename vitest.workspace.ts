import { defineConfig } from "vitest/config"

/**
 * Which tests run. `npm test` sets `quick`, `npm run test:rest` sets `rest`; unset runs every file.
 *
 * - A file `*.long.test.ts` runs where `CLUSTER_TESTS=long` alone (`npm run test:cluster`).
 * - A file `*.rest.test.ts`, a file under `test/faults`, `test/fuzz` or `test/wire`, and every test
 *   of the packages other than the library runs in `rest` alone.
 * - A file under `test/redis` or `test/model` runs in both: its parameters differ (see `env` below).
 * - Any other file runs in `quick` alone.
 */
const suite = process.env["TEST_SUITE"] ?? "all"
if (!["quick", "rest", "all"].includes(suite)) {
  throw new RangeError(`TEST_SUITE=${suite}: expected quick, rest or nothing`)
}

const restOnly = ["test/**/*.rest.test.ts", "test/{faults,fuzz,wire}/**/*.test.ts"]
const both = ["test/{redis,model}/**/*.test.ts"]

/** The condition under which the packages of the workspace resolve to their sources. */
const conditions = ["tenant-discovery-source"]
const resolution = {
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } }
}

const project = (name: string, kind: "library" | "other" = "other") => ({
  ...resolution,
  test: {
    name,
    root: `packages/${name}`,
    // The quick suite needs Node alone: the embedded server, and one line of ioredis.
    env: {
      ...(suite === "quick" ? { SIMULATOR_REDIS: "embedded" } : {}),
      MODEL_RUNS: process.env["MODEL_RUNS"] ?? (suite === "quick" ? "100" : "500")
    },
    setupFiles: kind === "library" ? ["test/setup.ts"] : [],
    include:
      suite === "rest" && kind === "library" ? [...restOnly, ...both] : ["test/**/*.test.ts"],
    exclude: [
      ...(suite === "quick" ? (kind === "other" ? ["**"] : restOnly) : []),
      ...(process.env["CLUSTER_TESTS"] === "long" ? [] : ["**/*.long.test.ts"])
    ],
    // The quick suite loads Effect once per worker: with a process per file it takes twice the time.
    isolate: suite !== "quick",
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})

export default defineConfig({
  ...resolution,
  test: {
    projects: [
      project("tenant-discovery", "library"),
      project("cluster"),
      project("ops"),
      project("simulator"),
      project("benchmarks"),
      project("examples")
    ],
    passWithNoTests: true,
    globalSetup: ["packages/tenant-discovery/test/house/leftOut.ts"],
    // Many tests wait for a server or a clock rather than compute: two files at a time.
    minWorkers: 1,
    maxWorkers: 2
  }
})
