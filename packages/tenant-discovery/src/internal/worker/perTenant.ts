/**
 * A long-lived fiber for each active tenant: the supervisor, and what drives it.
 */
import { type ConfigError, Duration, Effect, type Scope } from "effect"
import type { CurrentTenant } from "../../CurrentTenant.js"
import { TenantDiscovery } from "../../TenantDiscovery.js"
import { maxTenantPools } from "../../TenantDiscoveryConfig.js"
import { TenantView } from "../../TenantView.js"
import { makeStartFor } from "./fibers.js"
import { followView } from "./followView.js"
import { defaults, type PerTenantOptions } from "./options.js"
import { forEach } from "./slices.js"
import { register } from "./status.js"
import { Supervisor } from "./supervisor.js"

const limit = <E, R>({
  maxTenants = maxTenantPools
}: PerTenantOptions<E, R>): Effect.Effect<number, ConfigError.ConfigError> =>
  typeof maxTenants === "number" ? Effect.succeed(maxTenants) : maxTenants

export const perTenant = <E, R>(
  options: PerTenantOptions<E, R>
): Effect.Effect<
  void,
  ConfigError.ConfigError,
  TenantDiscovery | Exclude<R, CurrentTenant> | Scope.Scope
> =>
  Effect.gen(function* () {
    const discovery = yield* TenantDiscovery
    const supervisor = new Supervisor(
      options,
      yield* limit(options),
      discovery,
      yield* Effect.clock,
      yield* makeStartFor<R>(options.name)
    )
    yield* register(discovery, options.name, () => supervisor.snapshot())
    // The scope closes in reverse: starting first, then the fibers, then the reader
    // that ends the fibers of those who leave.
    yield* followView(discovery, TenantView.empty, (changes, revision) =>
      forEach(changes, (change) => supervisor.apply(change, revision))
    )
    const drain = Duration.decode(options.drain ?? defaults.drainPerTenant)
    yield* Effect.addFinalizer(() => supervisor.shutdown(drain))
    yield* Effect.forkScoped(Effect.interruptible(supervisor.dispatch))
  }).pipe(Effect.annotateLogs("worker", options.name))
