/**
 * From the texts of the environment to values, with every error and not only
 * the first.
 */
import { Config, ConfigError, Either, Option } from "effect"
import { all, type Variable } from "./variables.js"

/** The texts of the variables that are set, by name. */
export type Texts = ReadonlyMap<string, string>

export type Result<A> = Either.Either<A, ConfigError.ConfigError>

/** Blank is unset: an orchestrator that templates a missing value writes an empty one. */
const isSet = (variable: Variable<unknown>, text: string): boolean =>
  variable.emptyIsValue || text.trim() !== ""

export const read = <A>(texts: Texts, variable: Variable<A>): Result<A> => {
  const text = texts.get(variable.name)
  return text === undefined
    ? Either.mapLeft(variable.unset, (expected) =>
        ConfigError.MissingData([variable.name], `expected ${expected}`)
      )
    : Either.mapLeft(variable.parse(text), (expected) => invalid(variable, expected))
}

/** `expected` completes the sentence "expected ...". */
export const invalid = (variable: Variable<unknown>, expected: string): ConfigError.ConfigError =>
  ConfigError.InvalidData([variable.name], `expected ${expected}`)

/** All the fields, or all that is wrong with them; one error that several share is told once. */
export const collect = <const R extends Readonly<Record<string, Result<unknown>>>>(fields: R) => {
  const errors = new Set<ConfigError.ConfigError>()
  for (const field of Object.values(fields)) if (Either.isLeft(field)) errors.add(field.left)
  const [first, ...others] = errors
  // With no error, `Either.all` only takes the values out.
  return first === undefined
    ? Either.all(fields)
    : Either.left(others.reduce((left, right) => ConfigError.And(left, right), first))
}

const textOf = (variable: Variable<unknown>): Config.Config<Option.Option<string>> =>
  Config.string(variable.name).pipe(
    Config.withDescription(`${variable.type}; default: ${variable.default}; ${variable.meaning}`),
    Config.option,
    Config.map(Option.filter((text) => isSet(variable, text)))
  )

/** One variable as a `Config` of its own. */
export const single = <A>(variable: Variable<A>): Config.Config<A> =>
  textOf(variable).pipe(
    Config.mapOrFail((text) =>
      read(
        Option.match(text, {
          onNone: () => new Map<string, string>(),
          onSome: (text) => new Map([[variable.name, text]])
        }),
        variable
      )
    )
  )

/** The texts of the whole table, for a decoder that looks at several at once. */
export const texts: Config.Config<Texts> = Config.all(
  all.map((variable) =>
    textOf(variable).pipe(Config.map(Option.map((text) => [variable.name, text] as const)))
  )
).pipe(Config.map((found) => new Map(found.flatMap(Option.toArray))))
