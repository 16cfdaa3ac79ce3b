import { randomUUID } from "node:crypto"

export interface ModuleSettings {
  readonly maxOpenConns?: number
  readonly maxIdleConns?: number
  readonly statementTimeout?: string
}

export type AssociationStatus = "active" | "suspended" | "purged"

export interface Association {
  status: AssociationStatus
  /** The number of rotations; part of every password. */
  generation: number
  modules: ReadonlyMap<string, ModuleSettings>
  overrides: Readonly<Record<string, unknown>>
  updatedAt: number
}

export interface TenantRecord {
  /** The spelling in lists. */
  readonly storedId: string
  readonly id: string
  name: string | undefined
  readonly slug: string
  status: "active" | "suspended"
  readonly associations: Map<string, Association>
}

// Shared: there may be a million tenants.
const noModules: ReadonlyMap<string, ModuleSettings> = new Map()
const noOverrides: Readonly<Record<string, unknown>> = {}

const validId = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,255}$/
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

/** The 32 lower-case digits of a UUID in any spelling; any other valid ID unchanged. */
export const canonicalId = (id: string): string | undefined =>
  uuid.test(id) ? id.replaceAll("-", "").toLowerCase() : validId.test(id) ? id : undefined

/** An ID: in turn a dashed, an upper-case, a plain UUID and another ID. */
export const inventId = (index: number): string => {
  const dashed = randomUUID()
  switch (index % 4) {
    case 0:
      return dashed
    case 1:
      return dashed.toUpperCase()
    case 2:
      return dashed.replaceAll("-", "")
    default:
      return `org_${dashed.slice(0, 8)}_${index}`
  }
}

/** The state of the tenant manager, without I/O and without a clock. */
export class Store {
  readonly tenants = new Map<string, TenantRecord>()
  private readonly bodies = new Map<string, Buffer>()

  find(id: string): TenantRecord | undefined {
    const canonical = canonicalId(id)
    return canonical === undefined ? undefined : this.tenants.get(canonical)
  }

  add(record: TenantRecord): void {
    this.tenants.set(record.id, record)
    this.changed()
  }

  delete(id: string): void {
    this.tenants.delete(id)
    this.changed()
  }

  associate(record: TenantRecord, service: string, now: number): Association {
    const association: Association = {
      status: "active",
      generation: (record.associations.get(service)?.generation ?? 0) + 1,
      modules: noModules,
      overrides: noOverrides,
      updatedAt: now
    }
    record.associations.set(service, association)
    this.changed()
    return association
  }

  /** Call it after each change of a record in place. */
  changed(): void {
    this.bodies.clear()
  }

  activeRecords(service: string): Array<TenantRecord> {
    const active: Array<TenantRecord> = []
    for (const record of this.tenants.values()) {
      if (record.status === "active" && record.associations.get(service)?.status === "active") {
        active.push(record)
      }
    }
    return active
  }

  /** The body of a list, cached until the next change. */
  listBody(service: string): Buffer {
    const known = this.bodies.get(service)
    if (known !== undefined) return known
    const body = Buffer.from(`[${this.activeRecords(service).map(listElement).join(",")}]\n`)
    this.bodies.set(service, body)
    return body
  }
}

/** An element of a list; without a name it has the ID only. */
export const listElement = (record: TenantRecord): string => {
  const id = JSON.stringify(record.storedId)
  return record.name === undefined
    ? `{"id":${id}}`
    : `{"id":${id},"name":${JSON.stringify(record.name)},"tenantSlug":${JSON.stringify(record.slug)},"status":"active"}`
}
