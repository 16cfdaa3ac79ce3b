import { assert } from "@effect/vitest"
import { Cause, ConfigError, ConfigProvider, Effect, Exit, Option } from "effect"
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

/** Each problem in the error: its only one, or one a line. */
export const problems = (error: ConfigError.ConfigError): ReadonlyArray<Problem> => {
  const read =
    (kind: Problem["kind"]) =>
    (_: void, path: ReadonlyArray<string>, message: string): ReadonlyArray<Problem> => {
      const lines = [...message.matchAll(/^([A-Z_]+) is (missing|invalid): (.*)$/gm)]
      return lines.length === 0
        ? [{ kind, variable: path.join("."), message }]
        : lines.map(([, variable = "", state, text = ""]) => ({
            kind: state === "missing" ? "Missing" : "Invalid",
            variable,
            message: text
          }))
    }
  const none = () => []
  return ConfigError.reduceWithContext(error, undefined, {
    andCase: none,
    orCase: none,
    missingDataCase: read("Missing"),
    invalidDataCase: read("Invalid"),
    sourceUnavailableCase: none,
    unsupportedCase: none
  })
}

/** The error that `effect` fails with; dies where it succeeds or dies. */
export const errorOf = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<E, never, R> =>
  Effect.exit(effect).pipe(
    Effect.flatMap((exit) => {
      if (Exit.isSuccess(exit)) return Effect.dieMessage("expected a failure, got a success")
      return Option.match(Cause.failureOption(exit.cause), {
        onNone: () => Effect.dieMessage(`expected a failure, got ${Cause.pretty(exit.cause)}`),
        onSome: Effect.succeed
      })
    })
  )
