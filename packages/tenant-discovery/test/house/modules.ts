/** The modules under `src` and what they import. */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"

export const src = resolve(dirname(fileURLToPath(import.meta.url)), "../../src")

export interface Import {
  /** A module under `src` as a path with `.ts`, else the specifier. */
  readonly name: string
  readonly kind: "value" | "type" | "dynamic"
}

const STATIC = /^\s*(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm
const DYNAMIC = /\bimport\(\s*"([^"]+)"\s*\)/g

/** A module's text without comments, whose examples import too. */
export const codeOf = (file: string): string =>
  readFileSync(join(src, file), "utf8")
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/^\s*\/\/.*$/gm, "")

export const importsOf = (file: string): ReadonlyArray<Import> => {
  const named = (specifier: string) =>
    specifier.startsWith(".")
      ? relative(src, resolve(src, dirname(file), specifier)).replace(/\.js$/, ".ts")
      : specifier
  const code = codeOf(file)
  return [
    ...[...code.matchAll(STATIC)].map(([, type, specifier = ""]): Import => ({
      name: named(specifier),
      kind: type === undefined ? "value" : "type"
    })),
    ...[...code.matchAll(DYNAMIC)].map(([, specifier = ""]): Import => ({
      name: named(specifier),
      kind: "dynamic"
    }))
  ]
}

export const modules: ReadonlyArray<string> = readdirSync(src, {
  recursive: true,
  encoding: "utf8"
})
  .filter((file) => file.endsWith(".ts"))
  .toSorted()

/** Everything that loading a module loads, itself included. Types are gone by then. */
export const reach = (file: string, seen = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(file)) return seen
  seen.add(file)
  if (!modules.includes(file)) return seen
  for (const { kind, name } of importsOf(file)) if (kind !== "type") reach(name, seen)
  return seen
}

type Graph = ReadonlyMap<string, ReadonlyArray<string>>

/** The import cycles of a graph, each once, as a path that ends where it begins. */
export const cyclesOf = (graph: Graph): ReadonlyArray<ReadonlyArray<string>> => {
  const cycles: Array<ReadonlyArray<string>> = []
  const done = new Set<string>()
  const visit = (file: string, path: ReadonlyArray<string>): void => {
    const start = path.indexOf(file)
    if (start >= 0) cycles.push([...path.slice(start), file])
    if (start >= 0 || done.has(file)) return
    for (const next of graph.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of graph.keys()) visit(file, [])
  return cycles
}

export const sourceGraph = (): Graph =>
  new Map(
    modules.map((file) => [
      file,
      importsOf(file)
        .map(({ name }) => name)
        .filter((name) => modules.includes(name))
    ])
  )
