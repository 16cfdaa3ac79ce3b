/**
 * The traffic of a tenant manager; the same seed gives the same messages.
 *
 * - `own`: every message is about the service.
 * - `fleet`: one message in twenty is; the others are about forty more services.
 *   Twelve event types, 250 to 900 bytes.
 */

export const SERVICE = "ledger"
export const ENVIRONMENT = "production"
export const API_KEY = "benchmark"

export type TrafficKind = "own" | "fleet"

export interface TrafficOptions {
  readonly kind: TrafficKind
  readonly count: number
  /** The number of tenants that the messages name. */
  readonly tenants: number
  readonly seed: number
}

/** On a fleet's channel one message of this many is ours. */
const FLEET = 20
const OTHER_SERVICES = 40

export type Chance = () => number

/** Numbers from 0 to 1 (mulberry32); the same seed gives the same numbers. */
export const chanceOf = (seed: number): Chance => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/** A canonical UUID (32 digits), different for each number. */
export const tenantIdAt = (index: number): string =>
  `0193e8f0${hex((index * 2_654_435_761) % 4_294_967_296, 8)}9f3b2f6f${hex(index, 8)}`

const uuid = (chance: Chance): string => {
  const digits = () => hex(Math.floor(chance() * 0x1_0000_0000), 8)
  const all = digits() + digits() + digits() + digits()
  return [
    all.slice(0, 8),
    all.slice(8, 12),
    all.slice(12, 16),
    all.slice(16, 20),
    all.slice(20)
  ].join("-")
}

type Payload = Readonly<Record<string, unknown>>

const path = (tenant: string, service: string, what: string): string =>
  `tenants/${ENVIRONMENT}/${tenant}/${service}/${what}`

const secretPaths = (tenant: string, service: string): Payload => ({
  onboarding: {
    postgresql: path(tenant, service, "onboarding/postgresql"),
    mongodb: path(tenant, service, "onboarding/mongodb")
  },
  transaction: {
    postgresql: path(tenant, service, "transaction/postgresql"),
    mongodb: path(tenant, service, "transaction/mongodb")
  }
})

const pool = { max_open_conns: 50, max_idle_conns: 15, statement_timeout: "30s" }

/** The types that name a service, with their relative frequency and the rest of their payload. */
const scoped: ReadonlyArray<
  readonly [type: string, weight: number, payload: (tenant: string, service: string) => Payload]
> = [
  [
    "tenant.service.associated",
    4,
    (tenant, service) => ({
      isolation_mode: "isolated",
      modules: ["onboarding", "transaction"],
      secret_paths: secretPaths(tenant, service),
      connection_settings: pool
    })
  ],
  [
    "tenant.service.reactivated",
    3,
    (tenant, service) => ({
      previous_status: "suspended",
      re_provisioned: false,
      secret_paths: { onboarding: { postgresql: path(tenant, service, "onboarding/postgresql") } }
    })
  ],
  ["tenant.service.disassociated", 3, () => ({ preserve_data: true })],
  ["tenant.service.suspended", 3, () => ({ previous_status: "active" })],
  ["tenant.service.purged", 1, () => ({})],
  [
    "tenant.credentials.rotated",
    3,
    (tenant, service) => ({
      credential_type: "postgresql",
      new_secret_path: path(tenant, service, "onboarding/postgresql/v2")
    })
  ],
  ["tenant.connections.updated", 2, () => ({ module: "onboarding", ...pool })],
  ["tenant.cache.invalidate", 1, () => ({ reason: "operator request" })]
]

/** Types about a tenant as a whole; they concern every service. */
const unscoped: ReadonlyArray<string> = ["tenant.updated", "tenant.suspended", "tenant.deleted"]

const drawn = scoped.flatMap((entry) => Array.from({ length: entry[1] }, () => entry))

/** Other services' traffic; an operator's invalidation is rare. */
const drawnOfOthers = drawn.filter(([type]) => type !== "tenant.cache.invalidate")

const envelope = (chance: Chance, type: string, tenant: string, payload: Payload | undefined) =>
  JSON.stringify({
    event_id: uuid(chance),
    event_type: type,
    timestamp: new Date(1_774_432_800_000 + Math.floor(chance() * 1e9)).toISOString(),
    tenant_id: tenant,
    tenant_slug: `tenant-${tenant.slice(-8)}`,
    environment: ENVIRONMENT,
    ...(payload === undefined ? {} : { payload })
  })

const pick = <A>(chance: Chance, from: ReadonlyArray<A>): A => {
  const picked = from[Math.floor(chance() * from.length)]
  if (picked === undefined) throw new RangeError("nothing to pick from")
  return picked
}

const scopedMessage = (
  chance: Chance,
  from: typeof scoped,
  tenant: string,
  service: string
): string => {
  const [type, , payload] = pick(chance, from)
  return envelope(chance, type, tenant, {
    service_name: service,
    ...payload(tenant, service)
  })
}

const foreign = (chance: Chance, tenant: string): string =>
  chance() < 0.05
    ? envelope(chance, "tenant.created", tenant, { plan: "standard", region: "eu-central-1" })
    : scopedMessage(
        chance,
        drawnOfOthers,
        tenant,
        `service-${Math.floor(chance() * OTHER_SERVICES)}`
      )

const ofOurs = (chance: Chance, kind: TrafficKind, tenant: string): string =>
  kind === "fleet" && chance() < 0.1
    ? envelope(chance, pick(chance, unscoped), tenant, undefined)
    : scopedMessage(chance, drawn, tenant, SERVICE)

export const traffic = ({ count, kind, seed, tenants }: TrafficOptions): ReadonlyArray<string> => {
  const chance = chanceOf(seed)
  return Array.from({ length: count }, () => {
    const tenant = tenantIdAt(Math.floor(chance() * tenants))
    return kind === "own" || Math.floor(chance() * FLEET) === 0
      ? ofOurs(chance, kind, tenant)
      : foreign(chance, tenant)
  })
}

let published = 0

/** Adds one tenant. Each call makes a new event: a repeated event ID would be a duplicate. */
export const associated = (tenant: string): string =>
  JSON.stringify({
    event_id: `evt-${tenant}-${++published}`,
    event_type: "tenant.service.associated",
    timestamp: "2026-03-25T10:00:00Z",
    tenant_id: tenant,
    environment: ENVIRONMENT,
    payload: { service_name: SERVICE }
  })

/** Removes it. */
export const disassociated = (tenant: string): string =>
  JSON.stringify({
    event_type: "tenant.service.disassociated",
    timestamp: "2026-03-25T10:00:00Z",
    tenant_id: tenant,
    environment: ENVIRONMENT,
    payload: { service_name: SERVICE }
  })

/** The body of `GET /v1/tenants/active` for this number of tenants. */
export const listBody = (tenants: number): string =>
  JSON.stringify(
    Array.from({ length: tenants }, (_, index) => ({
      id: tenantIdAt(index),
      name: `Tenant number ${index}`,
      status: "active"
    }))
  )
