import { expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { codeOf, modules, src } from "./modules.js"

const NAME =
  /"(tenant_(?:discovery|manager|worker|layers|connections?|consumers|messages)_[a-z_]+)"/g

it("the documentation names every metric", () => {
  const names = modules.flatMap((file) =>
    [...codeOf(file).matchAll(NAME)].map(([, name = ""]) => name)
  )
  expect(names.length).toBeGreaterThan(20)
  const docs = ["operations.md", "workers.md"]
    .map((file) => readFileSync(join(src, "../../../docs", file), "utf8"))
    .join()
  expect(names.filter((name) => !docs.includes(`\`${name}\``))).toEqual([])
})
