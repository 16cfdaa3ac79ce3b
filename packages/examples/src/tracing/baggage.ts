/** The tenant as OpenTelemetry baggage of HTTP requests. */
import { type Headers, HttpClient, HttpClientRequest } from "@effect/platform"
import {
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT
} from "@opentelemetry/api"
import { W3CBaggagePropagator } from "@opentelemetry/core"
import { Effect } from "effect"
import { CurrentTenant, type TenantId } from "tenant-discovery"

const KEY = "tenant_id"
const propagator = new W3CBaggagePropagator()

const headersOf = (tenant: TenantId): Readonly<Record<string, string>> => {
  const headers: Record<string, string> = {}
  const baggage = propagation.createBaggage({ [KEY]: { value: tenant } })
  const context = propagation.setBaggage(ROOT_CONTEXT, baggage)
  propagator.inject(context, headers, defaultTextMapSetter)
  return headers
}

/**
 * A client that sends the tenant of the run as baggage; `HttpClient` itself sends `traceparent`.
 * The tenant is the one that the worker provides to this run, so runs at the same time do not mix.
 */
export const withTenantBaggage = HttpClient.mapRequestEffect((request) =>
  Effect.map(CurrentTenant, ({ id }) => HttpClientRequest.setHeaders(request, headersOf(id)))
)

/** The tenant in the baggage of a request; `undefined` without one. */
export const tenantOf = (headers: Headers.Headers): string | undefined => {
  const context = propagator.extract(ROOT_CONTEXT, headers, defaultTextMapGetter)
  return propagation.getBaggage(context)?.getEntry(KEY)?.value
}
