import * as Effect from "effect/Effect"
import * as ParseResult from "effect/ParseResult"
import * as Schema from "effect/Schema"
import type { IncomingMessage, ServerResponse } from "node:http"
import type { SimulatorControl, SimulatorOperations } from "../SimulatorControl.js"
import { SimulatorError } from "../SimulatorError.js"
import { Trouble } from "../Trouble.js"
import { readBody } from "./http.js"
import { errorAnswer, jsonAnswer, send } from "./respond.js"
import type { Api } from "./api.js"

const text = Schema.String
const optional = Schema.optional

const Tenant = Schema.Struct({ tenantId: text })
const OfService = Schema.Struct({ tenantId: text, service: optional(text) })
const Create = Schema.Struct({
  id: optional(text),
  name: optional(text),
  slug: optional(text),
  services: optional(Schema.Array(text)),
  publish: optional(Schema.Boolean)
})
const BulkCreate = Schema.Struct({
  count: Schema.Int.pipe(Schema.between(1, 10_000_000)),
  services: optional(Schema.Array(text)),
  publish: optional(Schema.Boolean)
})
const Update = Schema.Struct({ tenantId: text, name: optional(text) })
const UpdateConnections = Schema.Struct({
  tenantId: text,
  service: optional(text),
  module: optional(text),
  settings: Schema.Struct({
    maxOpenConns: Schema.optionalWith(Schema.Int, { exact: true }),
    maxIdleConns: Schema.optionalWith(Schema.Int, { exact: true }),
    statementTimeout: Schema.optionalWith(text, { exact: true })
  })
})
const OverrideConnections = Schema.Struct({
  tenantId: text,
  service: optional(text),
  fields: Schema.Record({ key: text, value: Schema.Unknown })
})
const Event = Schema.Struct({
  eventType: text,
  tenantId: text,
  tenantSlug: optional(text),
  eventId: optional(text),
  environment: optional(text),
  payload: optional(Schema.Record({ key: text, value: Schema.Unknown }))
})
const Raw = Schema.Struct({ channel: text, messages: Schema.Array(text) })
const Nothing = Schema.Struct({})

type Run = (body: unknown) => Effect.Effect<unknown, SimulatorError>

/** The first wrong field in one line. */
const firstIssue = (error: ParseResult.ParseError): string => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const path = issue?.path.join(".") ?? ""
  const message = (issue?.message ?? "invalid").split("\n")[0] ?? ""
  return `${path === "" ? "the body" : path}: ${message}`.slice(0, 300)
}

const operation = <A, I>(
  schema: Schema.Schema<A, I>,
  run: (input: A) => Effect.Effect<unknown, SimulatorError>
): Run => {
  const decode = Schema.decodeUnknown(schema, { onExcessProperty: "error" })
  return (body) =>
    decode(body).pipe(
      Effect.mapError(
        (error) =>
          new SimulatorError({
            reason: "InvalidRequest",
            message: firstIssue(error)
          })
      ),
      Effect.flatMap(run)
    )
}

const statuses = {
  StartFailed: 500,
  NoSuchTenant: 404,
  NoSuchAssociation: 404,
  AlreadyExists: 409,
  InvalidRequest: 400
} as const

/**
 * `POST /admin/{operation}` with the operation's input as JSON; `GET /admin/tenants?service=` and
 * `GET /admin/requests`. It needs no API key: the server listens on the loopback address only.
 */
export const makeAdmin = (control: SimulatorControl): Api => {
  const ofService = (run: SimulatorOperations["suspend"]) =>
    operation(OfService, ({ service, tenantId }) => run(tenantId, service))
  const ofTenant = (run: SimulatorOperations["deleteTenant"]) =>
    operation(Tenant, ({ tenantId }) => run(tenantId))
  const published = (effect: Effect.Effect<boolean>) =>
    Effect.map(effect, (done) => ({ published: done }))

  const operations: ReadonlyMap<string, Run> = new Map([
    ["create", operation(Create, control.create)],
    ["bulkCreate", operation(BulkCreate, ({ count, ...bulk }) => control.bulkCreate(count, bulk))],
    ["associate", ofService(control.associate)],
    ["suspend", ofService(control.suspend)],
    ["reactivate", ofService(control.reactivate)],
    ["purge", ofService(control.purge)],
    ["disassociate", ofService(control.disassociate)],
    ["deleteTenant", ofTenant(control.deleteTenant)],
    ["suspendTenant", ofTenant(control.suspendTenant)],
    ["activate", ofTenant(control.activate)],
    ["update", operation(Update, ({ name, tenantId }) => control.update(tenantId, { name }))],
    ["rotate", ofService(control.rotate)],
    [
      "updateConnections",
      operation(UpdateConnections, ({ tenantId, ...input }) =>
        control.updateConnections(tenantId, input)
      )
    ],
    ["invalidateCache", ofService(control.invalidateCache)],
    [
      "overrideConnections",
      operation(OverrideConnections, ({ fields, service, tenantId }) =>
        control.overrideConnections(tenantId, fields, service)
      )
    ],
    ["publishEvent", operation(Event, (event) => published(control.publishEvent(event)))],
    [
      "publishRaw",
      operation(Raw, ({ channel, messages }) => published(control.publishRaw(channel, messages)))
    ],
    ["trouble", operation(Trouble, control.trouble)],
    ["clearTrouble", operation(Nothing, () => control.clearTrouble)]
  ])

  const execute = (request: IncomingMessage, run: Run) =>
    Effect.gen(function* () {
      const body = yield* readBody(request)
      const input = yield* Effect.try({
        try: (): unknown => (body.trim() === "" ? {} : JSON.parse(body)),
        catch: () =>
          new SimulatorError({ reason: "InvalidRequest", message: "the body is not JSON" })
      })
      return jsonAnswer(200, (yield* run(input)) ?? {})
    }).pipe(
      Effect.catchAll((error) =>
        Effect.succeed(errorAnswer(statuses[error.reason], error.reason, error.message))
      )
    )

  const answer = (request: IncomingMessage, url: URL) => {
    const name = url.pathname.slice("/admin/".length)
    const run = operations.get(name)
    if (request.method === "POST" && run !== undefined) return execute(request, run)
    if (request.method === "GET" && name === "tenants") {
      return Effect.map(
        control.activeTenantIds(url.searchParams.get("service") ?? undefined),
        (ids) => jsonAnswer(200, ids)
      )
    }
    if (request.method === "GET" && name === "requests") {
      return Effect.map(control.requests, (requests) => jsonAnswer(200, requests))
    }
    const known = [...operations.keys()].map((key) => `POST /admin/${key}`).join(", ")
    return Effect.succeed(
      errorAnswer(
        404,
        "NOT_FOUND",
        `unknown operation; expected GET /admin/tenants, GET /admin/requests, ${known}`
      )
    )
  }

  return (request: IncomingMessage, response: ServerResponse, url: URL) =>
    url.pathname.startsWith("/admin/")
      ? Effect.flatMap(answer(request, url), (result) => send(response, result, {}))
      : undefined
}
