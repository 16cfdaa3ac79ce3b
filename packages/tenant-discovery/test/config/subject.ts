import { Cause, ConfigError, ConfigProvider, Effect, Exit, Option } from "effect"
import * as TenantDiscoveryConfig from "../../src/TenantDiscoveryConfig.js"

export { TenantDiscoveryConfig }

export type Variables = Readonly<Record<string, string>>

/** What a service has to set, and no more. */
export const complete: Variables = {
  APPLICATION_NAME: "ledger",
  MULTI_TENANT_URL: "https://tm.example/internal",
  MULTI_TENANT_SERVICE_API_KEY: "key-1",
  MULTI_TENANT_REDIS_HOST: "redis.example"
}

export const provider = (variables: Variables): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromMap(new Map(Object.entries(variables)))

export const load = (variables: Variables) =>
  TenantDiscoveryConfig.config.pipe(Effect.withConfigProvider(provider(variables)))

/** The settings of a service whose variables are all right; dies on single-tenant mode. */
export const loadMulti = (variables: Variables) =>
  load(variables).pipe(
    Effect.flatMap((settings) =>
      settings._tag === "MultiTenant"
        ? Effect.succeed(settings)
        : Effect.dieMessage(`expected multi-tenant mode, got ${settings._tag}`)
    )
  )

export interface Problem {
  readonly kind: "Missing" | "Invalid" | "Other"
  readonly variable: string
  readonly message: string
}

/** Every single error in it, in order. */
export const problems = (error: ConfigError.ConfigError): ReadonlyArray<Problem> => {
  const one =
    (kind: Problem["kind"]) =>
    (_: void, path: ReadonlyArray<string>, message: string): ReadonlyArray<Problem> => [
      { kind, variable: path.join("."), message }
    ]
  return ConfigError.reduceWithContext(error, undefined, {
    andCase: (_, left, right) => [...left, ...right],
    orCase: (_, left, right) => [...left, ...right],
    missingDataCase: one("Missing"),
    invalidDataCase: one("Invalid"),
    sourceUnavailableCase: one("Other"),
    unsupportedCase: one("Other")
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
