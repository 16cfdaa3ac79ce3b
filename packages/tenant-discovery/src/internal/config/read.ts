/** From the texts of the environment to values, with all errors and not only the first. */
import { Config, ConfigError, Either, Option, type Redacted } from "effect"
import { isQuoted } from "./parse.js"
import type { SecretVariable, Variable } from "./variable.js"
import { all } from "./variables.js"

/** The texts of the variables that are set, by name. */
export type Texts = ReadonlyMap<string, string>

/** `expected` completes the sentence "expected ...". */
export interface Problem {
  readonly name: string
  readonly isMissing: boolean
  readonly expected: string
}

export type Result<A> = Either.Either<A, ReadonlyArray<Problem>>

/** A secret, or the file that holds it. */
export type Secret = Redacted.Redacted | { readonly file: string }

export const invalid = (variable: Variable<unknown>, expected: string): ReadonlyArray<Problem> => [
  { name: variable.name, isMissing: false, expected }
]

export const read = <A>(texts: Texts, variable: Variable<A>): Result<A> => {
  const text = texts.get(variable.name)
  if (text === undefined) {
    return Either.mapLeft(variable.unset, (expected) => [
      { name: variable.name, isMissing: true, expected }
    ])
  }
  return variable.isSecret !== true && isQuoted(text)
    ? Either.left(invalid(variable, "a value without quotes around it: remove them"))
    : Either.mapLeft(variable.parse(text), (expected) => invalid(variable, expected))
}

/** The value of a secret variable, or the file that its `_FILE` variant names. */
export const readSecret = <A extends Redacted.Redacted | undefined>(
  texts: Texts,
  variable: SecretVariable<A>
): Result<A | { readonly file: string }> =>
  Either.flatMap(read(texts, variable.file), (file): Result<A | { readonly file: string }> => {
    if (file === undefined) return read(texts, variable)
    return texts.has(variable.name)
      ? Either.left(invalid(variable.file, `that only one of it and ${variable.name} is set`))
      : Either.right({ file })
  })

/** All the fields, or all problems, each once. */
export const collect = <const R extends Readonly<Record<string, Result<unknown>>>>(fields: R) => {
  const found = new Map<string, Problem>()
  for (const field of Object.values(fields)) {
    for (const problem of Either.isLeft(field) ? field.left : []) {
      found.set(`${problem.name} ${problem.expected}`, problem)
    }
  }
  // Without a problem, `Either.all` only takes the values out.
  return found.size === 0 ? Either.all(fields) : Either.left([...found.values()])
}

/** What is accepted in a secret but is probably a mistake. */
export const secretWarnings = (texts: Texts): ReadonlyArray<string> =>
  all
    .filter(({ isSecret }) => isSecret === true)
    .flatMap(({ name }) => {
      const text = texts.get(name) ?? ""
      return [
        ...(isQuoted(text) ? [`${name} has quotes around it: they are used as part of it`] : []),
        ...(text.endsWith("\n") ? [`${name} ends in a line feed: it is removed`] : [])
      ]
    })

const SINGLE_TENANT = "MULTI_TENANT_ENABLED=false is the way to single-tenant mode"

/** One problem as the error of its variable; several as one error with a line for each. */
export const configError = (problems: ReadonlyArray<Problem>): ConfigError.ConfigError => {
  const [first, ...others] = problems
  const make = problems.every(({ isMissing }) => isMissing)
    ? ConfigError.MissingData
    : ConfigError.InvalidData
  const hint = problems.some(({ isMissing }) => isMissing) ? `\n${SINGLE_TENANT}` : ""
  if (first !== undefined && others.length === 0) {
    return make([first.name], `expected ${first.expected}${hint}`)
  }
  const lines = problems.map(
    ({ expected, isMissing, name }) =>
      `\n${name} is ${isMissing ? "missing" : "invalid"}: expected ${expected}`
  )
  return make(["environment variables"], `${lines.join("")}${hint}`)
}

/** Blank counts as unset: an orchestrator writes an empty value where a template has none. */
const textOf = (variable: Variable<unknown>): Config.Config<Option.Option<string>> =>
  Config.string(variable.name).pipe(
    Config.withDescription(`${variable.type}; default: ${variable.default}; ${variable.meaning}`),
    Config.option,
    Config.map(Option.filter((text) => variable.emptyIsValue === true || text.trim() !== ""))
  )

const textsOf = (variables: ReadonlyArray<Variable<unknown>>): Config.Config<Texts> =>
  Config.map(
    Config.all(
      variables.map((variable) =>
        Config.map(textOf(variable), (text) =>
          Option.map(text, (it) => [variable.name, it] as const)
        )
      )
    ),
    (found) => new Map(found.flatMap(Option.toArray))
  )

/** One variable as a `Config` of its own. */
export const single = <A>(variable: Variable<A>): Config.Config<A> =>
  Config.mapOrFail(textsOf([variable]), (texts) =>
    Either.mapLeft(read(texts, variable), configError)
  )

/** The texts of the whole table, for a decoder that reads several at once. */
export const texts: Config.Config<Texts> = textsOf(all)
