/**
 * What is known of each slot's tenant, in columns.
 *
 * An object a tenant and event, in place of two numbers and what is rarely there, lives long
 * enough to be copied twice by the collector of young objects: at 10 000 events a second that,
 * with what `ownCopy` and `duplicates` save, was two fifths of the time of its pauses.
 */
import type { Tenant } from "../Tenant.js"
import type { RemovalCause } from "../TenantChange.js"
import type { ConnectionsReason } from "../TenantEvent.js"

/** What else happened to a tenant that is present, by the revisions at which it did; 0 where it did not. */
export interface Past {
  readonly _tag: "Past"
  /** Its last removal, before it came back, and why. */
  readonly removedAt: number
  readonly cause: RemovalCause | undefined
  readonly connectionsAt: number
  readonly reason: ConnectionsReason | undefined
  readonly updatedAt: number
}

/** Of a tenant that is present, its past, where it has one; of one that left, why. */
export type Note = Past | RemovalCause | undefined

export const noPast: Past = {
  _tag: "Past",
  removedAt: 0,
  cause: undefined,
  connectionsAt: 0,
  reason: undefined,
  updatedAt: 0
}

/** Of a tenant that is present. */
export const pastOf = (note: Note): Past => (note?._tag === "Past" ? note : noPast)

/** Why a tenant is not there any more, or was not for a while. */
export const causeOf = (note: Note): RemovalCause | undefined =>
  note?._tag === "Past" ? note.cause : note

/**
 * By slot: the tenant, `undefined` where it has an ID and no name; since when, the revision
 * at which it came or, negative, that at which it left; and a note.
 */
export class Slots {
  private constructor(
    private readonly tenants: Array<Tenant | undefined>,
    private readonly sinces: Array<number>,
    private readonly notes: Array<Note>
  ) {}

  static none(): Slots {
    return new Slots([], [], [])
  }

  /** Of tenants who all came at one revision. In arrays of just that length. */
  static of(tenants: ReadonlyArray<Tenant>, since: number): Slots {
    return new Slots(
      tenants.slice(),
      tenants.map(() => since),
      tenants.map(() => undefined)
    )
  }

  get length(): number {
    return this.sinces.length
  }

  tenantAt(slot: number): Tenant | undefined {
    return this.tenants[slot]
  }

  sinceAt(slot: number): number {
    const since = this.sinces[slot]
    if (since === undefined) throw new RangeError(`nothing in slot ${slot} of ${this.length}`)
    return since
  }

  noteAt(slot: number): Note {
    return this.notes[slot]
  }

  push(tenant: Tenant | undefined, since: number, note: Note): void {
    this.tenants.push(tenant)
    this.sinces.push(since)
    this.notes.push(note)
  }

  set(slot: number, tenant: Tenant | undefined, since: number, note: Note): void {
    this.tenants[slot] = tenant
    this.sinces[slot] = since
    this.notes[slot] = note
  }

  /** A copy, without the room that growing took in advance. */
  copy(): Slots {
    return new Slots(this.tenants.slice(), this.sinces.slice(), this.notes.slice())
  }

  /** A copy of some, in their order. */
  only(slots: ReadonlyArray<number>): Slots {
    return new Slots(
      slots.map((slot) => this.tenants[slot]),
      slots.map((slot) => this.sinceAt(slot)),
      slots.map((slot) => this.notes[slot])
    )
  }
}
