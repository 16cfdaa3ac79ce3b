// So that a bare `npx vitest` finds the projects too.
export { default } from "./vitest.workspace.js"
