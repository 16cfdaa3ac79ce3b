/**
 * Health endpoints, metrics and a live page for a program that uses tenant-discovery.
 */
import { HttpMiddleware, type HttpRouter, HttpServer, type HttpServerError } from "@effect/platform"
import { type ConfigError, Context, Effect, Layer, type Scope } from "effect"
import type { TenantDiscovery } from "tenant-discovery"
import { listen } from "./internal/httpServer.js"
import {
  decodeOptions,
  decodeRoutesOptions,
  optionsConfig,
  type Settings,
  type TenantOpsOptions,
  type TenantOpsRoutesOptions
} from "./internal/opsOptions.js"
import { makeRoutes } from "./internal/routes.js"

export {
  defaults,
  type TenantOpsOptions,
  type TenantOpsRoutesOptions
} from "./internal/opsOptions.js"

/** Where `layer` listens. */
export class TenantOpsServer extends Context.Tag("tenant-discovery/TenantOpsServer")<
  TenantOpsServer,
  {
    /** Such as `http://127.0.0.1:9464`. */
    readonly url: string
  }
>() {}

/**
 * The endpoints as a router, to mount into a program's own server. It follows the discovery until
 * the scope closes; the streams of `/events` end then. Uses the `TenantHealth` that is provided,
 * or makes its own; shows the owners of the tenants where a `TenantAssignment` is provided.
 *
 * The program's server decides which host it listens on: give a `token` unless that is loopback.
 *
 * @example
 * const server = Effect.gen(function* () {
 *   const ops = yield* TenantOps.routes({ token })
 *   return HttpServer.serve(HttpRouter.mount(yourRouter, "/ops", ops))
 * }).pipe(Layer.unwrapScoped, Layer.provide(NodeHttpServer.layer(createServer, { port: 8080 })))
 *
 * @throws RangeError for a bad option, which it names.
 */
export const routes = (
  options?: TenantOpsRoutesOptions
): Effect.Effect<HttpRouter.HttpRouter, never, TenantDiscovery | Scope.Scope> => {
  const { token } = decodeRoutesOptions(options)
  return Effect.map(makeRoutes(token), ({ router }) => router)
}

const serve = ({ host, port, token }: Settings) =>
  Effect.gen(function* () {
    const server = yield* listen({ host, port })
    const { other, router } = yield* makeRoutes(token)
    yield* server.serve(Effect.catchTag(router, "RouteNotFound", () => other))
    const url = HttpServer.formatAddress(server.address)
    yield* Effect.logInfo(`the operations endpoints are at ${url}`)
    return { url }
  })

/** Probes and scrapes are no part of a program's traces. */
const untraced = HttpMiddleware.withTracerDisabledWhen(() => true)

/**
 * Serves the endpoints on a port of their own, by default on `127.0.0.1:9464`. The layer fails
 * where the port is taken. It closes within about a second, whatever its clients do.
 *
 * @example
 * Layer.launch(Layer.provide(Layer.merge(worker, TenantOps.layer()), discovery))
 *
 * @throws RangeError for a bad option, which it names; a host that is not loopback needs a token.
 */
export const layer = (
  options?: TenantOpsOptions
): Layer.Layer<TenantOpsServer, HttpServerError.ServeError, TenantDiscovery> => {
  const settings = decodeOptions(options)
  return untraced(Layer.scoped(TenantOpsServer, serve(settings)))
}

/**
 * The same from `MULTI_TENANT_OPS_PORT`, `MULTI_TENANT_OPS_HOST` and `MULTI_TENANT_OPS_TOKEN`. An
 * error names the variable, and never shows the token.
 */
export const layerConfig: Layer.Layer<
  TenantOpsServer,
  HttpServerError.ServeError | ConfigError.ConfigError,
  TenantDiscovery
> = Layer.unwrapEffect(Effect.map(optionsConfig, layer))
