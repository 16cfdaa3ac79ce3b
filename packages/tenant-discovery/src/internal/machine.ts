/**
 * What decides: takes signals, lists and requests, and says what the view and the
 * status are and when to list. Deterministic: time and chance are handed in, and
 * nothing here touches the world. The loop carries.
 */
import { Duration } from "effect"
import type { DiscoveryError, DiscoveryStatus } from "../DiscoveryStatus.js"
import type { TenantId } from "../Tenant.js"
import type { TenantChange } from "../TenantChange.js"
import type { LostCause, Signal } from "../TenantEvents.js"
import type { TenantListing } from "../TenantListing.js"
import { retryAfter, type TenantManagerError } from "../TenantManagerError.js"
import { type DiscoveryMode, TenantView } from "../TenantView.js"
import { EventReader, type Tally } from "./eventReader.js"
import type { EventSummary } from "./eventSummary.js"
import { ListSchedule } from "./listSchedule.js"
import { type Judgement, judge } from "./massRemoval.js"
import type { Notice } from "./notice.js"
import { ownId } from "./ownCopy.js"
import type { Settings } from "./settings.js"

/** A moment: `mono` for ages and waits, `wall` for people. Both in milliseconds. */
export interface Now {
  readonly mono: number
  readonly wall: number
}

export type Input<Waiter> =
  | Signal
  | { readonly _tag: "Listed"; readonly listing: TenantListing }
  | { readonly _tag: "ListFailed"; readonly error: TenantManagerError }
  /** Somebody wants a list that begins from now on, and waits for it. */
  | { readonly _tag: "Refresh"; readonly waiter: Waiter }
  /** The time that `nextListAt` named has come. */
  | { readonly _tag: "Wake" }

/** What a step leaves for the loop to carry out. */
export interface Effects<Waiter> {
  readonly notices: Array<Notice>
  readonly settled: Array<{
    readonly waiter: Waiter
    readonly error: TenantManagerError | undefined
  }>
  readonly tallies: Array<Tally>
  /** Batch by batch. */
  readonly events: Array<ReadonlyArray<EventSummary>>
  /** Transitions that a list found while the view was `Live`: what no event had told. */
  drift: number
}

interface ListUnderWay<Waiter> {
  readonly startedAt: number
  /** The subscription that was there when it began, if one was. */
  readonly subscription: number | undefined
  readonly wasLive: boolean
  /** Tenants that events told of since: the list has no say in them. */
  readonly decided: Set<TenantId>
  /** Tenants that `tenant.activated` named before it began: what it finds of them is no drift. */
  readonly hinted: ReadonlySet<TenantId>
  readonly waiters: ReadonlyArray<Waiter>
}

/** A list takes at most this share of the time when `tenant.activated` comes without end. */
const LIST_SHARE = 4

export class Machine<Waiter> {
  view = TenantView.empty
  status: DiscoveryStatus
  /** The monotonic time of `view.asOf`. */
  asOf = 0

  private readonly reader: EventReader
  private readonly schedule: ListSchedule
  private subscribed = false
  /** Counts the subscriptions, so that a list knows whether it began within this one. */
  private subscription = 0
  private reconciled = false
  private under: ListUnderWay<Waiter> | undefined
  private waiters: Array<Waiter> = []
  /** Those whose list was in doubt: the one that settles it serves them, in its own time. */
  private held: ReadonlyArray<Waiter> = []
  private hinted = new Set<TenantId>()
  private doubted: ReadonlySet<TenantId> | undefined
  private lastListDuration = 0
  private lastEventAt: number | undefined
  private effects: Effects<Waiter>

  constructor(
    private readonly service: string,
    private readonly settings: Settings,
    private readonly random: () => number,
    now: Now
  ) {
    this.reader = new EventReader(service, settings.environment, settings.duplicateWindow)
    this.schedule = new ListSchedule(settings, random)
    this.effects = nothing()
    this.status = {
      service,
      mode: "BootstrapOnly",
      since: now.wall,
      lastListedAt: undefined,
      lastEventAt: undefined,
      lastError: undefined,
      tenantCount: 0
    }
  }

  accept(inputs: ReadonlyArray<Input<Waiter>>, now: Now): void {
    for (const input of inputs) this.take(input, now)
    this.settle(now)
  }

  /** What is to be carried out since the last call. */
  takeEffects(): Effects<Waiter> {
    const { effects } = this
    this.effects = nothing()
    return effects
  }

