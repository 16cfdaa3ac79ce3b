/** `npm run test:faults`: real servers treated badly, and what takes minutes too. */
import { defineConfig } from "vitest/config"
import workspace from "./vitest.workspace.js"

// Read by test/faults/support.ts in the workers, which inherit it.
process.env["FAULTS"] = "long"

const project = workspace.test?.projects?.[0]
if (typeof project !== "object" || !("test" in project)) {
  throw new Error("expected the first project of the workspace to be tenant-discovery")
}

export default defineConfig({
  test: {
    fileParallelism: false,
    projects: [{ ...project, test: { ...project.test, include: ["test/faults/**/*.test.ts"] } }]
  }
})
