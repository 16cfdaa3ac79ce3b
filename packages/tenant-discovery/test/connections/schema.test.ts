import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Either, FastCheck as fc, Schema } from "effect"
import { inspect } from "node:util"
import { makeConnections } from "../../src/internal/connections/accessors.js"
import {
  type ConnectionSettings,
  decodeSettings,
  TenantSettings
} from "../../src/internal/connections/connectionSchema.js"
import { TenantId } from "../../src/Tenant.js"
import type { TenantConnectionNotConfigured } from "../../src/TenantConnections.js"

const SECRET = "MARKED-s3cr3t"
const credentials = { username: "u", password: SECRET }
const postgresql = { host: "h", port: 5432, database: "d", ...credentials }

/** The answer of the contract with every field. */
const answer = {
  id: "cfg-123",
  tenantSlug: "acme",
  tenantName: "Acme",
  service: "ledger",
  status: "active",
  isolationMode: "isolated",
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
      connectionSettings: { maxOpenConns: 50, maxIdleConns: 15, statementTimeout: "30000ms" }
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
    makeConnections({ tenantId: acme, settings, revision: 1, loadedAt: 0, stale: false }, defaults)
  )

/** The connections of a tenant that has limits of its pools and nothing else. */
const connectionsWithLimits = (connectionSettings: object) =>
  connectionsOf({ id: "x", connectionSettings })

/** Why there is no usable connection. */
const reasonOf = (found: Either.Either<unknown, TenantConnectionNotConfigured>) =>
  Effect.map(Effect.flip(found), ({ reason }) => reason)