  /** When to start a list, in monotonic milliseconds; `undefined` while one is under way or none is wanted. */
  nextListAt(now: Now): number | undefined {
    return this.under === undefined
      ? this.schedule.dueAt(now.mono, this.waiters.length > 0)
      : undefined
  }

  /** A list is asked for now: what is told of a tenant from here on is newer than it. */
  listStarted(now: Now): void {
    this.schedule.started(now.mono)
    this.under = {
      startedAt: now.mono,
      subscription: this.subscribed ? this.subscription : undefined,
      wasLive: this.mode === "Live",
      decided: new Set(),
      hinted: this.hinted,
      waiters: [...this.held, ...this.waiters]
    }
    this.held = []
    this.waiters = []
    this.hinted = new Set()
  }

  /** The first list is in: says how it goes on. */
  started(): void {
    const { lastError } = this.status
    this.note("Info", "tenants listed", { tenants: this.view.size, mode: this.mode })
    if (this.subscribed) return
    const why =
      lastError?._tag === "SubscriptionLost"
        ? lastError.cause.message
        : "nothing was heard of the subscription in time"
    this.note(
      "Warning",
      `no subscription to tenant events: ${why}; lists alone keep the tenants, and it is tried again`
    )
  }

  /** The end: nothing follows events any more. */
  closed(now: Now): void {
    this.subscribed = false
    this.settle(now)
  }

  /** Something went wrong inside: what is known may be wrong, and a list makes it good. */
  distrust(now: Now): void {
    this.schedule.want(now.mono + this.settings.relistBackoff)
  }

  /** Everybody who waits for a list, which will not come. */
  takeWaiters(): ReadonlyArray<Waiter> {
    const all = [...(this.under?.waiters ?? []), ...this.held, ...this.waiters]
    this.held = []
    this.waiters = []
    this.under = undefined
    return all
  }

  private get mode(): DiscoveryMode {
    return this.subscribed ? (this.reconciled ? "Live" : "Resyncing") : "BootstrapOnly"
  }

  private take(input: Input<Waiter>, now: Now): void {
    switch (input._tag) {
      case "Messages":
        return this.onMessages(input.messages, now)
      case "Subscribed":
        return this.onSubscribed(now)
      case "Alive":
        return this.onAlive(Number(input.sentAt) / 1e6, now)
      case "Lost":
        return this.onLost(input.cause, now)
      case "Listed":
        return this.onListed(input.listing, now)
      case "ListFailed":
        return this.onListFailed(input.error, now)
      case "Refresh":
        this.waiters.push(input.waiter)
        return
      case "Wake":
        return
    }
  }

  private onMessages(messages: ReadonlyArray<string>, now: Now): void {
    const { directives, events, notices, tally } = this.reader.read(messages)
    this.effects.tallies.push(tally)
    if (notices.length > 0) this.effects.notices.push(...notices)
    if (directives.length === 0) return
    this.view = TenantView.applyEvents(this.view, directives)
    this.effects.events.push(events)
    for (const directive of directives) {
      if (directive._tag === "Relist") this.onActivated(directive.tenantId, now)
      else if (directive._tag === "Add" || directive._tag === "Remove") {
        this.under?.decided.add(ownId(directive.tenantId))
      }
    }
    this.lastEventAt = now.wall
  }

  private onActivated(tenantId: TenantId, now: Now): void {
    this.schedule.want(now.mono + this.debounce)
    // Bounded while lists fail; past it a finding counts as drift.
    if (this.hinted.size < this.settings.duplicateWindow) this.hinted.add(ownId(tenantId))
  }

  private get debounce(): number {
    return Math.max(this.settings.relistDebounce, this.lastListDuration * LIST_SHARE)
  }

  private onSubscribed(now: Now): void {
    this.subscribed = true
    this.subscription++
    this.reconciled = false
    this.schedule.want(now.mono)
  }

  private onAlive(sentAt: number, now: Now): void {
    // A list in doubt says that the view may be wrong: no heartbeat proves the contrary.
    if (this.mode === "Live" && this.doubted === undefined) this.knownAsOf(sentAt, now)
  }

  private onLost(cause: LostCause, now: Now): void {
    this.failed({ _tag: "SubscriptionLost", at: now.wall, cause })
    if (!this.subscribed) return
    this.subscribed = false
    this.reconciled = false
    this.schedule.want(now.mono + this.jittered(this.settings.bootstrapOnlyInterval))
    this.note("Warning", `lost the subscription to tenant events: ${cause.message}; will retry`, {
      cause: cause._tag
    })
  }

