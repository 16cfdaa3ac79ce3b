/**
 * The baseline: what a careful engineer writes by hand on ioredis. A Map, callbacks, and a check of
 * every field in use. It knows the same events and IDs. It does not handle a lost subscription, a
 * suspicious list, a duplicate or a slow reader.
 */

export interface HandWrittenTenant {
  readonly id: string
  readonly name: string | undefined
}

export interface HandWrittenCallbacks {
  readonly added?: ((tenant: HandWrittenTenant) => void) | undefined
  readonly removed?: ((tenant: HandWrittenTenant) => void) | undefined
  readonly connectionsChanged?: ((tenant: HandWrittenTenant) => void) | undefined
  readonly updated?: ((tenant: HandWrittenTenant) => void) | undefined
  readonly warn?: ((message: string) => void) | undefined
}

const VALID = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,255}$/
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

const canonicalId = (value: unknown): string | undefined => {
  if (typeof value !== "string" || !VALID.test(value)) return undefined
  return (value.length === 32 || value.length === 36) && UUID.test(value)
    ? value.replaceAll("-", "").toLowerCase()
    : value
}

type JsonObject = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export class HandWrittenTenants {
  private readonly tenants = new Map<string, HandWrittenTenant>()
  private cached: ReadonlyArray<string> | undefined

  constructor(
    private readonly service: string,
    private readonly environment: string | undefined,
    private readonly callbacks: HandWrittenCallbacks = {}
  ) {}

  get ids(): ReadonlyArray<string> {
    return (this.cached ??= [...this.tenants.keys()])
  }

  get size(): number {
    return this.tenants.size
  }

  has(id: string): boolean {
    return this.tenants.has(id)
  }

  /** The handler of ioredis' `message`. */
  readonly onMessage = (_channel: string, raw: string): void => {
    let event: unknown
    try {
      event = JSON.parse(raw)
    } catch {
      this.warn("a message is no JSON")
      return
    }
    if (!isObject(event)) return this.warn("a message is no object")
    const type = event["event_type"]
    const id = canonicalId(event["tenant_id"])
    const environment = event["environment"]
    if (typeof type !== "string" || id === undefined) return this.warn("an event is malformed")
    if (
      this.environment !== undefined &&
      typeof environment === "string" &&
      environment !== "" &&
      environment.trim().toLowerCase() !== this.environment
    ) {
      return
    }
    switch (type) {
      case "tenant.suspended":
      case "tenant.deleted":
        return this.remove(id)
      case "tenant.updated":
        return this.touched(id, this.callbacks.updated)
      case "tenant.activated":
      case "tenant.created":
        return
    }
    if (!type.startsWith("tenant.")) return
    const payload = event["payload"]
    if (!isObject(payload)) return this.warn("a payload is no object")
    const service = payload["service_name"]
    if (typeof service !== "string" || service === "") return this.warn("a payload has no service")
    if (service !== this.service) {
      if (type === "tenant.cache.invalidate") this.warn(`an invalidation is about ${service}`)
      return
    }
    switch (type) {
      case "tenant.service.associated":
      case "tenant.service.reactivated":
        return this.add(id, undefined)
      case "tenant.service.disassociated":
      case "tenant.service.suspended":
      case "tenant.service.purged":
        return this.remove(id)
      case "tenant.credentials.rotated":
      case "tenant.connections.updated":
      case "tenant.cache.invalidate":
        return this.touched(id, this.callbacks.connectionsChanged)
    }
  }

  /** Takes the parsed body of a list. */
  list(body: unknown): void {
    const elements: ReadonlyArray<unknown> = Array.isArray(body) ? body : []
    const listed = new Set<string>()
    for (const element of elements) {
      if (!isObject(element)) continue
      const id = canonicalId(element["id"])
      const { name, status } = element
      if (id === undefined) continue
      if (status !== undefined && status !== "" && status !== null && status !== "active") continue
      listed.add(id)
      this.add(id, typeof name === "string" ? name : undefined)
    }
    if (listed.size === this.tenants.size) return
    for (const id of this.tenants.keys()) if (!listed.has(id)) this.remove(id)
  }

  private add(id: string, name: string | undefined): void {
    if (this.tenants.has(id)) return
    const tenant = { id, name }
    this.tenants.set(id, tenant)
    this.cached = undefined
    this.callbacks.added?.(tenant)
  }

  private remove(id: string): void {
    const tenant = this.tenants.get(id)
    if (tenant === undefined) return
    this.tenants.delete(id)
    this.cached = undefined
    this.callbacks.removed?.(tenant)
  }

  private touched(id: string, tell: ((tenant: HandWrittenTenant) => void) | undefined): void {
    const tenant = this.tenants.get(id)
    if (tenant !== undefined) tell?.(tenant)
  }

  private warn(message: string): void {
    this.callbacks.warn?.(message)
  }
}
