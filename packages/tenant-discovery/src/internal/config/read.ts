/** From the texts of the environment to values, with all errors and not only the first. */
import { Config, ConfigError, Either, Option, type Redacted } from "effect"
import { isQuoted } from "./parse.js"
import { all, type Name, table, type Values, type Variable } from "./variables.js"

/** The texts of the variables that are set, by name. */
export type Texts = ReadonlyMap<string, string>

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
  const { isSecret, parse, unset }: Variable<Values[N]> = table[name]
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
  const given: Result<string | undefined> = read(texts, fileName)
  return Either.flatMap(given, (file): Result<Values[N] | { readonly file: string }> => {
    if (file === undefined) return read(texts, name)
    return texts.has(name)
      ? invalid(fileName, `that only one of it and ${name} is set`)
      : Either.right({ file })
  })
}

/** The first result, or the second where the first is unset. */
export const firstOf = <A>(first: Result<A | undefined>, second: () => Result<A>): Result<A> =>
  Either.flatMap(first, (value) => (value === undefined ? second() : Either.right(value)))

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

/** One problem as the error of its variable; several as one error with a line for each. */
export const configError = (problems: ReadonlyArray<Problem>): ConfigError.ConfigError => {
  const [first, ...others] = problems
  const make = problems.every(({ isMissing }) => isMissing)
    ? ConfigError.MissingData
    : ConfigError.InvalidData
  const hint = problems.some(({ isMissing }) => isMissing)
    ? "\nMULTI_TENANT_ENABLED=false is the way to single-tenant mode"
    : ""
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
const textOf = ({ emptyIsValue, meaning, name, type, ...variable }: (typeof all)[number]) =>
  Config.string(name).pipe(
    Config.withDescription(`${type}; default: ${variable.default}; ${meaning}`),
    Config.option,
    Config.map(Option.filter((text) => emptyIsValue === true || text.trim() !== "")),
    Config.map(Option.map((text) => [name, text] as const))
  )

/** What `decode` makes of the texts of these variables. */
export const decoded = <A>(
  variables: typeof all,
  decode: (texts: Texts) => Result<A>
): Config.Config<A> =>
  Config.mapOrFail(Config.all(variables.map(textOf)), (found) =>
    Either.mapLeft(decode(new Map(found.flatMap(Option.toArray))), configError)
  )

/** One variable as a `Config` of its own. */
export const single = <N extends Name>(name: N): Config.Config<Values[N]> =>
  decoded(
    all.filter((variable) => variable.name === name),
    (texts) => read(texts, name)
  )
