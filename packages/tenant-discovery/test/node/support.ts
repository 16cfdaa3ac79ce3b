import { Array as Arr, Context, Effect, Layer, Logger, LogLevel } from "effect"
import { createHook } from "node:async_hooks"
import { TenantDiscovery } from "../../src/TenantDiscovery.js"
import { TenantManager } from "../../src/TenantManager.js"
import { provider, type Variables } from "../config/subject.js"

/** The names of the async resources that Node makes for any use of a network. */
const NETWORK =
  /^(?:TCP|TLS|UDP|PIPE|HTTP|GETADDRINFO|GETNAMEINFO|QUERY|DNSCHANNEL)|^(?:Udp|Http|Quic)/

/** The kinds of network resources that were made while `effect` ran. */
export const networkUseOf = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, ReadonlyArray<string>], E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const kinds = new Set<string>()
      const hook = createHook({
        init: (_id, kind) => {
          if (NETWORK.test(kind)) kinds.add(kind)
        }
      })
      return { kinds, hook: hook.enable() }
    }),
    ({ kinds }) => Effect.map(effect, (result) => [result, [...kinds]] as const),
    ({ hook }) => Effect.sync(() => hook.disable())
  )

export interface Line {
  readonly level: string
  readonly message: string
}

/** Every logged line goes into `lines` only. */
export const logInto = (lines: Array<Line>): Layer.Layer<never> =>
  Layer.merge(
    Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ logLevel, message }) => {
        lines.push({ level: logLevel.label, message: Arr.ensure(message).map(String).join(" ") })
      })
    ),
    Logger.minimumLogLevel(LogLevel.All)
  )

/** The discovery and the tenant manager of a layer that is built under these variables. */
export const build = <E>(
  layer: Layer.Layer<TenantDiscovery | TenantManager, E>,
  variables: Variables,
  lines: Array<Line> = []
) =>
  Layer.build(layer).pipe(
    Effect.map((context) => ({
      discovery: Context.get(context, TenantDiscovery),
      manager: Context.get(context, TenantManager)
    })),
    Effect.withConfigProvider(provider(variables)),
    Effect.provide(logInto(lines))
  )

export { eventually } from "../support/live.js"
