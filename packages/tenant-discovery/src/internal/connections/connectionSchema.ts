/**
 * The body of `GET /tenants/{id}/associations/{service}/connections`. Field names are
 * those of the wire. Unknown fields are dropped. `null` means absent: Go encodes a nil
 * slice, map or pointer so.
 */
import { Duration, Effect, Either, ParseResult, Record, Schema, Struct } from "effect"
import { bodyIssues } from "./bodyIssue.js"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Secret = Schema.Redacted(Schema.String)
const Port = Schema.Int.pipe(Schema.between(1, 65_535))

const text = optional(Schema.String)
const secret = optional(Secret)
const flag = optional(Schema.Boolean)
const count = optional(Schema.Int)

const UNITS: Readonly<Record<string, number>> = {
  us: 0.001,
  ms: 1,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000
}

/** What PostgreSQL takes: a number in milliseconds, or a number and a unit; `undefined` for anything else. */
const parseTimeout = (input: unknown): Duration.Duration | undefined => {
  if (typeof input !== "string" && typeof input !== "number") return undefined
  const [, amount, unit = "ms"] =
    /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min|h|d)?\s*$/.exec(String(input)) ?? []
  return amount === undefined ? undefined : Duration.millis(Number(amount) * (UNITS[unit] ?? 1))
}

const StatementTimeout = Schema.transform(
  Schema.Unknown.pipe(
    Schema.filter((input) => input === "" || parseTimeout(input) !== undefined, {
      description: "a duration such as 30s"
    })
  ),
  Schema.UndefinedOr(Schema.DurationFromSelf),
  {
    strict: true,
    decode: parseTimeout,
    encode: (duration) => (duration === undefined ? "" : `${Duration.toMillis(duration)}ms`)
  }
)

/** Limits of a connection pool. */
export const ConnectionSettings = Schema.Struct({
  maxOpenConns: count,
  maxIdleConns: count,
  /** As PostgreSQL takes it: milliseconds, or a number with `us`, `ms`, `s`, `min`, `h` or `d`. Empty is absent. */
  statementTimeout: optional(StatementTimeout)
})
export type ConnectionSettings = typeof ConnectionSettings.Type

export const PostgresqlSettings = Schema.Struct({
  host: Schema.NonEmptyString,
  port: Schema.optionalWith(Port, { default: () => 5432 }),
  database: Schema.String,
  username: Schema.String,
  password: secret,
  schema: text,
  /** A mode of libpq: `disable`, `require`, `verify-full` and so on. */
  sslmode: text,
  sslrootcert: text,
  sslcert: text,
  sslkey: secret
})
export type PostgresqlSettings = typeof PostgresqlSettings.Type

/** Either `uri`, or `host` and the fields that go with it. */
export const MongodbSettings = Schema.Struct({
  uri: secret,
  host: text,
  port: optional(Schema.Int.pipe(Schema.between(0, 65_535))),
  database: text,
  username: text,
  password: secret,
  authSource: text,
  directConnection: flag,
  maxPoolSize: count,
  /** Absent is not false: it leaves the choice to the driver. */
  tls: flag,
  tlsCAFile: text,
  tlsCertFile: text,
  tlsKeyFile: secret,
  tlsSkipVerify: flag
})
export type MongodbSettings = typeof MongodbSettings.Type

export const RabbitmqSettings = Schema.Struct({
  host: Schema.NonEmptyString,
  port: optional(Port),
  vhost: text,
  username: text,
  password: secret,
  /** Absent is not false: it leaves the choice to the driver. */
  tls: flag,
  tlsCAFile: text
})
export type RabbitmqSettings = typeof RabbitmqSettings.Type

export const KafkaSettings = Schema.Struct({
  brokers: Schema.Array(Schema.String),
  username: text,
  password: secret,
  mechanism: text,
  /** Absent is not false: it leaves the choice to the driver. */
  tls: flag
})
export type KafkaSettings = typeof KafkaSettings.Type

const modules = <A, I>(value: Schema.Schema<A, I>) =>
  optional(Schema.Record({ key: Schema.String, value }))

/** A part of an answer that could not be decoded. The other parts are usable. */
export const UnreadablePart = Schema.Struct({
  /** The part's place, such as `["databases", "onboarding", "postgresql"]`. */
  part: Schema.Array(Schema.String),
  /** The place of the fault and what was expected there, never the value. */
  message: Schema.String
})
export type UnreadablePart = typeof UnreadablePart.Type

