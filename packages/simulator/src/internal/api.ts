import * as Effect from "effect/Effect"
import type { IncomingMessage, ServerResponse } from "node:http"
import { errorAnswer, jsonAnswer, send, suspendedAnswer, troubled, type Answer } from "./respond.js"
import { connectionSettings } from "./connections.js"
import { realTime } from "./realTime.js"
import { listElement, type Store } from "./store.js"
import { isForRequest, type Met, type Troubles } from "./troubles.js"

export interface ApiOptions {
  readonly prefix: string
  readonly apiKey: string
  readonly store: Store
  readonly troubles: Troubles
  /** Called when a list request arrives; the answer waits for `wait`. */
  readonly onList: () => { readonly late: boolean; readonly wait: Effect.Effect<void> }
  /** Runs when a list request is answered or disconnected. */
  readonly onListed: Effect.Effect<void>
}

/** Answers a request, or `undefined` where the path is not of this API. */
export type Api = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL
) => Effect.Effect<void> | undefined

export const makeApi = (options: ApiOptions): Api => {
  const { apiKey, prefix, store, troubles } = options
  const listPath = `${prefix}/tenants/active`
  const isConnections = /^\/tenants\/([^/]+)\/associations\/([^/]+)\/connections$/

  const answerWith = (response: ServerResponse, right: () => Answer, met: Met) =>
    Effect.gen(function* () {
      if (met.Delay !== undefined) yield* realTime(Effect.sleep(met.Delay.millis))
      if (met.Hang !== undefined) return yield* Effect.never
      yield* send(response, troubled(right(), met), met)
    })

  const denied = (request: IncomingMessage): Answer | undefined =>
    request.headers["x-api-key"] === apiKey
      ? undefined
      : errorAnswer(401, "UNAUTHORIZED", "missing or wrong X-API-Key")

  const list = (request: IncomingMessage, response: ServerResponse, url: URL) =>
    Effect.gen(function* () {
      const { late, wait } = options.onList()
      const met = troubles.meet(isForRequest("list"))
      const service = url.searchParams.get("service") ?? ""
      const right = () =>
        denied(request) ??
        (service === ""
          ? errorAnswer(400, "BAD_REQUEST", "the query parameter service is missing")
          : { status: 200, body: listBody(store, service, met) })
      const early = late ? undefined : right()
      yield* wait
      yield* answerWith(response, () => early ?? right(), met)
    }).pipe(Effect.ensuring(options.onListed))

  const connections = (
    request: IncomingMessage,
    response: ServerResponse,
    tenantId: string,
    service: string
  ) => {
    const met = troubles.meet(isForRequest("connections"))
    const right = (): Answer => {
      const refused = denied(request)
      if (refused !== undefined) return refused
      const record = store.find(tenantId)
      if (record === undefined) return errorAnswer(404, "NOT_FOUND", "no such tenant")
      const association = record.associations.get(service)
      if (association === undefined) {
        return errorAnswer(404, "NOT_FOUND", "the tenant has no association with this service")
      }
      if (association.status !== "active") return suspendedAnswer(association.status)
      if (record.status !== "active") return suspendedAnswer("suspended")
      return jsonAnswer(200, connectionSettings(record, service, association))
    }
    return answerWith(response, right, met)
  }

  return (request, response, url) => {
    const path = url.pathname
    if (!path.startsWith(`${prefix}/`)) return undefined
    if (request.method !== "GET") {
      return send(response, errorAnswer(405, "METHOD_NOT_ALLOWED", "only GET is allowed"), {})
    }
    if (path === listPath) return list(request, response, url)
    const [, tenantId, service] = isConnections.exec(path.slice(prefix.length)) ?? []
    if (tenantId === undefined || service === undefined) return undefined
    try {
      return connections(
        request,
        response,
        decodeURIComponent(tenantId),
        decodeURIComponent(service)
      )
    } catch {
      return send(
        response,
        errorAnswer(400, "BAD_REQUEST", "a path segment has an invalid encoding"),
        {}
      )
    }
  }
}

const garbage = [
  "null",
  "7",
  '"text"',
  "[]",
  "{}",
  '{"id":7}',
  '{"id":""}',
  '{"id":"not valid!"}',
  '{"id":"urn:uuid:0193e8f0-c4b8-7c4a-9f3b-2f6f0c1d2e3f"}'
]

const listBody = (store: Store, service: string, met: Met): Buffer => {
  if (met.NullList !== undefined) return Buffer.from("null")
  if (met.EmptyList !== undefined) return Buffer.from("[]")
  const { InactiveElements, MalformedElements, PartialList } = met
  if ((InactiveElements ?? MalformedElements ?? PartialList) === undefined) {
    return store.listBody(service)
  }
  const active = store.activeRecords(service)
  const elements = active
    .slice(Math.floor(active.length * (PartialList?.drop ?? 0)))
    .map(listElement)
  if (MalformedElements !== undefined) elements.unshift(...garbage)
  if (InactiveElements !== undefined) {
    for (const record of store.tenants.values()) {
      const status = record.associations.get(service)?.status
      const shown = record.status === "active" ? status : record.status
      if (status !== undefined && shown !== undefined && shown !== "active") {
        elements.push(JSON.stringify({ id: record.storedId, name: record.name, status: shown }))
      }
    }
  }
  return Buffer.from(`[${elements.join(",")}]`)
}
