/** What the answers of the tenant manager mean, and what to do about them. */
import { Duration, Effect, Either } from "effect"
import type { TenantListing, TenantManagerOptions } from "tenant-discovery"
import { counted } from "../output.js"
import type { ListCall } from "./call.js"
import { millis } from "./reach.js"
import { failed, type Finding, ok, skipped, warning } from "./step.js"

const isHtml = ({ answer, result }: ListCall): boolean =>
  answer?.headers["content-type"]?.toLowerCase().includes("html") === true ||
  (Either.isLeft(result) &&
    result.left._tag === "TenantManagerMalformedBody" &&
    result.left.excerpt?.trimStart().startsWith("<") === true)

/** Whether the path exists and speaks the tenant manager's language. */
export const httpFinding = (
  call: ListCall,
  url: URL,
  apiPrefix: string,
  list: (changed: Partial<TenantManagerOptions>) => Effect.Effect<ListCall>
): Effect.Effect<Finding> => {
  const { result, took } = call
  if (Either.isRight(result)) return Effect.succeed(ok(`200 in ${millis(took)}`))
  const error = result.left
  const said = error.message.slice(error.operation.length + 2)
  switch (error._tag) {
    case "TenantManagerUnauthorized":
    case "TenantManagerAccessDenied":
    case "TenantManagerSuspended":
    case "TenantManagerBodyTooLarge":
      return Effect.succeed(ok(`the tenant manager answered in ${millis(took)}`))
    case "TenantManagerMalformedBody":
      return Effect.succeed(
        isHtml(call)
          ? failed(
              "200 with an HTML page in place of JSON",
              "MULTI_TENANT_URL leads to a web site, a login page or a gateway: set it to the tenant manager's API"
            )
          : ok(`200 in ${millis(took)}`)
      )
    case "TenantManagerNotFound":
      return Effect.map(findPath(url, apiPrefix, list), (advice) =>
        failed("404: there is nothing at this path", advice)
      )
    case "TenantManagerRejected":
      return Effect.succeed(
        failed(
          said,
          error.status >= 300 && error.status < 400
            ? "set MULTI_TENANT_URL to where the server redirects to"
            : "check MULTI_TENANT_URL: this is not how the tenant manager answers a list call"
        )
      )
    case "TenantManagerUnavailable":
      return Effect.succeed(
        failed(
          said,
          error.status === undefined
            ? "the connection ended before an answer: check that MULTI_TENANT_URL has the scheme (http or https) that the server speaks, and look at the server's log"
            : "the tenant manager has a fault: look at its log, or at that of the gateway before it"
        )
      )
    case "TenantManagerTimedOut":
    case "TenantManagerCircuitOpen":
      return Effect.succeed(
        failed(
          said,
          "the tenant manager is overloaded or hangs: look at its log, or raise --timeout"
        )
      )
  }
}

/** After a 404, finds the prefix and path that answer. */
const findPath = (
  url: URL,
  apiPrefix: string,
  list: (changed: Partial<TenantManagerOptions>) => Effect.Effect<ListCall>
): Effect.Effect<string> => {
  const exists = (changed: Partial<TenantManagerOptions>) =>
    Effect.map(
      list(changed),
      (call) =>
        !isHtml(call) &&
        (Either.isRight(call.result) || call.result.left._tag === "TenantManagerUnauthorized")
    )
  const otherPrefix = apiPrefix === "" ? "/v1" : ""
  const setPrefix =
    otherPrefix === ""
      ? "set MULTI_TENANT_API_PREFIX to an empty value: this tenant manager has no prefix"
      : "leave out MULTI_TENANT_API_PREFIX: this tenant manager has the prefix /v1"
  const setUrl = `set MULTI_TENANT_URL=${url.origin}, without the path ${url.pathname}`
  const candidates = [
    { changed: { apiPrefix: otherPrefix }, advice: setPrefix },
    ...(url.pathname === "/"
      ? []
      : [
          { changed: { url: url.origin }, advice: setUrl },
          {
            changed: { url: url.origin, apiPrefix: otherPrefix },
            advice: `${setUrl}, and ${setPrefix}`
          }
        ])
  ]
  return Effect.findFirst(candidates, ({ changed }) => exists(changed)).pipe(
    Effect.map((found) =>
      found._tag === "Some"
        ? found.value.advice
        : "check the path in MULTI_TENANT_URL, and MULTI_TENANT_API_PREFIX (/v1, or empty for old servers)"
    )
  )
}

