/** The options, decoded once by a schema. A bad one throws a `RangeError` that names it. */
import type { PgClient } from "@effect/sql-pg"
import { Duration, Either, ParseResult, Redacted, Schema } from "effect"
import { hostname } from "node:os"

/** Where the program's database is. A `url` and the other fields may be combined. */
export type ClusterDatabase = Pick<
  PgClient.PgClientConfig,
  "url" | "host" | "port" | "path" | "ssl" | "database" | "username" | "password"
>

/** The options of `ClusterAssignment.layer`. */
export interface ClusterAssignmentOptions {
  /**
   * The PostgreSQL database that holds the tables of the cluster: the program's own. Another
   * database, such as MySQL, is refused. The layer opens a small pool of its own to it.
   */
  readonly database: ClusterDatabase
  /**
   * The prefix of the cluster's tables, `[a-z][a-z0-9_]{0,39}`. Replicas with the same prefix
   * share the tenants; each service needs its own.
   */
  readonly prefix: string
  /**
   * How many shards the tenants are spread over; default 300. All replicas must be given the same
   * number, for as long as the service lives.
   */
  readonly shards?: number | undefined
  /**
   * The first part of the replica's address, up to 100 of `[A-Za-z0-9.-]`; default: the host name.
   * A random part follows, so that a process that starts anew has a new address.
   */
  readonly name?: string | undefined
  /** The version that this replica shows in `members`. */
  readonly version?: string | undefined
  /** Whether the replica takes tenants; default true. `uncordon` makes it take them. */
  readonly participate?: boolean | undefined
  /**
   * How long a replica that stopped renewing keeps its shards, in the database; default 6 s. All
   * replicas must be given the same duration.
   */
  readonly expiration?: Duration.DurationInput | undefined
  /** How long before the expiration the replica's own runs are interrupted; default 2 s. */
  readonly margin?: Duration.DurationInput | undefined
  /**
   * How often the leases are renewed; default 1 s. At most a third of the expiration less the
   * margin.
   */
  readonly refreshInterval?: Duration.DurationInput | undefined
  /** How often the replica looks for others that join and leave; default 1 s. */
  readonly assignmentsInterval?: Duration.DurationInput | undefined
  /** How often the replica tries to take the shards that are its own; default 1 s. */
  readonly pollInterval?: Duration.DurationInput | undefined
  /**
   * How long a replica waits at its start, and after an outage of the database, before it takes
   * shards; default 1 s. Replicas that start together then take only their own part.
   */
  readonly settleDelay?: Duration.DurationInput | undefined
  /**
   * How long a shard that moves waits for its runs to end; default 25 s. The shard of a run that
   * takes longer is not given back: it expires.
   */
  readonly drainTimeout?: Duration.DurationInput | undefined
  /** The connections of the replica's own pool; default 3, at least 2. */
  readonly maxConnections?: number | undefined
}

/** The decoded options. Durations are in milliseconds. */
export interface Settings {
  readonly database: ClusterDatabase
  readonly prefix: string
  readonly shards: number
  /** Unique for each incarnation of a replica. */
  readonly address: string
  readonly version: string | undefined
  readonly participate: boolean
  readonly expiration: number
  readonly margin: number
  readonly refreshInterval: number
  readonly assignmentsInterval: number
  readonly pollInterval: number
  readonly settleDelay: number
  readonly drainTimeout: number
  readonly maxConnections: number
}

const show = (value: unknown): string =>
  typeof value === "string" ? JSON.stringify(value).slice(0, 80) : String(value)

/** A number read from any input; `read` answers `undefined` for one that is not accepted. */
const numeric = (expected: string, read: (input: unknown) => number | undefined) =>
  Schema.transformOrFail(Schema.Unknown, Schema.Number, {
    strict: true,
    decode: (input, _, ast) => {
      const value = read(input)
      return value === undefined
        ? ParseResult.fail(
            new ParseResult.Type(ast, input, `expected ${expected}, got ${show(input)}`)
          )
        : ParseResult.succeed(value)
    },
    encode: (value) => ParseResult.succeed(value)
  })

