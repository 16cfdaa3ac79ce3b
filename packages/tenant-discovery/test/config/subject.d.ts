import { ConfigError, ConfigProvider, Effect } from "effect"
import * as TenantDiscoveryConfig from "../../src/TenantDiscoveryConfig.js"
export { TenantDiscoveryConfig }
export type Variables = Readonly<Record<string, string>>
/** What a service has to set, and no more. */
export declare const complete: Variables
export declare const provider: (variables: Variables) => ConfigProvider.ConfigProvider
export declare const load: (
  variables: Variables
) => Effect.Effect<
  TenantDiscoveryConfig.Settings<TenantDiscoveryConfig.RedisSettings>,
  ConfigError.ConfigError,
  never
>
/** The settings of a service whose variables are all right; dies on single-tenant mode. */
export declare const loadMulti: (
  variables: Variables
) => Effect.Effect<
  TenantDiscoveryConfig.MultiTenantSettings<TenantDiscoveryConfig.RedisSettings>,
  ConfigError.ConfigError,
  never
>
export interface Problem {
  readonly kind: "Missing" | "Invalid" | "Other"
  readonly variable: string
  readonly message: string
}
/** Every single error in it, in order. */
export declare const problems: (error: ConfigError.ConfigError) => ReadonlyArray<Problem>
/** The error that `effect` fails with; dies where it succeeds or dies. */
export declare const errorOf: <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<E>
//# sourceMappingURL=subject.d.ts.map
