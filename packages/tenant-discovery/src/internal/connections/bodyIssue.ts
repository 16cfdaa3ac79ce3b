/**
 * What is wrong with a body, without a value from it: bodies are full of passwords.
 */
import { Array as Arr, Option, type ParseResult, SchemaAST } from "effect"

type Path = ReadonlyArray<PropertyKey>

export interface BodyIssue {
  readonly path: Path
  /** `databases.onboarding.postgresql.port: expected a number`. */
  readonly message: string
}

const MAX_KEY = 64

const step = (key: PropertyKey): string => {
  if (typeof key === "number") return `[${key}]`
  const name = String(key)
  const short = name.length > MAX_KEY ? `${name.slice(0, MAX_KEY)}...` : name
  return /^[A-Za-z0-9_-]+$/.test(short) ? `.${short}` : `[${JSON.stringify(short)}]`
}

const issueAt = (path: Path, problem: string): ReadonlyArray<BodyIssue> => {
  const place = path.length === 0 ? "the body" : path.map(step).join("").replace(/^\./, "")
  return [{ path, message: `${place}: ${problem}` }]
}

const NAMES: Readonly<Record<string, string>> = {
  StringKeyword: "text",
  NumberKeyword: "a number",
  BooleanKeyword: "true or false",
  TypeLiteral: "an object",
  TupleType: "an array"
}

/** A refinement's own description names its bounds, not the value. */
const describe = (ast: SchemaAST.AST): string => {
  if (ast._tag === "Transformation") return describe(ast.from)
  if (ast._tag !== "Refinement") return NAMES[ast._tag] ?? "another type"
  return Option.getOrElse(SchemaAST.getDescriptionAnnotation(ast), () => describe(ast.from))
}

/** All issues. A generated message quotes the value, so none is used. */
export const bodyIssues = (
  issue: ParseResult.ParseIssue,
  path: Path = []
): ReadonlyArray<BodyIssue> => {
  switch (issue._tag) {
    case "Pointer":
      return bodyIssues(issue.issue, path.concat(issue.path))
    case "Composite":
      return Arr.ensure(issue.issues).flatMap((each) => bodyIssues(each, path))
    case "Refinement":
    case "Transformation":
      return bodyIssues(issue.issue, path)
    case "Missing":
      return issueAt(path, "missing")
    case "Type":
      return issueAt(path, `expected ${describe(issue.ast)}`)
    case "Unexpected":
    case "Forbidden":
      return issueAt(path, "not expected here")
  }
}
