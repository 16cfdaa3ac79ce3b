/**
 * What is wrong with a body, without repeating anything that stands in it: it is
 * full of passwords.
 */
import { Option, type ParseResult, SchemaAST } from "effect"

/** The body without the fields that are null (or undefined, where a program made it), at any depth. */
export const dropNulls = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(dropNulls)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null && field !== undefined)
      .map(([key, field]) => [key, dropNulls(field)])
  )
}

type Path = ReadonlyArray<PropertyKey>

interface Problem {
  readonly path: Path
  readonly expected: string
}

const MAX_KEY = 64

const step = (key: PropertyKey): string => {
  if (typeof key === "number") return `[${key}]`
  const name = String(key)
  const short = name.length > MAX_KEY ? `${name.slice(0, MAX_KEY)}...` : name
  return /^[A-Za-z0-9_-]+$/.test(short) ? `.${short}` : `[${JSON.stringify(short)}]`
}

const describePath = (path: Path): string => path.map(step).join("").replace(/^\./, "")

const NAMES: Readonly<Record<string, string>> = {
  StringKeyword: "text",
  NumberKeyword: "a number",
  BooleanKeyword: "true or false",
  TypeLiteral: "an object",
  TupleType: "an array"
}

/** A refinement's own description knows its bounds, not the value. */
const describe = (ast: SchemaAST.AST): string => {
  if (ast._tag === "Transformation") return describe(ast.from)
  if (ast._tag === "Refinement") {
    return Option.getOrElse(SchemaAST.getDescriptionAnnotation(ast), () => describe(ast.from))
  }
  return NAMES[ast._tag] ?? "another type"
}

/** The first thing that is wrong. */
const find = (issue: ParseResult.ParseIssue, path: Path): Problem => {
  switch (issue._tag) {
    case "Pointer": {
      const keys: Path =
        typeof issue.path === "object" && Array.isArray(issue.path)
          ? issue.path
          : [issue.path as PropertyKey]
      return find(issue.issue, [...path, ...keys])
    }
    case "Composite": {
      const first: ParseResult.ParseIssue | undefined =
        "_tag" in issue.issues ? issue.issues : issue.issues[0]
      return first === undefined ? { path, expected: describe(issue.ast) } : find(first, path)
    }
    case "Transformation":
    case "Refinement":
      return issue._tag === "Refinement" && issue.kind === "Predicate"
        ? { path, expected: `expected ${describe(issue.ast)}` }
        : find(issue.issue, path)
    case "Missing":
      return { path, expected: "missing" }
    case "Unexpected":
    case "Forbidden":
      return { path, expected: "not expected here" }
    case "Type":
      // A message of the schema's own says what was expected; the generated one quotes the value.
      return { path, expected: issue.message ?? `expected ${describe(issue.ast)}` }
  }
}

/** Names the place in the JSON and what was expected there. */
export const explain = (issue: ParseResult.ParseIssue): string => {
  const { expected, path } = find(issue, [])
  return path.length === 0 ? `the body: ${expected}` : `${describePath(path)}: ${expected}`
}
