import type { Association, TenantRecord } from "./store.js"

const defaultModule = "onboarding"

/** The complete body of `/connections`; a rotation changes the passwords. */
export const connectionSettings = (
  record: TenantRecord,
  service: string,
  association: Association
): Readonly<Record<string, unknown>> => {
  const credentials = {
    username: `${service}_${record.slug}`,
    password: `secret-${record.slug}-${service}-${association.generation}`
  }
  const at = new Date(association.updatedAt).toISOString()
  const names = new Set([defaultModule, ...association.modules.keys()])
  const modules = (entry: (name: string) => unknown) =>
    Object.fromEntries([...names].map((name) => [name, entry(name)]))
  return {
    id: `cfg-${record.id}`,
    tenantSlug: record.slug,
    ...(record.name === undefined ? {} : { tenantName: record.name }),
    service,
    status: association.status,
    isolationMode: "isolated",
    databases: modules((name) => ({
      postgresql: {
        host: "postgres.simulator",
        port: 5432,
        database: `${service}_${name}_${record.slug}`,
        ...credentials,
        schema: "public",
        sslmode: "require"
      },
      postgresqlReplica: {
        host: "replica.simulator",
        port: 5432,
        database: `${service}_${name}_${record.slug}`,
        ...credentials
      },
      mongodb: {
        host: "mongo.simulator",
        port: 27_017,
        database: `${service}_${name}_${record.slug}`,
        ...credentials,
        authSource: "admin",
        tls: true
      },
      connectionSettings: {
        maxOpenConns: 50,
        maxIdleConns: 15,
        statementTimeout: "30s",
        ...association.modules.get(name)
      }
    })),
    messaging: {
      rabbitmq: { host: "rabbit.simulator", port: 5672, vhost: record.slug, ...credentials }
    },
    rabbitmq: modules(() => ({
      host: "rabbit.simulator",
      port: 5672,
      vhost: record.slug,
      ...credentials,
      tls: true
    })),
    streaming: modules(() => ({
      kafka: {
        brokers: ["kafka.simulator:9092"],
        ...credentials,
        mechanism: "SCRAM-SHA-512",
        tls: true
      }
    })),
    connectionSettings: { maxOpenConns: 20, maxIdleConns: 10 },
    createdAt: at,
    updatedAt: at,
    ...association.overrides
  }
}