  private onListed(listing: TenantListing, now: Now): void {
    const list = this.under
    if (list === undefined) return
    this.under = undefined
    this.lastListDuration = now.mono - list.startedAt
    if (this.schedule.failures > 0) this.note("Info", "the tenant manager lists tenants again")
    this.schedule.succeeded()
    const judgement = this.takeOver(listing, list)
    if (judgement.doubted === undefined) {
      this.knownAsOf(list.startedAt, now)
      this.status = { ...this.status, lastListedAt: now.wall }
      if (this.subscribed && list.subscription === this.subscription) this.reconciled = true
      this.wantNext(now)
      for (const waiter of list.waiters) this.effects.settled.push({ waiter, error: undefined })
    } else {
      this.schedule.want(now.mono + this.settings.confirmAfter)
      this.held = list.waiters
    }
    this.doubted = judgement.doubted
  }

  private takeOver(listing: TenantListing, list: ListUnderWay<Waiter>): Judgement {
    const before = this.view
    let judgement: Judgement = { believed: [], doubted: undefined }
    this.view = TenantView.applyListing(before, listing.tenants, {
      decided: list.decided,
      judge: (missing, size) => {
        judgement = judge(missing, size, this.doubted, this.settings)
        return judgement.believed
      }
    }).view
    if (judgement.doubted !== undefined) {
      this.note("Warning", "a list lacks too many tenants to be believed at once; asking again", {
        missing: judgement.doubted.size,
        tenants: before.size
      })
    }
    if (list.wasLive && this.view !== before) {
      const found = TenantView.diff(before, this.view).filter(
        (change) => isTransition(change) && !list.hinted.has(change.tenant.id)
      ).length
      this.effects.drift += found
      if (found > 0) this.note("Info", "a list found what no event had told", { drift: found })
    }
    return judgement
  }

  private wantNext(now: Now): void {
    const { bootstrapOnlyInterval, reconcileInterval } = this.settings
    const interval = this.subscribed ? reconcileInterval : bootstrapOnlyInterval
    if (interval > 0) this.schedule.want(now.mono + this.jittered(interval))
  }

  private onListFailed(error: TenantManagerError, now: Now): void {
    const list = this.under
    if (list === undefined) return
    this.under = undefined
    for (const id of list.hinted) this.hinted.add(id)
    const wait = Duration.toMillis(retryAfter(error) ?? Duration.zero)
    const refused = error._tag === "TenantManagerCircuitOpen"
    this.schedule.failed(now.mono, { asked: refused ? 0 : wait, hopeless: refused ? wait : 0 })
    this.failed({ _tag: "ListFailed", at: now.wall, error })
    if (this.schedule.failures === 1) {
      this.note("Warning", `could not list the tenants: ${error.message}; will retry`, {
        error: error._tag
      })
    }
    for (const waiter of list.waiters) this.effects.settled.push({ waiter, error })
  }

  private knownAsOf(mono: number, now: Now): void {
    if (mono <= this.asOf) return
    this.asOf = mono
    this.view = TenantView.as(this.view, this.view.mode, now.wall - (now.mono - mono))
  }

  private settle(now: Now): void {
    const { mode } = this
    this.view = TenantView.as(this.view, mode, this.view.asOf)
    const { lastEventAt, status } = this
    const tenantCount = this.view.size
    if (mode !== status.mode) {
      this.status = { ...status, mode, since: now.wall, lastEventAt, tenantCount }
      if (mode === "Live") this.note("Info", "following tenant events", { tenants: tenantCount })
    } else if (status.tenantCount !== tenantCount || status.lastEventAt !== lastEventAt) {
      const { lastError, lastListedAt, since } = status
      this.status = {
        service: status.service,
        mode,
        since,
        lastListedAt,
        lastEventAt,
        lastError,
        tenantCount
      }
    }
  }

  private failed(lastError: DiscoveryError): void {
    this.status = { ...this.status, lastError }
  }

  private jittered(interval: number): number {
    return interval * (1 + this.settings.reconcileJitter * (2 * this.random() - 1))
  }

  private note(
    level: Notice["level"],
    message: string,
    fields: Readonly<Record<string, unknown>> = {}
  ): void {
    this.effects.notices.push({ level, message, fields: { service: this.service, ...fields } })
  }
}

const nothing = <Waiter>(): Effects<Waiter> => ({
  notices: [],
  settled: [],
  tallies: [],
  events: [],
  drift: 0
})

/** A name that only a list tells is no drift: no event carries one. */
const isTransition = ({ _tag }: TenantChange): boolean => _tag === "Added" || _tag === "Removed"
