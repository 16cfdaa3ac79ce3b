/** The steps on the way to the tenant manager. */
import * as HttpClient from "@effect/platform/HttpClient"
import { type Duration, Effect, type Redacted } from "effect"
import type { TenantDiscoveryConfig, TenantManagerOptions } from "tenant-discovery"
import { type ListCall, listOnce } from "./call.js"
import {
  clockFinding,
  httpFinding,
  keepAliveFinding,
  keyFinding,
  listFinding
} from "./managerFindings.js"
import { portOf, type Target, textOf, tunnel } from "./network.js"
import { proxyFor } from "./proxy.js"
import { checkCertificates, connectAll, dnsAdvice, plainAdvice, resolveAll } from "./reach.js"
import { failed, ok, skipped, type Step, warning } from "./step.js"

export interface ManagerSubject {
  readonly settings: TenantDiscoveryConfig.TenantManagerSettings
  readonly service: string
  readonly apiKey: Redacted.Redacted
  readonly timeout: Duration.Duration
}

const TLS_NAMES = {
  host: "MULTI_TENANT_URL",
  ca: "MULTI_TENANT_CA_CERT",
  off: "begin MULTI_TENANT_URL with http:// (which needs MULTI_TENANT_ALLOW_INSECURE_HTTP=true)"
}

const isLoopback = (host: string): boolean => /^(?:localhost|127\..*|\[?::1\]?)$/i.test(host)

const PROXY_STEP = "manager-proxy"

const proxyStep = (proxy: URL, manager: Target, variable: string): Step => ({
  step: PROXY_STEP,
  needs: ["manager-tcp"],
  tried: `connect to ${textOf(manager)} through the proxy`,
  run: Effect.mapBoth(tunnel(proxy, manager), {
    onSuccess: () => ok("the proxy connects"),
    onFailure: ({ code, message }) =>
      failed(
        message,
        code === "PROXY_407"
          ? `set the proxy's user and password in ${variable}: http://user:password@host:port`
          : `have ${textOf(manager)} allowed by the proxy, check MULTI_TENANT_URL, or name the host in NO_PROXY`
      )
  })
})

/** The steps share one list call. */
export const managerSteps = (
  subject: ManagerSubject
): Effect.Effect<ReadonlyArray<Step>, never, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const { apiKey, service, settings, timeout } = subject
    const { apiPrefix, url } = settings
    const options: TenantManagerOptions = {
      service,
      url,
      apiKey,
      apiPrefix,
      timeout,
      circuitBreaker: { threshold: 0 }
    }
    const client = yield* HttpClient.HttpClient
    const list = (changed: Partial<TenantManagerOptions> = {}): Effect.Effect<ListCall> =>
      Effect.provideService(listOnce({ ...options, ...changed }), HttpClient.HttpClient, client)
    const call = yield* Effect.cached(list())
    const manager: Target = { host: url.hostname.replace(/^\[|\]$/g, ""), port: portOf(url) }
    const proxy = proxyFor(settings)
    const proxyVariable = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY"
    const first: Target =
      proxy === undefined ? manager : { host: proxy.hostname, port: portOf(proxy) }
    const variable = proxy === undefined ? "MULTI_TENANT_URL" : proxyVariable
    const needsProxy =
      proxy === undefined
        ? `; where this network reaches others only through a proxy, set ${proxyVariable}`
        : ""
    const whom = proxy === undefined ? "the tenant manager" : "the proxy"
    const operation = `GET ${url.origin}${url.pathname.replace(/\/$/, "")}${apiPrefix}/tenants/active?service=${encodeURIComponent(service)}`

    return [
      {
        step: "manager-dns",
        needs: [],
        tried: `find the address of ${whom}, ${first.host}`,
        run: resolveAll([first], variable),
        ifSilent: dnsAdvice(variable)
      },
      {
        step: "manager-tcp",
        needs: ["manager-dns"],
        tried: `connect to ${whom}, ${textOf(first)}`,
        run: connectAll([first], variable, needsProxy),
        ifSilent: `check the host and port in ${variable}, and whether a firewall drops the connection${needsProxy}`
      },
      ...(proxy === undefined ? [] : [proxyStep(proxy, manager, proxyVariable)]),
      {
        step: "manager-tls",
        needs: [proxy === undefined ? "manager-tcp" : PROXY_STEP],
        tried: `TLS handshake with ${textOf(manager)}`,
        ifSilent: plainAdvice(TLS_NAMES),
        run:
          url.protocol === "https:"
            ? checkCertificates(
                [manager],
                settings.transport.caCert,
                TLS_NAMES,
                proxy && ((target) => tunnel(proxy, target))
              )
            : Effect.succeed(
                isLoopback(manager.host)
                  ? skipped("MULTI_TENANT_URL is http: no TLS is used")
                  : warning(
                      "MULTI_TENANT_URL is http: the API key and the list cross the network unencrypted",
                      "use https"
                    )
              )
      },
      {
        step: "manager-http",
        needs: ["manager-tls"],
        tried: operation,
        run: Effect.flatMap(call, (first) => httpFinding(first, url, apiPrefix, list)),
        ifSilent:
          "the tenant manager accepts connections and does not answer: check that it is not overloaded, or raise --timeout"
      },
      {
        step: "api-key",
        needs: ["manager-http"],
        tried: "send the API key with the list call",
        run: Effect.map(call, keyFinding)
      },
      {
        step: "list",
        needs: ["api-key"],
        tried: `read the list of the service ${service}`,
        run: Effect.map(call, (first) => listFinding(first, service))
      },
      {
        step: "clock",
        needs: ["manager-http"],
        tried: "compare this machine's clock with the Date header of the answer",
        run: Effect.map(call, clockFinding)
      },
      {
        step: "keep-alive",
        needs: ["list"],
        tried: "list again on the same connection",
        // The second call may begin before the first connection is free again.
        run: Effect.flatMap(call, (first) =>
          Effect.map(Effect.zipRight(list(), list()), (last) => keepAliveFinding(first, last))
        )
      }
    ]
  })