/** One tenant's settings. Secrets are `Redacted`. */
export const TenantSettings = Schema.Struct({
  id: Schema.NonEmptyString,
  tenantSlug: text,
  tenantName: text,
  service: text,
  status: text,
  isolationMode: text,
  databases: modules(
    Schema.Struct({
      postgresql: optional(PostgresqlSettings),
      postgresqlReplica: optional(PostgresqlSettings),
      mongodb: optional(MongodbSettings),
      connectionSettings: optional(ConnectionSettings)
    })
  ),
  messaging: optional(Schema.Struct({ rabbitmq: optional(RabbitmqSettings) })),
  rabbitmq: modules(RabbitmqSettings),
  streaming: modules(Schema.Struct({ kafka: optional(KafkaSettings) })),
  connectionSettings: optional(ConnectionSettings),
  createdAt: text,
  updatedAt: text,
  /** Not on the wire: the parts that were left out. */
  unreadable: optional(Schema.Array(UnreadablePart))
})
export type TenantSettings = typeof TenantSettings.Type

/** Whether two answers mean the same; their dates are no part of it. */
export const sameSettings: (a: TenantSettings, b: TenantSettings) => boolean = Schema.equivalence(
  TenantSettings.omit("createdAt", "updatedAt")
)

/** Whether two answers differ in nothing but the limits of pools. */
export const sameExceptLimits = (a: TenantSettings, b: TenantSettings): boolean => {
  const bare = (settings: TenantSettings) => ({
    ...Struct.omit(settings, "connectionSettings"),
    databases: Record.map(settings.databases ?? {}, Struct.omit("connectionSettings"))
  })
  return sameSettings(bare(a), bare(b))
}

/** The smallest part around `path` that is decoded for itself; `undefined` where the whole answer depends on it. */
const partOf = (path: ReadonlyArray<PropertyKey>): ReadonlyArray<string> | undefined => {
  const keys = path.map(String)
  const [root = "", , kind] = keys
  if (["", "id", "isolationMode"].includes(root)) return undefined
  if (!["databases", "streaming", "messaging", "rabbitmq"].includes(root)) return keys.slice(0, 2)
  if (keys.length < 2) return undefined
  if (root === "messaging" || root === "rabbitmq") return keys.slice(0, 2)
  return keys.slice(0, kind === "connectionSettings" ? 4 : 3)
}

const decode = ParseResult.decodeUnknownEither(TenantSettings, { errors: "all" })

/** Decodes; leaves out what cannot be decoded and decodes the rest again. */
const decodeParts = (
  body: unknown,
  unreadable: ReadonlyArray<UnreadablePart>
): Either.Either<TenantSettings, string> => {
  const decoded = decode(body)
  if (Either.isRight(decoded)) {
    return Either.right(unreadable.length === 0 ? decoded.right : { ...decoded.right, unreadable })
  }
  const found = new Map<string, UnreadablePart>()
  for (const { message, path } of bodyIssues(decoded.left)) {
    const part = partOf(path)
    if (part === undefined) return Either.left(message)
    if (!found.has(part.join())) found.set(part.join(), { part, message })
  }
  const rest = [...found.values()].reduce((left, { part }) => without(left, part), body)
  return decodeParts(rest, [...unreadable, ...found.values()])
}

/** The body without fields that are null or undefined, at any depth. */
const dropNulls = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(dropNulls)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, field]) => field !== null && field !== undefined)
      .map(([key, field]) => [key, dropNulls(field)])
  )
}
/** The value without the field at `path`; the same value where there is no such field. */
const without = (value: unknown, path: ReadonlyArray<PropertyKey>): unknown => {
  const [key, ...rest] = path
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  const fields = Object.entries(value)
  return Object.fromEntries(
    rest.length === 0
      ? fields.filter(([name]) => name !== key)
      : fields.map(([name, field]) => [name, name === key ? without(field, rest) : field])
  )
}

/**
 * The settings in a parsed body. Each module and kind is decoded for itself; a bad one is
 * left out and named in `unreadable`. Fails with the place and what was expected there,
 * never the value, where the answer as a whole cannot be read.
 */
export const decodeSettings = (body: unknown): Effect.Effect<TenantSettings, string> =>
  Effect.suspend(() => decodeParts(without(dropNulls(body), ["unreadable"]), []))
