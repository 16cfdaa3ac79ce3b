/** From the texts of the environment to values, with all errors and not only the first. */
import { Config, ConfigError, Either, Option, Record, type Redacted } from "effect"
import { isQuoted } from "./parse.js"
import { type Name, type Values, type Variable, variables } from "./variables.js"

/** The texts of the variables that are set, by name. */
export type Texts = ReadonlyMap<Name, string>

/** `expected` completes the sentence "expected ...". */
export interface Problem {
  readonly name: Name
  readonly isMissing: boolean
  readonly expected: string
}

export type Result<A> = Either.Either<A, ReadonlyArray<Problem>>

/** A secret, or the file that holds it. */
export type Secret = Redacted.Redacted | { readonly file: string }

export const invalid = (name: Name, expected: string): Result<never> =>
  Either.left([{ name, isMissing: false, expected }])

/** The value of a variable. */
export const read = <N extends Name>(texts: Texts, name: N): Result<Values[N]> => {
  const { isSecret, parse, unset }: Variable<Values[N]> = variables[name]
  const text = texts.get(name)
  if (text !== undefined && isSecret !== true && isQuoted(text)) {
    return invalid(name, "a value without quotes around it: remove them")
  }
  const isMissing = text === undefined
  return Either.mapLeft(isMissing ? unset : parse(text), (expected) => [
    { name, isMissing, expected }
  ])
}

/** The value of a secret variable, or the file that its `_FILE` variant names. */
export const readSecret = <
  N extends "MULTI_TENANT_SERVICE_API_KEY" | "MULTI_TENANT_REDIS_PASSWORD"
>(
  texts: Texts,
  name: N
): Result<Values[N] | { readonly file: string }> => {
  const fileName: `${typeof name}_FILE` = `${name}_FILE`
  if (texts.has(fileName) && texts.has(name)) {
    return invalid(fileName, `that only one of it and ${name} is set`)
  }
  const given: Result<string | undefined> = read(texts, fileName)
  return firstOf(
    Either.map(given, (file) => (file === undefined ? file : { file })),
    () => read(texts, name)
  )
}

/** The first result, or the second where the first is unset. */
export const firstOf = <A, B>(
  first: Result<A | undefined>,
  second: () => Result<B>
): Result<A | B> =>
  Either.flatMap(first, (value): Result<A | B> =>
    value === undefined ? second() : Either.right(value)
  )

/** All the fields, or all their problems. */
export const collect = <const R extends Readonly<Record<string, Result<unknown>>>>(fields: R) => {
  const problems = Object.values(fields).flatMap((field) =>
    Either.isLeft(field) ? field.left : []
  )
  // Without a problem, `Either.all` only takes the values out.
  return problems.length === 0 ? Either.all(fields) : Either.left(problems)
}

/** Warnings about secrets that are accepted but probably contain a mistake. */
export const secretWarnings = (texts: Texts): ReadonlyArray<string> =>
  [...texts].flatMap(([name, text]) => {
    if (variables[name].isSecret !== true) return []
    const warnings = [
      isQuoted(text) && `${name} has quotes around it: they are used as part of it`,
      text.endsWith("\n") && `${name} ends in a line feed: it is removed`
    ]
    return warnings.filter((warning) => warning !== false)
  })

/** One error for all problems, with a line for each. */
export const configError = (problems: ReadonlyArray<Problem>): ConfigError.ConfigError => {
  const make = problems.every(({ isMissing }) => isMissing)
    ? ConfigError.MissingData
    : ConfigError.InvalidData
  const lines = problems.map(
    ({ expected, isMissing, name }) =>
      `\n${name} is ${isMissing ? "missing" : "invalid"}: expected ${expected}`
  )
  const hint = problems.some(({ isMissing }) => isMissing)
    ? "\nMULTI_TENANT_ENABLED=false is the way to single-tenant mode; .env.reference explains each variable"
    : ""
  return make([problems.map(({ name }) => name).join(", ")], `${lines.join("")}${hint}`)
}

/** Blank counts as unset: an orchestrator writes an empty value where a template has none. */
const textOf = (name: Name) =>
  Config.option(Config.string(name)).pipe(
    Config.map(
      Option.filter((text) => variables[name].emptyIsValue === true || text.trim() !== "")
    ),
    Config.map(Option.map((text) => [name, text] as const))
  )

/** What `decode` makes of the texts of these variables; by default of all. */
export const decoded = <A>(
  decode: (texts: Texts) => Result<A>,
  names: ReadonlyArray<Name> = Record.keys(variables)
): Config.Config<A> =>
  Config.mapOrFail(Config.all(names.map(textOf)), (found) =>
    Either.mapLeft(decode(new Map(found.flatMap(Option.toArray))), configError)
  )

/** One variable as a `Config` of its own. */
export const single = <N extends Name>(name: N): Config.Config<Values[N]> =>
  decoded((texts) => read(texts, name), [name])
