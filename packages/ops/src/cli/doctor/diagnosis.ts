/** The whole diagnosis: first the variables, then the steps that they describe. */
import * as HttpClient from "@effect/platform/HttpClient"
import {
  type ConfigError,
  Context,
  Duration,
  Effect,
  Either,
  Layer,
  Redacted,
  Stream
} from "effect"
import { TenantDiscoveryConfig } from "tenant-discovery"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { cleaner, credential } from "../secrets.js"
import { managerSteps } from "./manager.js"
import { redisSteps } from "./redis.js"
import { failed, ok, reportOf, runSteps, type StepReport, warning } from "./step.js"

export interface DiagnosisOptions {
  /** The time limit of a step. */
  readonly timeout: Duration.Duration
  /** How long to wait for a message of others; zero: not at all. */
  readonly listenFor: Duration.Duration
  /** Whether to publish a probe. */
  readonly publish: boolean
}

const VARIABLES = {
  step: "variables",
  tried: "read the environment variables"
}

/**
 * The reports, each as soon as its step has ended. Reads the variables through the
 * `ConfigProvider`. No report has a secret in it. Interrupting it closes the connections.
 */
export const diagnose = (options: DiagnosisOptions): Stream.Stream<StepReport> =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const [took, read] = yield* Effect.timed(Effect.either(readVariables))
      if (Either.isLeft(read)) return Stream.make(reportOf(VARIABLES, read.left, took, String))
      const { clean, finding, subjects } = read.right
      const first = Stream.make(reportOf(VARIABLES, finding, took, clean))
      if (subjects === undefined) return first
      const { manager, redis } = subjects
      const client = yield* Layer.build(
        NodeTenantDiscovery.layerHttpClient(manager.settings.transport)
      )
      const steps = yield* Effect.all([
        Effect.provideService(
          managerSteps({ ...manager, timeout: options.timeout }),
          HttpClient.HttpClient,
          Context.get(client, HttpClient.HttpClient)
        ),
        redisSteps({
          ...redis,
          listenFor: Duration.toMillis(options.listenFor),
          publish: options.publish
        })
      ])
      return Stream.concat(first, runSteps(steps.flat(), options.timeout, clean))
    })
  )

const readVariables = Effect.gen(function* () {
  const settings = yield* Effect.mapError(TenantDiscoveryConfig.config, wrong)
  if (settings._tag === "SingleTenant") {
    const finding = ok("MULTI_TENANT_ENABLED is false: single-tenant mode uses no network")
    return { finding, clean: String, subjects: undefined }
  }
  const { environment, redis, service, tenantManager, warnings } = settings
  if (redis === undefined) return yield* Effect.dieMessage("no address of Redis was read")
  const apiKey = yield* readSecret(tenantManager.apiKey, "MULTI_TENANT_SERVICE_API_KEY_FILE")
  const password =
    redis.password && (yield* readSecret(redis.password, "MULTI_TENANT_REDIS_PASSWORD_FILE"))
  const { proxy } = tenantManager.transport
  const clean = cleaner([
    apiKey,
    password,
    "sentinels" in redis ? redis.sentinelPassword : undefined,
    ...(proxy === undefined ? [] : [proxy, Redacted.make(new URL(Redacted.value(proxy)).password)])
  ])
  const found = `service ${service}, ${environment === undefined ? "all environments" : `environment ${environment}`}`
  const finding =
    warnings.length === 0
      ? ok(found)
      : warning(`${found}; ${warnings.join("; ")}`, "correct the value of the variable")
  return {
    finding,
    clean,
    subjects: {
      manager: { settings: tenantManager, service, apiKey },
      redis: { settings: redis, password, environment }
    }
  }
})

const readSecret = (secret: TenantDiscoveryConfig.Secret, variable: string) => {
  const read = credential(secret)
  return Redacted.isRedacted(read)
    ? Effect.succeed(read)
    : Effect.mapError(read, () =>
        failed(
          `the file of ${variable} cannot be read`,
          `check that the path in ${variable} exists and that this user may read it`
        )
      )
}

/** The message has a line for each variable that is wrong. */
const wrong = (error: ConfigError.ConfigError) => {
  const lines = linesOf(error)
  const names = lines.flatMap((line) => /^[A-Za-z_]+(?= is )/.exec(line) ?? [])
  return failed(lines.join("\n"), `set ${names.join(", ")} as said`)
}

const linesOf = (error: ConfigError.ConfigError): ReadonlyArray<string> =>
  ("message" in error ? error.message : "the variables cannot be read")
    .split("\n")
    .filter((line) => line.trim() !== "")
