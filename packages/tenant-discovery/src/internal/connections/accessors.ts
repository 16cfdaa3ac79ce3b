/**
 * How a program reads a tenant's settings.
 */
import { Data, Either } from "effect"
import type { TenantId } from "../../Tenant.js"
import type {
  ConnectionSettings,
  KafkaSettings,
  MongodbSettings,
  PostgresqlSettings,
  RabbitmqSettings,
  TenantSettings
} from "./connectionSchema.js"

export type ConnectionKind = "postgresql" | "mongodb" | "rabbitmq" | "kafka"

/** The tenant has no usable connection of this kind: in the module, or in any where no module is named. */
export class TenantConnectionNotConfigured extends Data.TaggedError(
  "TenantConnectionNotConfigured"
)<{
  readonly tenantId: TenantId
  readonly kind: ConnectionKind
  readonly module: string | undefined
  /** Why settings that exist cannot be used; `undefined` where there are none. */
  readonly reason: string | undefined
  readonly message: string
}> {}

/** A connection with the module that has it; `undefined` is the tenant's own, of no module. */
export type InModule<A, Module = string> = A & { readonly module: Module }

/** A connection to a database, with the limits for its pool. */
export type Database<A> = InModule<A> & { readonly connectionSettings: ConnectionSettings }

/**
 * How a tenant's data is kept apart: in a database of its own, in a schema of a shared
 * one, or in a way that the raw `isolationMode` names.
 */
export type Isolation = "database" | "schema" | "other"

/**
 * One tenant's connection settings, from one answer of the tenant manager. Immutable.
 * An accessor fails where the part that it would answer with could not be decoded, rather
 * than answer with the part of another module.
 */
export interface Connections {
  readonly tenantId: TenantId
  readonly settings: TenantSettings
  /** Stays the same as long as the decoded settings do, and grows when they differ. */
  readonly revision: number
  /** When they were loaded: milliseconds since the epoch. */
  readonly loadedAt: number
  /** They are older than `ttl`, and the tenant manager could not be asked. */
  readonly stale: boolean
  readonly isolation: Isolation
  /**
   * The module's PostgreSQL; without a module, the first in the order of the names that has
   * one. Fails where `isolationMode` is `schema` and no schema is named.
   */
  readonly postgresql: (
    module?: string
  ) => Either.Either<Database<PostgresqlSettings>, TenantConnectionNotConfigured>
  /** The replica, or the primary where there is none. Otherwise as `postgresql`. */
  readonly postgresqlReplica: (
    module?: string
  ) => Either.Either<Database<PostgresqlSettings>, TenantConnectionNotConfigured>
  readonly mongodb: (
    module?: string
  ) => Either.Either<Database<MongodbSettings>, TenantConnectionNotConfigured>
  /** The module's RabbitMQ; where it has none or none is named, the tenant's own, then the first in the order of the names. */
  readonly rabbitmq: (
    module?: string
  ) => Either.Either<InModule<RabbitmqSettings, string | undefined>, TenantConnectionNotConfigured>
  readonly kafka: (
    module?: string
  ) => Either.Either<InModule<KafkaSettings>, TenantConnectionNotConfigured>
  /** The limits for a module's pools: the module's win over the tenant's, which win over the program's. */
  readonly connectionSettings: (module?: string) => ConnectionSettings
}

const limits = ["maxOpenConns", "maxIdleConns"] as const

/** Each field from the first level that has it. A limit of 0 counts as absent. */
const merged = (levels: ReadonlyArray<ConnectionSettings | undefined>): ConnectionSettings => {
  const found: { -readonly [Key in keyof ConnectionSettings]: ConnectionSettings[Key] } = {}
  for (const level of levels) {
    for (const key of limits) {
      const value = level?.[key]
      if (found[key] === undefined && value !== undefined && value > 0) found[key] = value
    }
    if (found.statementTimeout === undefined && level?.statementTimeout !== undefined) {
      found.statementTimeout = level.statementTimeout
    }
  }
  return found
}

const isolationOf = (mode: string | undefined): Isolation => {
  switch (mode ?? "") {
    case "":
    case "isolated":
    case "database":
      return "database"
    case "schema":
      return "schema"
    default:
      return "other"
  }
}

type Modules<Module> = Readonly<Record<string, Module>> | undefined

/** The fields of a module that may answer, in order of preference; a module that is its own field has an empty name. */
type Fields<Module, A> = ReadonlyArray<
  readonly [name: string, pick: (module: Module) => A | undefined]
>

