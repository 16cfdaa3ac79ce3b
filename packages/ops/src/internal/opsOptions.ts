/** The options, and the environment variables with the same meaning. */
import { Config, ConfigError, Either, Option, ParseResult, Redacted, Schema } from "effect"
import { BlockList, isIP } from "node:net"

/** The options of `TenantOps.routes`. */
export interface TenantOpsRoutesOptions {
  /**
   * The bearer token that every path needs but `/livez`, `/readyz` and the page itself. Default:
   * none, and then what changes something (`/refresh`, `/cordon`, `/uncordon`) is not served.
   */
  readonly token?: Redacted.Redacted | undefined
}

/** The options of `TenantOps.layer`. */
export interface TenantOpsOptions extends TenantOpsRoutesOptions {
  /** The port to listen on; default 9464. 0 takes a free one. */
  readonly port?: number | undefined
  /** The host to listen on; default `127.0.0.1`. One that is not loopback needs a `token`. */
  readonly host?: string | undefined
}

/** The defaults of `TenantOpsOptions`. */
export const defaults = { port: 9464, host: "127.0.0.1" } as const

const MAX_SHOWN = 80

const show = (value: unknown): string => {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
}

const PORT = "a port: a whole number from 0 to 65535"
const HOST = "a host name or an address, without a port"
const TOKEN = "a Redacted token of visible ASCII characters, without white space"
const NEEDS_TOKEN = "a token, since the host is not loopback"

const isPort = (port: number): boolean => Number.isInteger(port) && port >= 0 && port <= 65_535
const isHost = (host: string): boolean => isIP(host) !== 0 || /^[^\s/\\@?#[\]:]+$/.test(host)
/** What an `Authorization` header can carry. */
const isToken = (token: unknown): boolean =>
  typeof token === "string" && /^[\x21-\x7e]+$/.test(token)

const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8)
loopback.addAddress("::1", "ipv6")

/** Whether only this machine reaches the host. */
export const isLoopback = (host: string): boolean => {
  const version = isIP(host)
  if (version === 0) return host.toLowerCase() === "localhost"
  return loopback.check(host, version === 6 ? "ipv6" : "ipv4")
}

const checked = <A, I>(
  schema: Schema.Schema<A, I>,
  expected: string,
  isValid: (value: A) => boolean
) =>
  schema.pipe(Schema.filter(isValid)).annotations({
    message: ({ actual }) => ({
      message: `expected ${expected}, got ${show(actual)}`,
      override: true
    })
  })

const Token = checked(Schema.RedactedFromSelf(Schema.Unknown), TOKEN, (token) =>
  isToken(Redacted.value(token))
).pipe(Schema.compose(Schema.RedactedFromSelf(Schema.String), { strict: false }))

const RoutesOptions = Schema.Struct({ token: Schema.optional(Token) })

const Options = Schema.Struct({
  port: Schema.optionalWith(checked(Schema.Number, PORT, isPort), {
    default: () => defaults.port
  }),
  host: Schema.optionalWith(checked(Schema.String, HOST, isHost), {
    default: () => defaults.host
  }),
  ...RoutesOptions.fields
}).pipe(
  Schema.filter(({ host, token }) =>
    isLoopback(host) || token !== undefined
      ? undefined
      : { path: ["token"], message: `expected ${NEEDS_TOKEN}, got undefined` }
  )
)

/** The decoded options. */
export type Settings = typeof Options.Type

const decode = <A, I>(owner: string, schema: Schema.Schema<A, I>, options: unknown): A => {
  const decoded = Schema.decodeUnknownEither(schema)(options ?? {})
  if (Either.isRight(decoded)) return decoded.right
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
  const option = issue?.path.map(String).join(".") ?? ""
  throw new RangeError(`${owner}: option "${option}": ${issue?.message ?? "not valid"}`)
}

/**
 * The decoded options of `TenantOps.routes`.
 *
 * @throws RangeError for a bad one.
 */
export const decodeRoutesOptions = (options: TenantOpsRoutesOptions | undefined) =>
  decode("TenantOps.routes", RoutesOptions, options)

/**
 * The decoded options of `TenantOps.layer`.
 *
 * @throws RangeError for a bad one.
 */
export const decodeOptions = (options: TenantOpsOptions | undefined): Settings =>
  decode("TenantOps.layer", Options, options)

const invalid = (name: string, expected: string): ConfigError.ConfigError =>
  ConfigError.InvalidData([name], `${name} is invalid: expected ${expected}`)

/** The value of a variable that is set; a blank one counts as unset. */
const variable = <A>(name: string, read: (text: string) => A | undefined, expected: string) =>
  Config.option(Config.string(name)).pipe(
    Config.map(Option.filter((text) => text.trim() !== "")),
    Config.mapOrFail(
      Option.match({
        onNone: () => Either.right(undefined),
        onSome: (text) => {
          const value = read(text.trim())
          return value === undefined ? Either.left(invalid(name, expected)) : Either.right(value)
        }
      })
    )
  )

const portOf = (text: string): number | undefined =>
  /^\d+$/.test(text) && isPort(Number(text)) ? Number(text) : undefined

/**
 * The options from `MULTI_TENANT_OPS_PORT`, `MULTI_TENANT_OPS_HOST` and `MULTI_TENANT_OPS_TOKEN`.
 * An error names the variable and never shows the token.
 */
export const optionsConfig: Config.Config<TenantOpsOptions> = Config.all({
  port: variable("MULTI_TENANT_OPS_PORT", portOf, PORT),
  host: variable("MULTI_TENANT_OPS_HOST", (text) => (isHost(text) ? text : undefined), HOST),
  token: variable(
    "MULTI_TENANT_OPS_TOKEN",
    (text) => (isToken(text) ? Redacted.make(text) : undefined),
    "a token of visible ASCII characters, without white space"
  )
}).pipe(
  Config.mapOrFail((options) =>
    options.token !== undefined || isLoopback(options.host ?? defaults.host)
      ? Either.right(options)
      : Either.left(
          ConfigError.MissingData(
            ["MULTI_TENANT_OPS_TOKEN"],
            `MULTI_TENANT_OPS_TOKEN is missing: expected ${NEEDS_TOKEN}`
          )
        )
  )
)
