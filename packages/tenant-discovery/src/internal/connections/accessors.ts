/**
 * How a program reads a tenant's settings.
 */
import { Data, Either, Predicate, Record } from "effect"
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

type Found<A> = Either.Either<A, TenantConnectionNotConfigured>

/**
 * Where a tenant's data is: in a database of its own, in a schema of a shared database, or in a
 * place that the raw `isolationMode` names.
 */
export type Isolation = "database" | "schema" | "other"

/**
 * One tenant's connection settings, from one answer of the tenant manager. Immutable.
 * An accessor fails where the settings of its module could not be decoded. It does not answer with
 * the settings of another module instead.
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
  readonly postgresql: (module?: string) => Found<Database<PostgresqlSettings>>
  /** The replica, or the primary where there is none. Otherwise as `postgresql`. */
  readonly postgresqlReplica: (module?: string) => Found<Database<PostgresqlSettings>>
  readonly mongodb: (module?: string) => Found<Database<MongodbSettings>>
  /** The module's RabbitMQ; where it has none or none is named, the tenant's own, then the first in the order of the names. */
  readonly rabbitmq: (module?: string) => Found<InModule<RabbitmqSettings, string | undefined>>
  readonly kafka: (module?: string) => Found<InModule<KafkaSettings>>
  /** The limits for a module's pools: the module's win over the tenant's, which win over the program's. */
  readonly connectionSettings: (module?: string) => ConnectionSettings
}

/** A limit of 0 counts as absent. */
const given = ({
  maxIdleConns = 0,
  maxOpenConns = 0,
  statementTimeout
}: ConnectionSettings = {}): ConnectionSettings => ({
  ...(maxOpenConns > 0 && { maxOpenConns }),
  ...(maxIdleConns > 0 && { maxIdleConns }),
  ...(statementTimeout !== undefined && { statementTimeout })
})

const isolationOf = (mode = ""): Isolation => {
  if (mode === "schema") return "schema"
  return ["", "isolated", "database"].includes(mode) ? "database" : "other"
}

export const makeConnections = (
  base: Pick<Connections, "tenantId" | "settings" | "revision" | "loadedAt" | "stale">,
  defaults?: ConnectionSettings
): Connections => {
  const { settings, tenantId } = base
  const { databases = {}, messaging, streaming = {}, unreadable = [] } = settings
  const rabbitmqs = Record.map(settings.rabbitmq ?? {}, (rabbitmq) => ({ rabbitmq }))
  const isolation = isolationOf(settings.isolationMode)

  const notConfigured = (
    kind: ConnectionKind,
    module: string | undefined,
    reason: string | undefined,
    known: ReadonlyArray<string | undefined> = []
  ) => {
    const where = module === undefined ? "any module" : `module ${JSON.stringify(module)}`
    const modules = known.length === 0 ? "no module has it" : `modules: ${known.join(", ")}`
    const message = `tenant ${tenantId} has no ${reason === undefined ? "" : "usable "}${kind} in ${where}; ${reason ?? modules}`
    return new TenantConnectionNotConfigured({ tenantId, kind, module, reason, message })
  }

  const faultAt = (...place: ReadonlyArray<string>): string | undefined =>
    unreadable.find(({ part }) => part.every((key, index) => key === place[index]))?.message

  /** From the module, or the first in the order of the names that has it; of its fields the first that it has. */
  const find = <Module extends object, Field extends keyof Module & string>(
    kind: ConnectionKind,
    root: "databases" | "rabbitmq" | "streaming",
    modules: Readonly<Record<string, Module>>,
    fields: ReadonlyArray<Field>,
    module: string | undefined
  ): Found<InModule<NonNullable<Module[Field]>>> => {
    const faulty = unreadable.flatMap(({ part }) => (part[0] === root ? part.slice(1, 2) : []))
    const names = [...new Set([...Object.keys(modules), ...faulty])].sort()
    const candidates = names.flatMap((name): Array<Found<InModule<NonNullable<Module[Field]>>>> => {
      for (const field of fields) {
        const reason = faultAt(root, name, field)
        if (reason !== undefined) return [Either.left(notConfigured(kind, name, reason))]
        const value = Object.hasOwn(modules, name) ? modules[name]?.[field] : undefined
        if (Predicate.isNotNullable(value)) return [Either.right({ ...value, module: name })]
      }
      return []
    })
    const nameOf = (found: (typeof candidates)[number]) => Either.merge(found).module
    return (
      candidates.find((found) => module === undefined || module === nameOf(found)) ??
      Either.left(notConfigured(kind, module, undefined, candidates.map(nameOf)))
    )
  }

  const connectionSettings = (module = ""): ConnectionSettings => ({
    ...given(defaults),
    ...given(settings.connectionSettings),
    ...given(Object.hasOwn(databases, module) ? databases[module]?.connectionSettings : undefined)
  })
  const withLimits = <A extends { readonly module: string }>(found: A) => ({
    ...found,
    connectionSettings: connectionSettings(found.module)
  })
  const postgresql = (
    module: string | undefined,
    ...fields: ReadonlyArray<"postgresql" | "postgresqlReplica">
  ) =>
    find("postgresql", "databases", databases, fields, module).pipe(
      Either.map(withLimits),
      Either.filterOrLeft(
        ({ schema = "" }) => isolation !== "schema" || schema !== "",
        (found) =>
          notConfigured(
            "postgresql",
            found.module,
            "isolationMode is schema, and the settings name no schema"
          )
      )
    )

  return {
    ...base,
    isolation,
    postgresql: (module) => postgresql(module, "postgresql"),
    postgresqlReplica: (module) => postgresql(module, "postgresqlReplica", "postgresql"),
    mongodb: (module) =>
      Either.map(find("mongodb", "databases", databases, ["mongodb"], module), withLimits),
    rabbitmq: (module) => {
      const found = find("rabbitmq", "rabbitmq", rabbitmqs, ["rabbitmq"], module)
      if (module !== undefined && (Either.isRight(found) || found.left.reason !== undefined)) {
        return found
      }
      if (messaging?.rabbitmq !== undefined) {
        return Either.right({ ...messaging.rabbitmq, module: undefined })
      }
      const reason = faultAt("messaging", "rabbitmq")
      return reason === undefined ? found : Either.left(notConfigured("rabbitmq", module, reason))
    },
    kafka: (module) => find("kafka", "streaming", streaming, ["kafka"], module),
    connectionSettings
  }
}
