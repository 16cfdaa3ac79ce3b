import { defineConfig } from "vitest/config"

/** The condition under which the workspace's packages resolve to their sources. */
const conditions = ["tenant-discovery-source"]

const project = (name: string) => ({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    name,
    root: `packages/${name}`,
    setupFiles: name === "tenant-discovery" ? ["test/setup.ts"] : [],
    include: ["test/**/*.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000
  }
})

export default defineConfig({
  test: {
    projects: ["tenant-discovery", "simulator", "examples", "benchmarks"].map(project),
    // Many tests wait for a server or a clock rather than compute: two at a time, on two cores too.
    minWorkers: 1,
    maxWorkers: 2
  }
})
