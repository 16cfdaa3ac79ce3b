import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Either, FastCheck as fc, Redacted } from "effect"
import { inspect } from "node:util"
import { makeConnections } from "../../src/internal/connections/accessors.js"
import {
  type ConnectionSettings,
  decodeSettings
} from "../../src/internal/connections/connectionSchema.js"
import { TenantId } from "../../src/Tenant.js"

const SECRET = "MARKED-s3cr3t"
const credentials = { username: "u", password: SECRET }
const postgresql = { host: "h", port: 5432, database: "d", ...credentials }

/** The answer as the contract prints it, with every field that was ever seen. */
const answer = {
  id: "cfg-123",
  tenantSlug: "acme",
  tenantName: "Acme",
  service: "ledger",
  status: "active",
  isolationMode: "isolated",
  somethingNew: { nested: SECRET },
  databases: {
    onboarding: {
      postgresql: {
        ...postgresql,
        schema: "s",
        sslmode: "require",
        sslrootcert: "root",
        sslcert: "cert",
        sslkey: SECRET
      },
      postgresqlReplica: { ...postgresql, host: "r" },
      mongodb: {
        host: "m",
        port: 27_017,
        database: "d",
        ...credentials,
        authSource: "admin",
        tls: true,
        uri: `mongodb://u:${SECRET}@m`,
        directConnection: true,
        maxPoolSize: 10,
        tlsCAFile: "ca",
        tlsCertFile: "cert",
        tlsKeyFile: SECRET,
        tlsSkipVerify: false
      },
      connectionSettings: { maxOpenConns: 50, maxIdleConns: 15, statementTimeout: "30s" }
    },
    billing: { postgresql: { ...postgresql, host: "b" } }
  },
  messaging: { rabbitmq: { host: "own", port: 5672, vhost: "v", ...credentials } },
  rabbitmq: {
    onboarding: { host: "mod", port: 5672, vhost: "v", ...credentials, tls: true, tlsCAFile: "ca" }
  },
  streaming: {
    onboarding: {
      kafka: { brokers: ["b:9092"], ...credentials, mechanism: "SCRAM-SHA-512", tls: true }
    }
  },
  connectionSettings: { maxOpenConns: 20, maxIdleConns: 10 },
  createdAt: "2026-03-25T10:00:00Z",
  updatedAt: "2026-03-25T10:00:00Z"
}

const acme = TenantId.make("acme")

const connectionsOf = (body: unknown, defaults?: ConnectionSettings) =>
  Effect.map(decodeSettings(body), (settings) =>
    makeConnections({ tenantId: acme, settings, revision: 1, loadedAt: 0, stale: false, defaults })
  )

describe("the answer", () => {
  it.effect("is read in all of its shapes", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer)
      const { settings } = connections
      expect(settings.tenantSlug).toBe("acme")
      const primary = yield* connections.postgresql("onboarding")
      expect(primary).toMatchObject({
        host: "h",
        port: 5432,
        module: "onboarding",
        sslmode: "require"
      })
      expect(primary.password && Redacted.value(primary.password)).toBe(SECRET)
      expect((yield* connections.mongodb()).tls).toBe(true)
      expect((yield* connections.kafka("onboarding")).brokers).toEqual(["b:9092"])
      expect(Object.keys(settings)).not.toContain("somethingNew")
    })
  )

  it.effect("needs nothing but an id, and null is absent", () =>
    Effect.gen(function* () {
      yield* connectionsOf({ id: "x" })
      const nulls = Object.fromEntries(Object.keys(answer).map((key) => [key, null]))
      const { settings } = yield* connectionsOf({ ...nulls, id: "x" })
      expect(settings).toEqual({ id: "x" })
      const inner = yield* connectionsOf({
        id: "x",
        databases: { onboarding: { postgresql: { ...postgresql, schema: null }, mongodb: null } },
        rabbitmq: { onboarding: null }
      })
      expect(Either.isLeft(inner.mongodb())).toBe(true)
      expect(Either.isLeft(inner.rabbitmq("onboarding"))).toBe(true)
    })
  )

  it.effect("keeps tls absent apart from tls false", () =>
    Effect.gen(function* () {
      const at = (tls: object) =>
        Effect.flatMap(
          connectionsOf({ id: "x", rabbitmq: { a: { host: "h", ...tls } } }),
          (connections) => connections.rabbitmq("a")
        )
      expect((yield* at({})).tls).toBeUndefined()
      expect((yield* at({ tls: null })).tls).toBeUndefined()
      expect((yield* at({ tls: false })).tls).toBe(false)
    })
  )

  const broken: ReadonlyArray<readonly [what: string, body: unknown, message: string]> = [
    ["no object", SECRET, "the body: expected an object"],
    ["an array", [SECRET], "the body: expected an object"],
    ["no id", { tenantSlug: SECRET }, "id: missing"],
    ["an empty id", { id: "" }, "id: expected a non empty string"],
    ["a number as id", { id: 5 }, "id: expected text"],
    ["text for databases", { id: "x", databases: SECRET }, "databases: expected an object"],
    [
      "text for a port",
      { id: "x", databases: { onboarding: { postgresql: { ...postgresql, port: SECRET } } } },
      "databases.onboarding.postgresql.port: expected a number"
    ],
    [
      "a port out of range",
      { id: "x", databases: { onboarding: { postgresql: { ...postgresql, port: 70_000 } } } },
      "databases.onboarding.postgresql.port: expected a number between 1 and 65535"
    ],
    [
      "an object for a password",
      {
        id: "x",
        databases: { "my module": { postgresql: { ...postgresql, password: { SECRET } } } }
      },
      'databases["my module"].postgresql.password: expected text'
    ],
    [
      "no host",
      { id: "x", databases: { onboarding: { postgresql: { ...credentials, database: "d" } } } },
      "databases.onboarding.postgresql.host: missing"
    ],
    [
      "a number among the brokers",
      { id: "x", streaming: { onboarding: { kafka: { brokers: ["a", 1] } } } },
      "streaming.onboarding.kafka.brokers[1]: expected text"
    ],
    [
      "no duration",
      { id: "x", connectionSettings: { statementTimeout: SECRET } },
      "connectionSettings.statementTimeout: expected a duration such as 30s"
    ]
  ]

  it.effect.each(broken)("with %s is told by its place", ([, body, message]) =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(decodeSettings(body))).toBe(message)
    })
  )

  it.effect("never throws, and never quotes", () =>
    Effect.sync(() => {
      fc.assert(
        fc.property(
          fc.dictionary(
            fc.constantFrom("id", "databases", "messaging", "rabbitmq", "streaming", "status"),
            fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value)))
          ),
          fc.jsonValue(),
          (body, other) => {
            for (const input of [
              { ...body, databases: { a: { postgresql: { ...postgresql, port: SECRET, other } } } },
              body,
              other
            ]) {
              const result = Effect.runSync(Effect.either(decodeSettings(input)))
              if (Either.isLeft(result)) expect(result.left).not.toContain(SECRET)
            }
          }
        )
      )
    })
  )

  it.effect("shows no secret, however it is shown", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer)
      const database = yield* connections.postgresql()
      for (const value of [connections, connections.settings, database]) {
        expect(JSON.stringify(value)).not.toContain(SECRET)
        expect(inspect(value, { depth: 20 })).not.toContain(SECRET)
      }
      yield* Effect.logInfo("settings", connections)
    })
  )
})