describe("decoding", () => {
  it.effect("reads every field of the contract, drops others, and hides the secrets", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf({ ...answer, somethingNew: { nested: SECRET } })
      const { settings } = connections
      expect(yield* Schema.encode(TenantSettings)(settings)).toEqual(answer)
      for (const value of [connections, settings, yield* connections.postgresql()]) {
        expect(JSON.stringify(value)).not.toContain(SECRET)
        expect(inspect(value, { depth: 20 })).not.toContain(SECRET)
      }
    })
  )

  it.effect("needs an id alone; null is absent, and the wire names no unreadable parts", () =>
    Effect.gen(function* () {
      const nulls = Object.fromEntries(Object.keys(answer).map((key) => [key, null]))
      for (const body of [{}, nulls, { unreadable: [{ part: ["databases"] }] }]) {
        expect((yield* connectionsOf({ ...body, id: "x" })).settings).toEqual({ id: "x" })
      }
      const inner = yield* connectionsOf({
        id: "x",
        databases: { onboarding: { postgresql: { ...postgresql, schema: null }, mongodb: null } },
        rabbitmq: {
          onboarding: null,
          tls: { host: "h", tls: null },
          plain: { host: "h", tls: false }
        }
      })
      expect(yield* reasonOf(inner.mongodb())).toBeUndefined()
      expect(yield* reasonOf(inner.rabbitmq("onboarding"))).toBeUndefined()
      expect((yield* inner.rabbitmq("tls")).tls).toBeUndefined()
      expect((yield* inner.rabbitmq("plain")).tls).toBe(false)
    })
  )

  const unreadable: ReadonlyArray<readonly [what: string, body: unknown, message: string]> = [
    ["no object", SECRET, "the body: expected an object"],
    ["an array", [SECRET], "the body: expected an object"],
    ["no id", { tenantSlug: SECRET }, "id: missing"],
    ["an empty id", { id: "" }, "id: expected a non empty string"],
    ["a number as id", { id: 5 }, "id: expected text"],
    ["a number as isolation mode", { id: "x", isolationMode: 5 }, "isolationMode: expected text"],
    ["text for databases", { id: "x", databases: SECRET }, "databases: expected an object"]
  ]

  it.effect.each(unreadable)("with %s fails and names the place", ([, body, message]) =>
    Effect.gen(function* () {
      expect(yield* Effect.flip(decodeSettings(body))).toBe(message)
    })
  )

  const withPostgresql = (fields: object, module = "onboarding") => ({
    id: "x",
    databases: { [module]: { postgresql: fields }, billing: { postgresql } }
  })
  const withBrokers = (brokers: unknown) => ({
    id: "x",
    streaming: { onboarding: { kafka: { brokers } } }
  })
  /** What is bad, the body, and the message: its place names the module and the kind. */
  const parts: ReadonlyArray<readonly [what: string, body: unknown, message: string]> = [
    [
      "text for a port",
      withPostgresql({ ...postgresql, port: SECRET }),
      "databases.onboarding.postgresql.port: expected a number"
    ],
    [
      "port 0",
      withPostgresql({ ...postgresql, port: 0 }),
      "databases.onboarding.postgresql.port: expected a number between 1 and 65535"
    ],
    [
      "an object for a password",
      withPostgresql({ ...postgresql, password: { SECRET } }, "my module"),
      'databases["my module"].postgresql.password: expected text'
    ],
    [
      "no host",
      withPostgresql({ ...credentials, database: "d" }),
      "databases.onboarding.postgresql.host: missing"
    ],
    [
      "an empty RabbitMQ host",
      { id: "x", messaging: { rabbitmq: { host: "own" } }, rabbitmq: { onboarding: { host: "" } } },
      "rabbitmq.onboarding.host: expected a non empty string"
    ],
    ["null for brokers", withBrokers(null), "streaming.onboarding.kafka.brokers: missing"],
    [
      "a number among the brokers",
      withBrokers(["a", 1]),
      "streaming.onboarding.kafka.brokers[1]: expected text"
    ]
  ]

  it.effect.each(parts)("%s is the error of that part alone", ([, body, message]) =>
    Effect.gen(function* () {
      const kinds = ["postgresql", "rabbitmq", "kafka"] as const
      const kind = kinds.find((each) => message.includes(each)) ?? "mongodb"
      const module = message.includes("my module") ? "my module" : "onboarding"
      const found: Either.Either<unknown, TenantConnectionNotConfigured> = (yield* connectionsOf(
        body
      ))[kind](module)
      const error = yield* Effect.flip(found)
      expect(error).toMatchObject({ kind, module, reason: message })
      expect(error.message).toContain(message)
    })
  )

  it.effect("a bad part leaves the other parts of its module and tenant usable", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf({
        ...answer,
        tenantSlug: 5,
        databases: {
          ...answer.databases,
          alpha: { postgresql: { ...postgresql, port: 0 } },
          onboarding: {
            postgresql,
            postgresqlReplica: { ...postgresql, port: 0 },
            mongodb: SECRET,
            connectionSettings: { maxOpenConns: 50, statementTimeout: SECRET }
          },
          zeta: SECRET
        }
      })
      const database = yield* connections.postgresql("onboarding")
      expect(database).toMatchObject({ host: "h", connectionSettings: { maxOpenConns: 50 } })
      expect(database.connectionSettings.statementTimeout).toBeUndefined()
      expect((yield* connections.postgresql("billing")).host).toBe("b")
      // No other module and no primary replaces a part that is present but unreadable.
      expect(yield* Effect.flip(connections.postgresql())).toMatchObject({ module: "alpha" })
      expect(yield* reasonOf(connections.mongodb())).toContain("mongodb: expected")
      const replica = connections.postgresqlReplica("onboarding")
      expect(yield* reasonOf(replica)).toContain("postgresqlReplica.port")
      expect(yield* reasonOf(connections.kafka("zeta"))).toBeUndefined()
      const zeta = connections.postgresql("zeta")
      expect(yield* reasonOf(zeta)).toBe("databases.zeta: expected an object")
      expect(connections.settings.unreadable?.map(({ part }) => part.join("."))).toEqual([
        "tenantSlug",
        "databases.onboarding.postgresqlReplica",
        "databases.onboarding.mongodb",
        "databases.onboarding.connectionSettings.statementTimeout",
        "databases.alpha.postgresql",
        "databases.zeta"
      ])
    })
  )

  it.effect("never throws and never quotes a value", () =>
    Effect.sync(() => {
      const roots = ["id", "databases", "messaging", "rabbitmq", "streaming", "status"]
      fc.assert(
        fc.property(
          fc.dictionary(fc.constantFrom(...roots), fc.jsonValue()),
          fc.jsonValue(),
          (body, other) => {
            const databases = { a: { postgresql: { ...postgresql, port: SECRET, other } } }
            for (const input of [{ ...body, databases }, body, other]) {
              const result = Effect.runSync(Effect.either(decodeSettings(input)))
              expect(Either.isLeft(result) ? result.left : "").not.toContain(SECRET)
            }
          }
        )
      )
    })
  )
})

