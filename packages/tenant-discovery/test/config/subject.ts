import { assert } from "@effect/vitest"
import { ConfigError, ConfigProvider, Effect } from "effect"
import { readFileSync } from "node:fs"
import * as TenantDiscoveryConfig from "../../src/TenantDiscoveryConfig.js"

export { TenantDiscoveryConfig }

export type Variables = Readonly<Record<string, string>>

/** The required variables. */
export const complete: Variables = {
  APPLICATION_NAME: "ledger",
  ENVIRONMENT_NAME: "test",
  MULTI_TENANT_URL: "https://tm.example/internal",
  MULTI_TENANT_SERVICE_API_KEY: "key-1",
  MULTI_TENANT_REDIS_HOST: "redis.example"
}

export const provider = (variables: Variables): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromMap(new Map(Object.entries(variables)))

export const load = (variables: Variables) =>
  TenantDiscoveryConfig.config.pipe(Effect.withConfigProvider(provider(variables)))

/** The variables that `.env.reference` lists, in its order. */
export const everyVariable = readFileSync(
  new URL("../../../../.env.reference", import.meta.url),
  "utf8"
)
  .split(/\n{2,}/)
  .flatMap((comment) =>
    [...comment.matchAll(/^# (\w+)=(.*)$/gm)].map(([, name = "", example = ""]) => ({
      name,
      example,
      /** The lines about it. */
      comment,
      isSecret: /^# type: +(?:secret|URL \(http or https)/m.test(comment)
    }))
  )

/** Those that the library reads; the other packages have tests for their own. */
export const libraryVariables = everyVariable.filter(
  ({ name }) => !/^MULTI_TENANT_(?:OPS|CLUSTER)_/.test(name)
)

/** Those that the discovery and its edges read. */
export const reference = libraryVariables.filter(
  ({ name }) => !name.startsWith("MULTI_TENANT_REPLICA")
)

const SENTINELS = {
  MULTI_TENANT_REDIS_SENTINELS: "sentinel.example",
  MULTI_TENANT_REDIS_SENTINEL_NAME: "mymaster"
}

/** `complete` with this variable, and without those that must be unset for it to be read. */
export const withVariable = (variable: string, text: string): Variables => ({
  ...complete,
  ...(/^http_proxy$/i.test(variable) ? { MULTI_TENANT_URL: "http://localhost" } : {}),
  ...(variable === "ENV_NAME" ? { ENVIRONMENT_NAME: "" } : {}),
  ...(/SENTINEL|CLUSTER/.test(variable) ? { MULTI_TENANT_REDIS_HOST: "" } : {}),
  ...(/SENTINEL/.test(variable) ? SENTINELS : {}),
  ...(variable.endsWith("_FILE") ? { [variable.replace(/_FILE$/, "")]: "" } : {}),
  [variable]: text
})

/** Texts for these variables that none of them accepts. */
export const broken = (isMeant: (name: string) => boolean): Variables =>
  Object.fromEntries(
    reference.filter(({ name }) => isMeant(name)).map(({ name }) => [name, "@broken :@"])
  )

/** The settings of valid variables; dies on single-tenant mode. */
export const loadMulti = (variables: Variables) =>
  Effect.map(load(variables), (settings) => {
    assert(settings._tag === "MultiTenant" && settings.redis !== undefined)
    return { ...settings, redis: settings.redis }
  })

export interface Problem {
  readonly kind: "Missing" | "Invalid"
  readonly variable: string
  readonly message: string
}

/** Each problem in the error, one a line. */
export const problems = (error: ConfigError.ConfigError): ReadonlyArray<Problem> => {
  const read = (_: void, _path: ReadonlyArray<string>, message: string): ReadonlyArray<Problem> =>
    [...message.matchAll(/^(\w+) is (missing|invalid): (.*)$/gm)].map(
      ([, variable = "", state, text = ""]) => ({
        kind: state === "missing" ? "Missing" : "Invalid",
        variable,
        message: text
      })
    )
  const none = () => []
  return ConfigError.reduceWithContext(error, undefined, {
    andCase: none,
    orCase: none,
    missingDataCase: read,
    invalidDataCase: read,
    sourceUnavailableCase: none,
    unsupportedCase: none
  })
}

/** The error that `effect` fails with; dies where it succeeds. */
export const errorOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.orDieWith(Effect.flip(effect), () => new Error("expected a failure, got a success"))
