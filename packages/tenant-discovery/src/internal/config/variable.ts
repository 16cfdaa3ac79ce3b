/** One environment variable: how its text is read, and what the reference says about it. */
import { Either } from "effect"
import * as Parse from "./parse.js"

interface Description {
  readonly type: string
  readonly meaning: string
  /** A value that parses, for the reference. */
  readonly example: string
  /** For people: the default, or the rule for it. */
  readonly default?: string
  readonly isSecret?: boolean
  /** Whether an empty text is a value of its own; otherwise blank is unset. */
  readonly emptyIsValue?: boolean
}

export interface Variable<out A> extends Required<Description> {
  readonly name: string
  readonly parse: Parse.Parse<A>
  /** The value where the variable is unset, or what the error says was expected. */
  readonly unset: Either.Either<A, string>
}

/** A secret, and the variable that names a file in its place. */
export interface SecretVariable<out A> extends Variable<A> {
  readonly file: Variable<string | undefined>
}

const define = <A>(
  name: string,
  parse: Parse.Parse<A>,
  unset: Either.Either<A, string>,
  description: Description
): Variable<A> => ({
  default: "none",
  isSecret: false,
  emptyIsValue: false,
  ...description,
  name,
  parse,
  unset
})

/** `missing` completes the sentence "expected ...". */
export const required = <A>(
  name: string,
  parse: Parse.Parse<A>,
  missing: string,
  description: Description
): Variable<A> =>
  define(name, parse, Either.left(missing), {
    default: "none: required, unless MULTI_TENANT_ENABLED is false",
    ...description
  })

export const optional = <A>(
  name: string,
  parse: Parse.Parse<A>,
  description: Description
): Variable<A | undefined> =>
  define<A | undefined>(name, parse, Either.right(undefined), description)

export const withDefault = <A>(
  name: string,
  parse: Parse.Parse<A>,
  description: Description & { readonly default: string }
): Variable<A> => define(name, parse, parse(description.default), description)

export const withFile = <A>(variable: Variable<A>, example: string): SecretVariable<A> => ({
  ...variable,
  isSecret: true,
  file: optional(`${variable.name}_FILE`, Parse.text, {
    type: "path",
    meaning: `A file with the value of ${variable.name}, in place of that variable. It is read at each use; a line feed at its end is not part of the secret.`,
    example
  })
})
