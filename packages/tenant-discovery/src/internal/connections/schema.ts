/**
 * The body of `GET /tenants/{id}/associations/{service}/connections`, as the
 * contract has it. Field names are the wire's. Unknown fields are dropped; `null`
 * stands for absent, since Go encodes a nil slice, map or pointer so.
 */
import { Duration, Effect, ParseResult, Schema } from "effect"
import { dropNulls, explain } from "./explain.js"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const Secret = Schema.Redacted(Schema.String)
const Port = Schema.Int.pipe(Schema.between(1, 65_535))

const text = optional(Schema.String)
const secret = optional(Secret)
const flag = optional(Schema.Boolean)
const count = optional(Schema.Int)

const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001
}
const DURATION = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/
const PART = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g

/** What Go's `time.Duration` prints, such as `1m30s`; digits alone are milliseconds, as PostgreSQL has them. */
const parseDuration = (input: string): Duration.Duration | undefined => {
  if (/^\d+$/.test(input)) return Duration.millis(Number(input))
  if (!DURATION.test(input)) return undefined
  let millis = 0
  for (const [, amount, unit = ""] of input.matchAll(PART)) {
    millis += Number(amount) * (UNITS[unit] ?? 0)
  }
  return Duration.millis(millis)
}

const StatementTimeout = Schema.transformOrFail(
  Schema.String,
  Schema.UndefinedOr(Schema.DurationFromSelf),
  {
    strict: true,
    decode: (input, _, ast) => {
      if (input === "") return ParseResult.succeed(undefined)
      const parsed = parseDuration(input)
      return parsed === undefined
        ? ParseResult.fail(new ParseResult.Type(ast, input, "expected a duration such as 30s"))
        : ParseResult.succeed(parsed)
    },
    encode: (duration) =>
      ParseResult.succeed(duration === undefined ? "" : `${Duration.toMillis(duration)}ms`)
  }
)

/** Limits of a connection pool. */
export const ConnectionSettings = Schema.Struct({
  maxOpenConns: count,
  maxIdleConns: count,
  /** Decoded from `30s`, `1m30s` or milliseconds; empty is absent. */
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
  /** As libpq has it: `disable`, `require`, `verify-full` and so on. */
  sslmode: text,
  sslrootcert: text,
  sslcert: text,
  sslkey: secret
})
export type PostgresqlSettings = typeof PostgresqlSettings.Type

/** Either `uri`, or `host` and what goes with it. */
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
  /** Absent is not the same as false: then the driver's own default holds. */
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
  /** Absent is not the same as false. */
  tls: flag,
  tlsCAFile: text
})
export type RabbitmqSettings = typeof RabbitmqSettings.Type

export const KafkaSettings = Schema.Struct({
  brokers: Schema.Array(Schema.String),
  username: text,
  password: secret,
  mechanism: text,
  /** Absent is not the same as false. */
  tls: flag
})
export type KafkaSettings = typeof KafkaSettings.Type

const modules = <A, I>(value: Schema.Schema<A, I>) =>
  optional(Schema.Record({ key: Schema.String, value }))

/** Everything that one answer said of a tenant. Secrets are `Redacted`, the rest is plain. */
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
  updatedAt: text
})
export type TenantSettings = typeof TenantSettings.Type

/** Whether two answers say the same, dates of change included. */
export const sameSettings: (a: TenantSettings, b: TenantSettings) => boolean =
  Schema.equivalence(TenantSettings)

const decode = ParseResult.decodeUnknownEither(TenantSettings)

/** The settings in a parsed body. Fails with a sentence that names the place and what was expected there, never the value. */
export const decodeSettings = (body: unknown): Effect.Effect<TenantSettings, string> =>
  Effect.suspend(() => {
    const decoded = decode(dropNulls(body))
    return decoded._tag === "Right"
      ? Effect.succeed(decoded.right)
      : Effect.fail(explain(decoded.left))
  })
