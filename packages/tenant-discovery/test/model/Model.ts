/**
 * The model: what is true in the world, what of it has come to the discovery, and
 * what of that may be uncertain to it without any fault of its own.
 */
import { TenantId } from "../../src/index.js"
import { TENANTS } from "./story.js"

export const idOf = (tenant: number): TenantId => TenantId.make(`t-${tenant}`)

export const allIds: ReadonlyArray<TenantId> = Array.from({ length: TENANTS }, (_, i) => idOf(i))

/** How a call for a list ended: with tenants, or without and a wish to be left alone. */
export interface CallEnd {
  readonly at: number
  /** The same by the wall clock, to be known again in `lastListedAt`. */
  readonly wall: number
  readonly tenants: ReadonlySet<TenantId> | undefined
  /** Until then nobody may call, or nobody but who waits for it. */
  readonly keepAway: { readonly until: number; readonly urgentToo: boolean } | undefined
}

/** A list as the tenant manager knows it. */
export interface Call {
  readonly startedAt: number
  /** Counts whatever happened, to tell the order within one moment. */
  readonly startedSeq: number
  /** Somebody waits for it, so that it need not keep its distance. */
  readonly urgent: boolean
  /** At the start of the discovery, which retries by a rule of its own. */
  readonly starting: boolean
  /** Whether it tells what was true at some moment between question and answer. */
  honest: boolean
  end: CallEnd | undefined
}

/** What the model knows of a tenant. */
export interface Known {
  active: boolean
  changedAt: number
  /** What the last event that arrived said, as long as no later list can have said otherwise. */
  eventSaid: "Added" | "Removed" | undefined
  arrivedSeq: number
  /**
   * When the view of it last became uncertain: an event was lost or is late, an old
   * one came, or a list lied. A list that begins after it and is honest ends that.
   */
  taintedSeq: number | undefined
  /** How many of its events are between the server and the subscriber. */
  onTheLink: number
}

interface Moment {
  readonly at: number
  readonly active: ReadonlySet<TenantId>
}

export class Knowledge {
  /** Counts whatever happens. */
  seq = 0
  condition: "Silent" | "Subscribed" | "Lost" = "Silent"
  subscribedSeq = 0
  busWell = true
  listsWell = true
  readonly arrivedEvents = new Set<string>()

  private readonly tenants = new Map<TenantId, Known>()
  private readonly past: Array<Moment> = []

  constructor(initial: ReadonlyArray<number>, now: number) {
    for (const [tenant, id] of allIds.entries()) {
      this.tenants.set(id, {
        active: initial.includes(tenant),
        changedAt: 0,
        eventSaid: undefined,
        arrivedSeq: 0,
        taintedSeq: undefined,
        onTheLink: 0
      })
    }
    this.past.push({ at: now, active: this.truth })
  }

  get subscribed(): boolean {
    return this.condition === "Subscribed"
  }

  get truth(): ReadonlySet<TenantId> {
    return new Set(allIds.filter((id) => this.of(id).active))
  }

  truthAt(time: number): ReadonlySet<TenantId> {
    const then = this.past.findLast(({ at }) => at <= time) ?? this.past[0]
    if (then === undefined) throw new Error("the model has no past")
    return then.active
  }

  of(id: TenantId): Known {
    const known = this.tenants.get(id)
    if (known === undefined) throw new RangeError(`no tenant ${id} in the model`)
    return known
  }

  changed(id: TenantId, active: boolean, now: number): void {
    this.seq++
    const known = this.of(id)
    if (known.active === active) return
    known.active = active
    known.changedAt = now
    this.past.push({ at: now, active: this.truth })
  }

  /** The discovery cannot know the tenant's state from now on, until a list tells. */
  taint(id: TenantId): void {
    this.of(id).taintedSeq = ++this.seq
  }

  /** An event has come to the discovery, be it old or new. */
  arrived(id: TenantId, active: boolean): void {
    const known = this.of(id)
    known.arrivedSeq = ++this.seq
    known.eventSaid = active ? "Added" : "Removed"
    known.taintedSeq = known.active === active ? undefined : known.arrivedSeq
  }

  nowSubscribed(): void {
    this.condition = "Subscribed"
    this.subscribedSeq = ++this.seq
  }

  nowLost(): void {
    this.seq++
    this.condition = "Lost"
    for (const known of this.tenants.values()) known.onTheLink = 0
  }

  /** A list was answered: of whom no event told meanwhile, it may tell anything. */
  answered(call: Call, tenants: ReadonlySet<TenantId>): void {
    this.seq++
    for (const [id, known] of this.tenants) {
      if (known.arrivedSeq > call.startedSeq) continue
      if ((known.eventSaid === "Added") !== tenants.has(id)) known.eventSaid = undefined
      if (!call.honest) known.taintedSeq = this.seq
    }
  }
}
