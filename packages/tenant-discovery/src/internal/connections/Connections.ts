/**
 * What a program asks of a tenant's settings.
 */
import { Either } from "effect"
import type { TenantId } from "../../Tenant.js"
import { type ConnectionKind, TenantConnectionNotConfigured } from "./notConfigured.js"
import type {
  ConnectionSettings,
  KafkaSettings,
  MongodbSettings,
  PostgresqlSettings,
  RabbitmqSettings,
  TenantSettings
} from "./schema.js"

/** A connection with the module that it was found in; `undefined` is the tenant's own, of no module. */
export type InModule<A, Module = string> = A & { readonly module: Module }

/** A connection to a database, with the limits that hold for its pool. */
export type Database<A> = InModule<A> & { readonly connectionSettings: ConnectionSettings }

/**
 * How a tenant keeps its data apart: in a database of its own, in a schema of a
 * shared one, or in a way that the raw `isolationMode` names.
 */
export type Isolation = "database" | "schema" | "other"

/** One tenant's connection settings, as one answer of the tenant manager had them. Immutable. */
export interface Connections {
  readonly tenantId: TenantId
  /** The answer itself. */
  readonly settings: TenantSettings
  /**
   * The same number as long as the settings are the same. Another one after every
   * event that said they are out of date, whatever they turned out to be: what was
   * built on an older one is to be built anew.
   */
  readonly revision: number
  /** When they were loaded: milliseconds since the epoch. */
  readonly loadedAt: number
  /** They are past their time, and the tenant manager could not be asked for newer ones. */
  readonly stale: boolean
  readonly isolation: Isolation
  /** The module's PostgreSQL; without a module, the first in the order of the names that has one. */
  readonly postgresql: (
    module?: string
  ) => Either.Either<Database<PostgresqlSettings>, TenantConnectionNotConfigured>
  /** The replica, and where there is none the primary. Without a module as `postgresql`. */
  readonly postgresqlReplica: (
    module?: string
  ) => Either.Either<Database<PostgresqlSettings>, TenantConnectionNotConfigured>
  readonly mongodb: (
    module?: string
  ) => Either.Either<Database<MongodbSettings>, TenantConnectionNotConfigured>
  /** The module's RabbitMQ, and where it has none (or no module is given) the tenant's own, then the first in the order of the names. */
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

/** Each field from the first that says something. No pool has no connections: 0 says nothing. */
const firstOf = (levels: ReadonlyArray<ConnectionSettings | undefined>): ConnectionSettings => {
  const found: { -readonly [Key in keyof ConnectionSettings]: ConnectionSettings[Key] } = {}
  for (const level of levels) {
    if (level === undefined) continue
    for (const key of limits) {
      const value = level[key]
      if (found[key] === undefined && value !== undefined && value > 0) found[key] = value
    }
    if (found.statementTimeout === undefined && level.statementTimeout !== undefined) {
      found.statementTimeout = level.statementTimeout
    }
  }
  return found
}

/** The module's, or the first in sorted order that has one. */
const lookUp = <Module, A>(
  modules: Readonly<Record<string, Module>> | undefined,
  module: string | undefined,
  pick: (module: Module) => A | undefined
): { readonly module: string; readonly value: A } | undefined => {
  if (modules === undefined) return undefined
  const names = module === undefined ? Object.keys(modules).sort() : [module]
  for (const name of names) {
    const entry = Object.hasOwn(modules, name) ? modules[name] : undefined
    const value = entry === undefined ? undefined : pick(entry)
    if (value !== undefined) return { module: name, value }
  }
  return undefined
}

const namesWith = <Module>(
  modules: Readonly<Record<string, Module>> | undefined,
  pick: (module: Module) => unknown
): ReadonlyArray<string> =>
  Object.entries(modules ?? {})
    .filter(([, module]) => pick(module) !== undefined)
    .map(([name]) => name)
    .sort()

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

export const makeConnections = (options: {
  readonly tenantId: TenantId
  readonly settings: TenantSettings
  readonly revision: number
  readonly loadedAt: number
  readonly stale: boolean
  readonly defaults: ConnectionSettings | undefined
}): Connections => {
  const { settings, tenantId } = options
  const { databases, messaging, rabbitmq, streaming } = settings

  const connectionSettings = (module?: string) =>
    firstOf([
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
    pick: (module: Module) => A | undefined
  ): Either.Either<Database<A>, TenantConnectionNotConfigured> => {
    const found = lookUp(databases, module, pick)
    return found === undefined
      ? Either.left(
          TenantConnectionNotConfigured.of(tenantId, kind, module, namesWith(databases, pick))
        )
      : Either.right({
          ...found.value,
          module: found.module,
          connectionSettings: connectionSettings(found.module)
        })
  }

  return {
    tenantId,
    settings,
    revision: options.revision,
    loadedAt: options.loadedAt,
    stale: options.stale,
    isolation: isolationOf(settings.isolationMode),
    postgresql: (module) => database("postgresql", module, (it) => it.postgresql),
    postgresqlReplica: (module) =>
      database("postgresql", module, (it) => it.postgresqlReplica ?? it.postgresql),
    mongodb: (module) => database("mongodb", module, (it) => it.mongodb),
    rabbitmq: (module) => {
      const own = module === undefined ? undefined : lookUp(rabbitmq, module, (it) => it)
      if (own !== undefined) return Either.right({ ...own.value, module: own.module })
      if (messaging?.rabbitmq !== undefined) {
        return Either.right({ ...messaging.rabbitmq, module: undefined })
      }
      const first = module === undefined ? lookUp(rabbitmq, undefined, (it) => it) : undefined
      return first === undefined
        ? Either.left(
            TenantConnectionNotConfigured.of(
              tenantId,
              "rabbitmq",
              module,
              namesWith(rabbitmq, (it) => it)
            )
          )
        : Either.right({ ...first.value, module: first.module })
    },
    kafka: (module) => {
      const found = lookUp(streaming, module, (it) => it.kafka)
      return found === undefined
        ? Either.left(
            TenantConnectionNotConfigured.of(
              tenantId,
              "kafka",
              module,
              namesWith(streaming, (it) => it.kafka)
            )
          )
        : Either.right({ ...found.value, module: found.module })
    },
    connectionSettings
  }
}