describe("accessors", () => {
  it.effect("return the module's connection, else the documented fallback", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer)
      const { kafka, mongodb, postgresql, postgresqlReplica, rabbitmq } = connections
      expect((yield* mongodb()).module).toBe("onboarding")
      expect((yield* kafka()).brokers).toEqual(["b:9092"])
      // Without a module: the first in the order of the names.
      expect(yield* postgresql()).toMatchObject({ module: "billing", host: "b" })
      expect((yield* postgresqlReplica("onboarding")).host).toBe("r")
      expect((yield* postgresqlReplica("billing")).host).toBe("b")
      expect((yield* rabbitmq("onboarding")).host).toBe("mod")
      expect(yield* rabbitmq("billing")).toMatchObject({ host: "own", module: undefined })
      expect((yield* rabbitmq()).host).toBe("own")
      const { messaging: _, ...rest } = answer
      expect((yield* (yield* connectionsOf(rest)).rabbitmq()).host).toBe("mod")
    })
  )

  it.effect("fail with a typed error that names the modules that have the kind", () =>
    Effect.gen(function* () {
      const connections = yield* connectionsOf(answer)
      expect(yield* Effect.flip(connections.mongodb("billing"))).toMatchObject({
        _tag: "TenantConnectionNotConfigured",
        kind: "mongodb",
        module: "billing",
        message: 'tenant acme has no mongodb in module "billing"; modules: onboarding'
      })
      for (const name of ["__proto__", "constructor", "toString"]) {
        expect(Either.isLeft(connections.postgresql(name))).toBe(true)
        expect(Either.isLeft(connections.kafka(name))).toBe(true)
      }
    })
  )

  it.effect("prefer the module's limits to the tenant's, and those to the program's", () =>
    Effect.gen(function* () {
      const own = { maxOpenConns: 1, statementTimeout: Duration.seconds(1) }
      const connections = yield* connectionsOf(answer, own)
      expect(connections.connectionSettings("onboarding")).toEqual({
        maxOpenConns: 50,
        maxIdleConns: 15,
        statementTimeout: Duration.seconds(30)
      })
      expect((yield* connections.postgresql("billing")).connectionSettings).toEqual({
        ...own,
        maxOpenConns: 20,
        maxIdleConns: 10
      })
    })
  )

  it.effect.each([
    ["30s", 30_000],
    ["30 s", 30_000],
    ["5min", 300_000],
    [" 2 h ", 7_200_000],
    ["1d", 86_400_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["500us", 0.5],
    ["5000", 5000],
    [5000, 5000],
    ["0", 0]
  ] as const)("reads %s as %d ms", ([statementTimeout, millis]) =>
    Effect.gen(function* () {
      const connections = yield* connectionsWithLimits({ statementTimeout })
      const read = connections.connectionSettings().statementTimeout
      expect(read && Duration.toMillis(read)).toBe(millis)
    })
  )

  it.effect.each(["1m30s", "soon", "-1", "5 weeks", ["30s"], true])(
    "leaves out the statement timeout %j",
    (statementTimeout) =>
      Effect.gen(function* () {
        const connections = yield* connectionsWithLimits({ statementTimeout, maxOpenConns: 3 })
        expect(connections.connectionSettings()).toEqual({ maxOpenConns: 3 })
        expect(connections.settings.unreadable?.length).toBe(1)
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
      const connections = yield* connectionsOf({
        id: "x",
        isolationMode,
        databases: {
          a: { postgresql, postgresqlReplica: { ...postgresql, schema: "" } },
          b: { postgresql: { ...postgresql, schema: "s" } }
        }
      })
      expect(connections.isolation).toBe(isolation)
      expect((yield* connections.postgresql("b")).schema).toBe("s")
      for (const found of [connections.postgresql("a"), connections.postgresqlReplica("a")]) {
        if (isolation !== "schema") yield* found
        // An error, never the schema `public`.
        else expect(yield* reasonOf(found)).toContain("isolationMode is schema")
      }
    })
  )
})
