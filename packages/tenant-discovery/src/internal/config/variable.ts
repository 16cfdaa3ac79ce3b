/** One environment variable: how its text is read, and what the reference says about it. */
import { Either } from "effect"
import * as Parse from "./parse.js"

/** The texts that a variable accepts. */
export interface Kind<out A> {
  readonly type: string
  readonly parse: Parse.Parse<A>
  readonly isSecret?: boolean
  /** Whether an empty text is a value of its own; otherwise blank is unset. */
  readonly emptyIsValue?: boolean
}

export interface Variable<out A> extends Kind<A> {
  readonly name: string
  /** A value that parses, for the reference. */
  readonly example: string
  readonly meaning: string
  /** For people: the default, or the rule for it. */
  readonly default: string
  /** The value where the variable is unset, or what the error says was expected. */
  readonly unset: Either.Either<A, string>
  /** Of a secret: the variable that names a file in its place. */
  readonly file?: Variable<string | undefined>
}

export type SecretVariable<A> = Variable<A> & Required<Pick<Variable<A>, "file">>

/** `missing` completes the sentence "expected ...". */
export const required = <A>(
  name: string,
  kind: Kind<A>,
  example: string,
  meaning: string,
  missing: string,
  rule = "none: required, unless MULTI_TENANT_ENABLED is false"
): Variable<A> => ({ ...kind, name, example, meaning, default: rule, unset: Either.left(missing) })

export const optional = <A>(
  name: string,
  kind: Kind<A>,
  example: string,
  meaning: string,
  rule = "none"
): Variable<A | undefined> => ({
  ...kind,
  name,
  example,
  meaning,
  default: rule,
  unset: Either.right(undefined)
})

export const withDefault = <A>(
  name: string,
  kind: Kind<A>,
  value: string,
  meaning: string
): Variable<A> => ({
  ...kind,
  name,
  example: value,
  meaning,
  default: value,
  unset: kind.parse(value)
})

export const withFile = <A>(variable: Variable<A>, example: string): SecretVariable<A> => ({
  ...variable,
  file: optional(
    `${variable.name}_FILE`,
    { type: "path", parse: Parse.text },
    example,
    `A file with the value of ${variable.name}, in place of that variable. It is read at each use; a line feed at its end is not part of the secret.`
  )
})
