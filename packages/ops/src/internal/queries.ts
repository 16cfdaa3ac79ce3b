/** The parameters of the paths, and the answer to wrong ones. */
import { HttpRouter, HttpServerRequest, type HttpServerResponse } from "@effect/platform"
import { Effect, Either, ParseResult, Schema } from "effect"
import { TenantId } from "tenant-discovery"
import { problem } from "./problem.js"

const Limit = Schema.String.pipe(
  Schema.filter((text) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000)
)
  .annotations({ message: () => "expected a whole number from 1 to 1000" })
  .pipe(Schema.compose(Schema.NumberFromString))

const Page = Schema.Struct({
  limit: Schema.optionalWith(Limit, { default: () => 100 }),
  after: Schema.optional(TenantId.schema),
  q: Schema.optional(Schema.String)
})

const Ready = Schema.Struct({ tenant: Schema.optional(TenantId.schema) })

const OneTenant = Schema.Struct({ id: TenantId.schema })

const badRequest = (error: ParseResult.ParseError): HttpServerResponse.HttpServerResponse => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  return problem(
    400,
    `${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "not valid"}`
  )
}

const answering =
  <Q, R>(query: Effect.Effect<Q, ParseResult.ParseError, R>) =>
  <R2>(
    answer: (query: Q) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, R2>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | R2> =>
    Effect.flatMap(
      Effect.either(query),
      Either.match({ onLeft: (error) => Effect.succeed(badRequest(error)), onRight: answer })
    )

/** `?limit=N&after=ID&q=TEXT`. */
export const withPage = answering(HttpServerRequest.schemaSearchParams(Page))
/** `?tenant=ID`. */
export const withReady = answering(HttpServerRequest.schemaSearchParams(Ready))
/** `/:id`. */
export const withTenantId = answering(HttpRouter.schemaPathParams(OneTenant))