export const keyFinding = ({ result }: ListCall): Finding => {
  const tag = Either.isLeft(result) ? result.left._tag : undefined
  if (tag === "TenantManagerUnauthorized") {
    return failed(
      "401: the tenant manager does not accept the API key",
      "set MULTI_TENANT_SERVICE_API_KEY (or its _FILE) to the key of this service and this environment"
    )
  }
  return tag === "TenantManagerAccessDenied" || tag === "TenantManagerSuspended"
    ? failed(
        "403: the API key is known and may not list this service",
        "ask for access to this service for the key, or check APPLICATION_NAME"
      )
    : ok("accepted")
}

export const listFinding = ({ answer, result }: ListCall, service: string): Finding => {
  if (Either.isLeft(result)) {
    const { message, operation } = result.left
    return failed(
      message.slice(operation.length + 2),
      result.left._tag === "TenantManagerBodyTooLarge"
        ? "ask the operators of the tenant manager why the list is so long"
        : "the answer is no list of tenants: check MULTI_TENANT_URL, or report it to the operators of the tenant manager"
    )
  }
  const listing = result.right
  const found = describe(listing, answer?.headers["content-length"])
  if (listing.skipped > 0) {
    return warning(
      found,
      "report the unreadable elements to the operators of the tenant manager: a list that has one removes no tenant"
    )
  }
  if (!listing.complete) {
    return warning(
      found,
      "no tenant is active and a status is unknown: check its spelling with the operators of the tenant manager"
    )
  }
  return listing.tenants.length === 0
    ? warning(
        found,
        `check that ${service} is the service's name (APPLICATION_NAME, or MULTI_TENANT_SERVICE_NAME), and that tenants are associated with it`
      )
    : ok(found)
}

const describe = (
  { firstSkipped, inactive, skipped, tenants }: TenantListing,
  length: string | undefined
): string =>
  [
    counted(tenants.length, "active tenant"),
    ...[...inactive].map(([status, count]) => `${count} ${status}`),
    ...(firstSkipped === undefined
      ? []
      : [`${skipped} unreadable, the first at [${firstSkipped.index}] (${firstSkipped.reason})`]),
    ...(length === undefined ? [] : [`${length} bytes`])
  ].join(", ")

/** The header has whole seconds, and the answer was on its way. */
const TOLERANCE = 5000
const INTOLERABLE = 5 * 60_000

export const clockFinding = ({ answer, answeredAt }: ListCall): Finding => {
  const date = Date.parse(answer?.headers["date"] ?? "")
  if (Number.isNaN(date)) return skipped("the answer has no Date header")
  const skew = answeredAt - date
  const found = `this machine is ${Duration.format(Duration.seconds(Math.round(Math.abs(skew) / 1000)))} ${skew < 0 ? "behind" : "ahead"}`
  const advice =
    "set the clock of this machine or of the tenant manager (NTP): certificates, tokens and the lag of events depend on it"
  if (Math.abs(skew) <= TOLERANCE) return ok("within a few seconds")
  return Math.abs(skew) < INTOLERABLE ? warning(found, advice) : failed(found, advice)
}

export const keepAliveFinding = (first: ListCall, last: ListCall): Finding => {
  if (Either.isLeft(last.result)) {
    return warning(
      `the first call succeeded, a later one failed: ${last.result.left.message}`,
      "the tenant manager answers only sometimes: look at its log and its load balancer"
    )
  }
  const times = `${millis(first.took)}, then ${millis(last.took)}`
  return last.connections === 0
    ? ok(`the connection was used again: ${times}`)
    : warning(
        `each call opens a connection: ${times}`,
        "turn on keep-alive at the tenant manager or the gateway before it: it saves a handshake per call"
      )
}