describe("lookups", () => {
  it.effect("without a module take the first in the order of the names", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer)
      expect(yield* connections.postgresql()).toMatchObject({ module: "billing", host: "b" })
      expect((yield* connections.mongodb()).module).toBe("onboarding")
      expect((yield* connections.rabbitmq()).host).toBe("own")
      const { messaging: _, ...rest } = answer
      expect((yield* (yield* connectionsOf(rest)).rabbitmq()).host).toBe("mod")
    })
  )

  it.effect("a replica falls back to the primary, a module's RabbitMQ to the tenant's", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer)
      expect((yield* connections.postgresqlReplica("onboarding")).host).toBe("r")
      expect((yield* connections.postgresqlReplica("billing")).host).toBe("b")
      expect((yield* connections.rabbitmq("onboarding")).host).toBe("mod")
      expect(yield* connections.rabbitmq("billing")).toMatchObject({
        host: "own",
        module: undefined
      })
    })
  )

  it.effect("what is not there is a typed error that says where it is", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer)
      const error = yield* Effect.flip(connections.mongodb("billing"))
      expect(error).toMatchObject({
        _tag: "TenantConnectionNotConfigured",
        kind: "mongodb",
        module: "billing"
      })
      expect(error.message).toBe(
        'tenant acme has no mongodb in module "billing"; it is in: onboarding'
      )
      for (const name of ["__proto__", "constructor", "toString"]) {
        expect(Either.isLeft(connections.postgresql(name))).toBe(true)
        expect(Either.isLeft(connections.kafka(name))).toBe(true)
      }
    })
  )

  it.effect("a module's limits win over the tenant's, which win over the program's", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer, {
        maxOpenConns: 1,
        statementTimeout: Duration.seconds(1)
      })
      expect(connections.connectionSettings("onboarding")).toEqual({
        maxOpenConns: 50,
        maxIdleConns: 15,
        statementTimeout: Duration.seconds(30)
      })
      expect((yield* connections.postgresql("billing")).connectionSettings).toEqual({
        maxOpenConns: 20,
        maxIdleConns: 10,
        statementTimeout: Duration.seconds(1)
      })
    })
  )

  it.effect.each([
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["5000", 5000]
  ] as const)("reads %s as %d ms", ([statementTimeout, millis]) =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf({
        id: "x",
        connectionSettings: { statementTimeout }
      })
      const read = connections.connectionSettings().statementTimeout
      expect(read && Duration.toMillis(read)).toBe(millis)
    })
  )

  it.effect.each([
    [undefined, "database"],
    ["", "database"],
    ["isolated", "database"],
    ["database", "database"],
    ["schema", "schema"],
    ["shared", "other"]
  ] as const)("isolation mode %s means %s", ([isolationMode, isolation]) =>
    Effect.gen(function* () {
      expect((yield* connectionsOf({ id: "x", isolationMode })).isolation).toBe(isolation)
    })
  )
})
