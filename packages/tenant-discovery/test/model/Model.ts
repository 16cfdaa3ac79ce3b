/**
 * The model: what is true, what the discovery was told of it, and about which tenants the
 * discovery can be wrong without a fault of its own.
 */
import { TenantId } from "../../src/index.js"
import { type Failure, TENANTS } from "./story.js"

export const idOf = (tenant: number): TenantId => TenantId.make(`t-${tenant}`)

export const allIds: ReadonlyArray<TenantId> = Array.from({ length: TENANTS }, (_, i) => idOf(i))

/** What a list answered. */
export interface ListAnswer {
  readonly tenants: ReadonlySet<TenantId>
  /** It has unreadable elements, or only elements that unknown statuses filter. */
  readonly incomplete: boolean
  /** It equals the truth of some moment between the request and the answer. */
  readonly honest: boolean
}

/** How a list ended. */
export interface ListEnd {
  readonly at: number
  /** The same on the wall clock; `lastListedAt` of the status is compared with it. */
  readonly wall: number
  /** `undefined` for a list that failed. */
  readonly answer: ListAnswer | undefined
  readonly failure: Failure | undefined
}

/** A list as the tenant manager sees it. */
export interface ListCall {
  readonly startedAt: number
  readonly startedSeq: number
  /** A caller of `refresh` waits for it. */
  readonly urgent: boolean
  /** It belongs to the start, which has a retry schedule of its own. */
  readonly starting: boolean
  /** The mode was `Live` when it began. */
  readonly wasLive: boolean
  end: ListEnd | undefined
}

export interface TenantState {
  active: boolean
  changedAt: number
  /** What the last event said that no later list can have contradicted. */
  lastEvent: "Added" | "Removed" | undefined
  /** When the last event arrived that adds or removes. */
  arrivedSeq: number
  /** When the last `tenant.activated` arrived. */
  activatedSeq: number
  /**
   * Since when the view can be wrong about it: an event was lost, late or old, or a list was
   * wrong. An honest list that begins later ends this.
   */
  uncertainSeq: number | undefined
  /** Its events between the server and the subscriber. */
  eventsInFlight: number
}

export class Model {
  /** Numbers everything that happens, to order what happens at one moment. */
  seq = 0
  /** `Silent`: the first subscription was neither acknowledged nor lost. */
  connection: "Silent" | "Subscribed" | "Lost" = "Silent"
  subscribedSeq = 0

  private readonly tenants = new Map<TenantId, TenantState>()
  private readonly past: Array<{ readonly at: number; readonly active: ReadonlySet<TenantId> }> = []
  private readonly arrivedEvents = new Set<string>()

  constructor(initial: ReadonlyArray<number>, now: number) {
    for (const [tenant, id] of allIds.entries()) {
      this.tenants.set(id, {
        active: initial.includes(tenant),
        changedAt: 0,
        lastEvent: undefined,
        arrivedSeq: 0,
        activatedSeq: 0,
        uncertainSeq: undefined,
        eventsInFlight: 0
      })
    }
    this.past.push({ at: now, active: this.active })
  }

  get subscribed(): boolean {
    return this.connection === "Subscribed"
  }

  get active(): ReadonlySet<TenantId> {
    return new Set(allIds.filter((id) => this.of(id).active))
  }

  activeAt(time: number): ReadonlySet<TenantId> {
    return (this.past.findLast(({ at }) => at <= time) ?? this.past[0])?.active ?? new Set()
  }

  of(id: TenantId): TenantState {
    const state = this.tenants.get(id)
    if (state === undefined) throw new RangeError(`the model has no tenant ${id}`)
    return state
  }

  change(id: TenantId, active: boolean, now: number): void {
    this.seq++
    const state = this.of(id)
    if (state.active === active) return
    state.active = active
    state.changedAt = now
    this.past.push({ at: now, active: this.active })
  }

  /** The discovery cannot know the tenant's state until a list tells it. */
  makeUncertain(id: TenantId): void {
    this.of(id).uncertainSeq = ++this.seq
  }

  /** Whether an event with this ID arrived before; remembers it. */
  isDuplicate(eventId: string): boolean {
    if (this.arrivedEvents.has(eventId)) return true
    this.arrivedEvents.add(eventId)
    return false
  }

  /** An event that is not a duplicate arrived at the discovery; it may be old. */
  eventArrived(id: TenantId, active: boolean): void {
    const state = this.of(id)
    state.arrivedSeq = ++this.seq
    state.lastEvent = active ? "Added" : "Removed"
    state.uncertainSeq = state.active === active ? undefined : state.arrivedSeq
  }

  subscribe(): void {
    this.connection = "Subscribed"
    this.subscribedSeq = ++this.seq
  }

  lose(): void {
    this.seq++
    this.connection = "Lost"
    for (const state of this.tenants.values()) state.eventsInFlight = 0
  }

  /** A list was answered. It decides about the tenants that no event named since it began. */
  listAnswered({ startedSeq }: ListCall, { honest, incomplete, tenants }: ListAnswer): void {
    this.seq++
    for (const [id, state] of this.tenants) {
      if (state.arrivedSeq > startedSeq) continue
      const lists = tenants.has(id)
      // An incomplete list removes none.
      const contradicted = lists ? "Removed" : incomplete ? undefined : "Added"
      if (state.lastEvent === contradicted) state.lastEvent = undefined
      if (!honest && lists !== state.active) state.uncertainSeq = this.seq
    }
  }
}