export const makeConnections = (options: {
  readonly tenantId: TenantId
  readonly settings: TenantSettings
  readonly revision: number
  readonly loadedAt: number
  readonly stale: boolean
  readonly defaults: ConnectionSettings | undefined
}): Connections => {
  const { settings, tenantId } = options
  const { databases, messaging, rabbitmq, streaming, unreadable = [] } = settings
  const isolation = isolationOf(settings.isolationMode)

  const notConfigured = (
    kind: ConnectionKind,
    module: string | undefined,
    detail: { readonly reason: string } | { readonly known: ReadonlyArray<string> }
  ) => {
    const where = module === undefined ? "any module" : `module ${JSON.stringify(module)}`
    const reason = "reason" in detail ? detail.reason : undefined
    const known = "known" in detail ? detail.known : []
    const modules = known.length === 0 ? "no module has it" : `modules: ${known.join(", ")}`
    return new TenantConnectionNotConfigured({
      tenantId,
      kind,
      module,
      reason,
      message: `tenant ${tenantId} has no ${reason === undefined ? "" : "usable "}${kind} in ${where}; ${reason ?? modules}`
    })
  }

  const faultAt = (...place: ReadonlyArray<string>): string | undefined =>
    unreadable.find(({ part }) => part.every((key, index) => key === (place[index] ?? key)))
      ?.message

  /** From the module, or from the first in the order of the names that has it. */
  const lookUp = <Module, A>(
    kind: ConnectionKind,
    root: "databases" | "rabbitmq" | "streaming",
    modules: Modules<Module>,
    module: string | undefined,
    fields: Fields<Module, A>
  ): Either.Either<InModule<A>, TenantConnectionNotConfigured> => {
    const faulty = unreadable.flatMap(({ part }) => (part[0] === root ? part.slice(1, 2) : []))
    const names = [...new Set([...Object.keys(modules ?? {}), ...faulty])].sort()
    const known: Array<string> = []
    for (const name of names) {
      const entry =
        modules !== undefined && Object.hasOwn(modules, name) ? modules[name] : undefined
      for (const [field, pick] of fields) {
        const reason = faultAt(root, name, ...(field === "" ? [] : [field]))
        const value = entry === undefined ? undefined : pick(entry)
        if (reason === undefined && value === undefined) continue
        known.push(name)
        if (module !== undefined && module !== name) break
        return reason === undefined && value !== undefined
          ? Either.right({ ...value, module: name })
          : Either.left(notConfigured(kind, name, { reason: reason ?? "" }))
      }
    }
    return Either.left(notConfigured(kind, module, { known }))
  }

  const connectionSettings = (module?: string) =>
    merged([
      module !== undefined && databases !== undefined && Object.hasOwn(databases, module)
        ? databases[module]?.connectionSettings
        : undefined,
      settings.connectionSettings,
      options.defaults
    ])

  type Module = NonNullable<typeof databases>[string]
  const database = <A>(
    kind: ConnectionKind,
    module: string | undefined,
    fields: Fields<Module, A>
  ): Either.Either<Database<A>, TenantConnectionNotConfigured> =>
    Either.map(lookUp(kind, "databases", databases, module, fields), (found) => ({
      ...found,
      connectionSettings: connectionSettings(found.module)
    }))

  const primary = ["postgresql", (it: Module) => it.postgresql] as const
  const replica = ["postgresqlReplica", (it: Module) => it.postgresqlReplica] as const
  const postgresql = (module: string | undefined, fields: Fields<Module, PostgresqlSettings>) =>
    Either.filterOrLeft(
      database("postgresql", module, fields),
      ({ schema = "" }) => isolation !== "schema" || schema !== "",
      (found) =>
        notConfigured("postgresql", found.module, {
          reason: "isolationMode is schema, and the settings name no schema"
        })
    )
  const ofModule = (module: string | undefined) =>
    lookUp<RabbitmqSettings, RabbitmqSettings>("rabbitmq", "rabbitmq", rabbitmq, module, [
      ["", (it) => it]
    ])

  return {
    tenantId,
    settings,
    revision: options.revision,
    loadedAt: options.loadedAt,
    stale: options.stale,
    isolation,
    postgresql: (module) => postgresql(module, [primary]),
    postgresqlReplica: (module) => postgresql(module, [replica, primary]),
    mongodb: (module) => database("mongodb", module, [["mongodb", (it) => it.mongodb]]),
    rabbitmq: (module) => {
      const found = ofModule(module)
      if (module !== undefined && (Either.isRight(found) || found.left.reason !== undefined)) {
        return found
      }
      if (messaging?.rabbitmq !== undefined) {
        return Either.right({ ...messaging.rabbitmq, module: undefined })
      }
      const reason = faultAt("messaging", "rabbitmq")
      return reason === undefined
        ? found
        : Either.left(notConfigured("rabbitmq", module, { reason }))
    },
    kafka: (module) =>
      lookUp("kafka", "streaming", streaming, module, [["kafka", (it) => it.kafka]]),
    connectionSettings
  }
}