const count = (least: number, most: number) =>
  numeric(`a whole number from ${least} to ${most}`, (input) =>
    Number.isInteger(input) && Number(input) >= least && Number(input) <= most
      ? Number(input)
      : undefined
  )

/** A `DurationInput` to milliseconds. `Duration.decode` takes what is negative as zero. */
const duration = (least: number) =>
  numeric(`a finite duration of ${least} ms or more`, (input) => {
    const decoded = Duration.decodeUnknown(input)
    const millis = decoded._tag === "Some" ? Duration.toMillis(decoded.value) : Number.NaN
    return Number.isFinite(millis) && millis >= least && !(Number(input) < 0) ? millis : undefined
  })

/** A text that goes into SQL or into an address: only what needs no quotes. */
const text = (expected: string, pattern: RegExp) =>
  Schema.String.pipe(
    Schema.filter((input) => pattern.test(input) || `expected ${expected}, got ${show(input)}`)
  )

const or = <A, I>(schema: Schema.Schema<A, I>, value: A) =>
  Schema.optionalWith(schema, { default: () => value })

/** The driver would try any other URL as one of PostgreSQL. */
const isPostgresUrl = (input: unknown): boolean =>
  Redacted.isRedacted(input) && /^postgres(ql)?:/.test(String(Redacted.value(input)))

const Database = Schema.declare(
  (input): input is ClusterDatabase =>
    typeof input === "object" &&
    input !== null &&
    (!("url" in input) || input.url === undefined || isPostgresUrl(input.url)) &&
    (!("password" in input) || input.password === undefined || Redacted.isRedacted(input.password)),
  {
    message: () =>
      "expected connection settings of PostgreSQL with `url` (postgres://...) and `password` as Redacted"
  }
)

/** The characters of an address: the engine writes it into SQL as it is. */
const hostName = (): string =>
  hostname()
    .replaceAll(/[^A-Za-z0-9.-]/g, "-")
    .slice(0, 100)

const Options = Schema.Struct({
  database: Database,
  prefix: text("a prefix that matches [a-z][a-z0-9_]{0,39}", /^[a-z][a-z0-9_]{0,39}$/),
  shards: or(count(1, 10_000), 300),
  name: Schema.optionalWith(text("1 to 100 of [A-Za-z0-9.-]", /^[A-Za-z0-9.-]{1,100}$/), {
    default: hostName
  }),
  version: or(Schema.UndefinedOr(Schema.String), undefined),
  participate: or(Schema.Boolean, true),
  expiration: or(duration(1000), 6000),
  margin: or(duration(100), 2000),
  refreshInterval: or(duration(100), 1000),
  assignmentsInterval: or(duration(100), 1000),
  pollInterval: or(duration(100), 1000),
  settleDelay: or(duration(0), 1000),
  drainTimeout: or(duration(0), 25_000),
  maxConnections: or(count(2, 100), 3)
}).pipe(
  Schema.filter(({ expiration, margin, refreshInterval }) => {
    if (expiration % 1000 !== 0) {
      return { path: ["expiration"], message: `expected whole seconds, got ${expiration} ms` }
    }
    if (margin >= expiration) {
      return {
        path: ["margin"],
        message: `expected less than expiration, which is ${expiration} ms; got ${margin} ms`
      }
    }
    const most = Math.floor((expiration - margin) / 3)
    return refreshInterval <= most
      ? undefined
      : {
          path: ["refreshInterval"],
          message:
            `expected at most a third of expiration less margin, which is ${most} ms; ` +
            `got ${refreshInterval} ms`
        }
  })
)

const decode = Schema.decodeUnknownEither(Options)

/** @throws RangeError for a bad option, which it names. No value of `database` is shown. */
export const decodeOptions = (owner: string, options: ClusterAssignmentOptions): Settings => {
  // An option given as `undefined` counts as left out.
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined)
  )
  const decoded = decode(given)
  if (Either.isLeft(decoded)) {
    const [issue] = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)
    const option = issue?.path.map(String).join(".") ?? ""
    throw new RangeError(`${owner}: option "${option}": ${issue?.message ?? "not valid"}`)
  }
  const { name, ...settings } = decoded.right
  return { ...settings, address: `${name}-${crypto.randomUUID().slice(0, 13)}` }
}
