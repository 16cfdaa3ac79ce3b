/** Random events, messages and histories of views. */
import { FastCheck as fc } from "effect"
import { type Directive, type TenantEventType } from "../../src/TenantEvent.js"
import { type Tenant, TenantId, TenantView } from "../../src/index.js"

/** So many cases a property, unless the environment says otherwise. */
export const runs = (count: number): { readonly numRuns: number } => ({
  numRuns: Math.ceil(count * Number(process.env["PROPERTY_FACTOR"] ?? "1"))
})

/** Strings that code treats as something else now and then. */
export const hostileText = fc.oneof(
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "\ud800",
    "\udfff\ud800",
    "\u0000",
    "ﬀ",
    "İ",
    "",
    " "
  ),
  fc.string(),
  fc.string({ unit: "binary" })
)

const uuid = fc.uuid().chain((dashed) => {
  const plain = dashed.replaceAll("-", "")
  return fc.constantFrom(dashed, plain, dashed.toUpperCase(), plain.toUpperCase())
})

export const validId = fc.oneof(fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,40}$/), uuid)

export const anyId = fc.oneof(
  validId,
  hostileText,
  fc.uuid().map((id) => `urn:uuid:${id}`)
)

export const eventTypes: ReadonlyArray<TenantEventType> = [
  "tenant.service.associated",
  "tenant.service.reactivated",
  "tenant.service.disassociated",
  "tenant.service.suspended",
  "tenant.service.purged",
  "tenant.credentials.rotated",
  "tenant.connections.updated",
  "tenant.cache.invalidate",
  "tenant.suspended",
  "tenant.deleted",
  "tenant.activated",
  "tenant.created",
  "tenant.updated"
]

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constant(null),
  fc.constant(undefined),
  hostileText
)

/** Mostly right; now and then anything. */
const mostly = <A>(right: fc.Arbitrary<A>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: junk })

const maybe = <A>(right: fc.Arbitrary<A>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 6, arbitrary: right },
    { weight: 2, arbitrary: fc.constantFrom(null, undefined) },
    { weight: 1, arbitrary: junk }
  )

const pool = { max_open_conns: maybe(fc.integer()), statement_timeout: maybe(fc.string()) }
/** Effect's records lose a key `__proto__`; the decoder by hand keeps it, as JSON.parse does. */
const key = hostileText.filter((text) => text !== "__proto__")
const paths = fc.dictionary(key, fc.dictionary(key, fc.string()))

/** An object in the shape of an event, right or nearly so. */
export const eventLike = (service: fc.Arbitrary<string>): fc.Arbitrary<unknown> =>
  fc.record(
    {
      event_type: mostly(fc.constantFrom<string>(...eventTypes, "tenant.renamed")),
      tenant_id: mostly(anyId),
      event_id: maybe(fc.string()),
      timestamp: maybe(fc.string()),
      tenant_slug: maybe(fc.string()),
      environment: maybe(fc.constantFrom("production", "staging")),
      payload: mostly(
        fc.record(
          {
            service_name: mostly(service),
            isolation_mode: maybe(fc.string()),
            modules: maybe(fc.array(fc.string())),
            secret_paths: maybe(paths),
            messaging_config: maybe(fc.record({ rabbitmq_secret_path: maybe(fc.string()) })),
            connection_settings: maybe(fc.record(pool)),
            previous_status: maybe(fc.string()),
            re_provisioned: maybe(fc.boolean()),
            preserve_data: maybe(fc.boolean()),
            credential_type: maybe(fc.string()),
            module: maybe(fc.string()),
            reason: maybe(fc.string()),
            ...pool,
            extra: junk
          },
          { requiredKeys: ["service_name"] }
        )
      ),
      __proto__x: junk
    },
    { requiredKeys: ["event_type", "tenant_id", "payload"] }
  )

const escaped = (text: string, at: ReadonlyArray<boolean>): string =>
  `"${Array.from({ length: text.length }, (_, i) => {
    const unit = text.charCodeAt(i)
    const must = unit < 0x20 || unit === 0x22 || unit === 0x5c
    return must || at[i % Math.max(1, at.length)] === true
      ? `\\u${unit.toString(16).padStart(4, "0")}`
      : text.charAt(i)
  }).join("")}"`

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** JSON as others may write it: escapes, white space, another order of keys, keys twice. */
export const encode = (
  value: unknown,
  how: {
    readonly escapes: ReadonlyArray<boolean>
    readonly space: string
    readonly reversed: boolean
    readonly twice: boolean
  }
): string => {
  const { escapes, reversed, space, twice } = how
  if (typeof value === "string") return escaped(value, escapes)
  if (Array.isArray(value)) {
    return `[${space}${value.map((item) => encode(item, how)).join(`${space},`)}]`
  }
  if (!isRecord(value)) return JSON.stringify(value) ?? "null"
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  const fields = (reversed ? entries.toReversed() : entries).map(
    ([key, item]) => `${escaped(key, escapes)}${space}:${space}${encode(item, how)}`
  )
  // Of a key that is there twice the last one counts.
  const before = twice ? entries.map(([key]) => `${escaped(key, escapes)}:"decoy"`) : []
  return `{${space}${[...before, ...fields].join(`${space},`)}${space}}`
}

export const encoding = fc.record({
  escapes: fc.oneof(fc.constant([]), fc.array(fc.boolean(), { maxLength: 7 })),
  space: fc.constantFrom("", "", " ", "\n\t"),
  reversed: fc.boolean(),
  twice: fc.boolean()
})

/** Few tenants, so that they meet again. */
export const smallId = fc.integer({ min: 0, max: 11 }).map((i) => TenantId.make(`t-${i}`))

export const directive: fc.Arbitrary<Directive> = smallId.chain((tenantId) =>
  fc.constantFrom<Directive>(
    {
      _tag: "Add",
      tenantId,
      cause: { _tag: "Event", eventType: "tenant.service.associated", eventId: undefined }
    },
    {
      _tag: "Remove",
      tenantId,
      cause: { _tag: "Event", eventType: "tenant.service.suspended", eventId: undefined }
    },
    { _tag: "ChangeConnections", tenantId, reason: "CredentialsRotated" },
    { _tag: "Update", tenantId },
    { _tag: "Relist", tenantId },
    { _tag: "Ignore", receivedService: undefined }
  )
)

export const listing: fc.Arbitrary<ReadonlyArray<Tenant>> = fc.array(
  fc.record({ id: smallId, name: fc.option(fc.constantFrom("A", "B"), { nil: undefined }) }),
  { maxLength: 14 }
)

export type Step =
  | { readonly _tag: "Events"; readonly directives: ReadonlyArray<Directive> }
  | { readonly _tag: "Listing"; readonly tenants: ReadonlyArray<Tenant> }

export const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .array(directive, { minLength: 1, maxLength: 5 })
    .map((directives): Step => ({ _tag: "Events", directives })),
  listing.map((tenants): Step => ({ _tag: "Listing", tenants }))
)

export const take = (view: TenantView, one: Step): TenantView =>
  one._tag === "Events"
    ? TenantView.applyEvents(view, one.directives)
    : TenantView.applyListing(view, one.tenants).view

/** Every view from the empty one on. */
export const viewsOf = (steps: ReadonlyArray<Step>, from = TenantView.empty) => {
  const views = [from]
  for (const one of steps) views.push(take(views.at(-1) ?? from, one))
  return views
}

export const contents = (view: TenantView): ReadonlyArray<string> =>
  view.tenants.map(({ id, name }) => `${id}=${name ?? ""}`).sort()
