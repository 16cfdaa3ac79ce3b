/** Random events, messages and histories of views. */
import { FastCheck as fc } from "effect"
import type { Directive, TenantEventType } from "../../src/TenantEvent.js"
import { type Tenant, TenantId, TenantView } from "../../src/index.js"
import { eventTypes as declared } from "../../src/internal/event/eventSchema.js"
import { applyDirectives, applyList } from "../../src/internal/view/edit.js"

/** How many cases a property has, times `PROPERTY_FACTOR`. */
export const runs = (count: number): { readonly numRuns: number } => ({
  numRuns: Math.ceil(count * Number(process.env["PROPERTY_FACTOR"] ?? "1"))
})

/** Texts that code may treat in a special way. */
export const hostileText = fc.oneof(
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "\ud800",
    "\udfff\ud800",
    "\u0000",
    "\ufb00",
    "\u0130",
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

export const eventTypes: ReadonlyArray<string> = [...declared]

const junk = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constant(null),
  fc.constant(undefined),
  hostileText
)

/** Usually valid, sometimes anything. */
const mostly = <A>(right: fc.Arbitrary<A>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: junk })

const maybe = <A>(right: fc.Arbitrary<A>): fc.Arbitrary<unknown> =>
  fc.oneof(
    { weight: 6, arbitrary: right },
    { weight: 2, arbitrary: fc.constantFrom(null, undefined) },
    { weight: 1, arbitrary: junk }
  )

/** An object in the shape of an event, valid or nearly so. */
export const eventLike = (service: fc.Arbitrary<string>): fc.Arbitrary<unknown> =>
  fc.record(
    {
      event_type: mostly(fc.constantFrom(...eventTypes, "tenant.renamed", "Tenant.Suspended")),
      tenant_id: mostly(anyId),
      event_id: maybe(fc.string()),
      timestamp: maybe(fc.string()),
      tenant_slug: maybe(fc.string()),
      environment: maybe(fc.constantFrom("production", "staging")),
      payload: mostly(
        fc.record(
          {
            service_name: mostly(service),
            modules: maybe(fc.array(fc.string())),
            secret_paths: maybe(fc.dictionary(hostileText, fc.string())),
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

export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** JSON as a publisher may write it: escapes, white space, any order of keys, repeated keys. */
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
  // The last of two equal keys counts.
  const before = twice ? entries.map(([key]) => `${escaped(key, escapes)}:"decoy"`) : []
  return `{${space}${[...before, ...fields].join(`${space},`)}${space}}`
}

export const encoding = fc.record({
  escapes: fc.oneof(fc.constant([]), fc.array(fc.boolean(), { maxLength: 7 })),
  space: fc.constantFrom("", "", " ", "\n\t"),
  reversed: fc.boolean(),
  twice: fc.boolean()
})

/** Few tenants, so that steps concern the same ones. */
export const smallId = fc.integer({ min: 0, max: 11 }).map((i) => TenantId.make(`t-${i}`))

const eventCause = (eventType: TenantEventType) =>
  ({ _tag: "Event", eventType, eventId: undefined }) as const

export const add = (tenantId: TenantId): Directive => ({
  _tag: "Add",
  tenantId,
  cause: eventCause("tenant.service.associated")
})

export const remove = (tenantId: TenantId): Directive => ({
  _tag: "Remove",
  tenantId,
  cause: eventCause("tenant.service.suspended")
})

export const rotate = (tenantId: TenantId): Directive => ({
  _tag: "ChangeConnections",
  tenantId,
  reason: "CredentialsRotated"
})

export const directive: fc.Arbitrary<Directive> = smallId.chain((tenantId) =>
  fc.constantFrom<Directive>(
    add(tenantId),
    remove(tenantId),
    rotate(tenantId),
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
  | { readonly _tag: "List"; readonly tenants: ReadonlyArray<Tenant> }
  /** Adds and removes so many tenants that the change log drops its oldest changes. */
  | { readonly _tag: "Churn" }

const churn = Array.from({ length: 4400 }, (_, i) => TenantId.make(`churn-${i}`)).flatMap((id) => [
  add(id),
  remove(id)
])

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .array(directive, { minLength: 1, maxLength: 5 })
      .map((directives): Step => ({ _tag: "Events", directives }))
  },
  { weight: 12, arbitrary: listing.map((tenants): Step => ({ _tag: "List", tenants })) },
  { weight: 1, arbitrary: fc.constant<Step>({ _tag: "Churn" }) }
)

/** Applies a list that decides about every tenant. */
export const list = (view: TenantView, tenants: ReadonlyArray<Tenant>): TenantView =>
  applyList(view, tenants, { named: () => false, select: (missing) => new Set(missing) })

export const apply = (view: TenantView, next: Step): TenantView =>
  next._tag === "List"
    ? list(view, next.tenants)
    : applyDirectives(view, next._tag === "Events" ? next.directives : churn)

/** The view `from`, and the view after each step. */
export const viewsOf = (
  steps: ReadonlyArray<Step>,
  from = TenantView.empty
): ReadonlyArray<TenantView> => {
  const views = [from]
  for (const next of steps) views.push(apply(views.at(-1) ?? from, next))
  return views
}

/** IDs and names, in the order of the view. */
export const contents = (view: TenantView): ReadonlyArray<string> =>
  view.tenants.map(({ id, name }) => `${id}=${name ?? ""}`)
