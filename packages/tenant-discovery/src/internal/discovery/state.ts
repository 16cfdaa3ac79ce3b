/** The state of the discovery, its inputs and its commands: immutable values. */
import { type Deferred, HashSet } from "effect"
import type { DiscoveryStatus } from "../../DiscoveryStatus.js"
import type { TenantId } from "../../Tenant.js"
import type { LostCause } from "../../TenantEvents.js"
import type { TenantListing } from "../../TenantListing.js"
import type { TenantManagerError } from "../../TenantManagerError.js"
import { TenantView } from "../../TenantView.js"
import type { AppliedEvent, LogLine } from "../event/eventReader.js"
import type { Moment } from "../moment.js"
import { initialSchedule, type ListSchedule } from "./listSchedule.js"
import type { MissingCounts } from "./massRemovalGuard.js"
import type { DiscoverySettings } from "./settings.js"

/** What the service reads. */
export interface DiscoveryState {
  readonly view: TenantView
  readonly status: DiscoveryStatus
  /** The time of `view.asOf` on the monotonic clock, in milliseconds. */
  readonly asOf: number
  /** The discovery is closed: this is the last state. */
  readonly closed: boolean
}

/** A caller of `refresh`. */
export type RefreshWaiter = Deferred.Deferred<void, TenantManagerError>

/** A list that was requested and has not been answered. */
export interface ListInFlight {
  /** Monotonic milliseconds. */
  readonly startedAt: number
  /** The number of the subscription when the list began; `undefined` without one. */
  readonly subscription: number | undefined
  readonly wasLive: boolean
  /** Tenants that events named since the list began: the list does not decide about them. */
  readonly named: HashSet.HashSet<TenantId>
  /** Tenants that `tenant.activated` named before the list began: not drift if it finds them. */
  readonly activated: HashSet.HashSet<TenantId>
  readonly waiters: ReadonlyArray<RefreshWaiter>
}

/** The state of the service, and what only the reducer reads. */
export interface ReducerState extends DiscoveryState {
  readonly subscribed: boolean
  /** Counts the acknowledged subscriptions. */
  readonly subscription: number
  /** A list that began within this subscription was applied. */
  readonly reconciled: boolean
  readonly list: ListInFlight | undefined
  readonly lastListDuration: number
  /** Callers whose list has not begun. */
  readonly waiters: ReadonlyArray<RefreshWaiter>
  /** Callers whose list needs confirmation; the next list settles them, without urgency. */
  readonly waitersForConfirmation: ReadonlyArray<RefreshWaiter>
  /** Tenants that `tenant.activated` named since the last list began. */
  readonly activated: HashSet.HashSet<TenantId>
  /** Present tenants that the last lists lacked: the view may be wrong about them. */
  readonly missing: MissingCounts
  /** The reason why the last list removed no tenant, or a warning about it. */
  readonly listProblem: string | undefined
  readonly schedule: ListSchedule
  /** When the timer fires, in monotonic milliseconds. */
  readonly timerAt: number | undefined
}

export type Input =
  | { readonly _tag: "Events"; readonly events: ReadonlyArray<AppliedEvent> }
  | { readonly _tag: "Subscribed" }
  /** `sentAt`: when the answered heartbeat was sent, in monotonic nanoseconds. */
  | { readonly _tag: "Alive"; readonly sentAt: bigint }
  | { readonly _tag: "Lost"; readonly cause: LostCause }
  | { readonly _tag: "Listed"; readonly listing: TenantListing }
  | { readonly _tag: "ListFailed"; readonly error: TenantManagerError }
  | { readonly _tag: "Refresh"; readonly waiter: RefreshWaiter }
  /** The start is over: the first list is applied. */
  | { readonly _tag: "Started" }
  /** The listener met a defect: the view may be wrong. */
  | { readonly _tag: "Distrust" }
  | { readonly _tag: "TimerFired" }

export type Command =
  | { readonly _tag: "StartList" }
  /** `at`: monotonic milliseconds. `undefined` stops the timer. */
  | { readonly _tag: "ArmTimer"; readonly at: number | undefined }
  | ({ readonly _tag: "Log" } & LogLine)
  /** Transitions that a list found while the view was `Live` and that no event reported. */
  | { readonly _tag: "CountDrift"; readonly count: number }
  | {
      readonly _tag: "Settle"
      readonly waiters: ReadonlyArray<RefreshWaiter>
      readonly error: TenantManagerError | undefined
    }

/** The time of a batch, and the random number from 0 to 1 for its jitter. */
export interface Now extends Moment {
  readonly random: number
}

export interface Reduced {
  readonly state: ReducerState
  readonly commands: ReadonlyArray<Command>
}

export type Reducer = (
  settings: DiscoverySettings,
  state: ReducerState,
  inputs: ReadonlyArray<Input>,
  now: Now
) => Reduced

/** The state with this view, before any list or event. `now`: milliseconds since the epoch. */
export const stateOf = (service: string, view: TenantView, now: number): DiscoveryState => ({
  view,
  status: {
    service,
    mode: view.mode,
    since: now,
    lastListedAt: undefined,
    lastEventAt: undefined,
    lastError: undefined,
    tenantCount: view.size,
    awaitingRemoval: 0
  },
  asOf: 0,
  closed: false
})

export const initialState = (service: string, now: Moment): ReducerState => ({
  ...stateOf(service, TenantView.make(), now.wall),
  subscribed: false,
  subscription: 0,
  reconciled: false,
  list: undefined,
  lastListDuration: 0,
  waiters: [],
  waitersForConfirmation: [],
  activated: HashSet.empty(),
  missing: new Map(),
  listProblem: undefined,
  schedule: initialSchedule,
  timerAt: undefined
})
