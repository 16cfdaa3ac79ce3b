/** The tenant manager: its lists, every way in which they go wrong, and a record of the calls. */
import { Cause, Duration, Effect } from "effect"
import {
  type TenantId,
  type TenantListing,
  type TenantManager,
  TenantManagerCircuitOpen,
  type TenantManagerError,
  TenantManagerNotFound,
  TenantManagerRejected,
  TenantManagerTimedOut,
  TenantManagerUnauthorized,
  type TenantView
} from "../../src/index.js"
import { outage } from "../../src/testing.js"
import type { ListAnswer, ListCall, Model } from "./Model.js"
import type { Failure, Omission, Step } from "./story.js"
import type { VirtualTime } from "./VirtualTime.js"

type Fault = Extract<Step, { readonly _tag: "FailLists" | "OmitFromLists" | "OutdateLists" }>
type ListEffect = TenantManager["Type"]["listActiveTenants"]

type Answer = ListAnswer & { readonly listing: TenantListing }

/** The timeout of the client: no list takes longer. */
const CLIENT_TIMEOUT = 30_000
/** How long a throttling tenant manager or an open circuit allows no call. */
export const RETRY_AFTER = 10_000

export const SERVICE = "ledger"
const operation = "GET /v1/tenants/active"
const message = "as the story says"
const retryAfter = Duration.millis(RETRY_AFTER)

const outOfTime = { operation, message, timeout: Duration.millis(CLIENT_TIMEOUT) }
const failures: Record<Failure, Effect.Effect<never, TenantManagerError>> = {
  Outage: Effect.fail(outage()),
  Throttled: Effect.fail(
    new TenantManagerRejected({ operation, message, status: 429, retryAfter })
  ),
  CircuitOpen: Effect.fail(new TenantManagerCircuitOpen({ operation, message, retryAfter })),
  Unauthorized: Effect.fail(new TenantManagerUnauthorized({ operation, message })),
  Hangs: Effect.fail(new TenantManagerTimedOut(outOfTime)),
  Defect: Effect.die(new Error("the client threw"))
}

const statuses: { readonly [How in Omission]?: string } = {
  UnknownStatus: "ACTIVE_V2",
  InactiveStatus: "Suspended"
}

/** The list as the client decodes it. `Incomplete`: another client, which gives no reason. */
const answerOf = (ids: ReadonlyArray<TenantId>, omitted: number, omission: Omission) => {
  const skipped = omission === "Unreadable" ? omitted : 0
  const status = omitted > 0 ? statuses[omission] : undefined
  const isFiltered = omission === "UnknownStatus" && ids.length === 0
  const complete = omitted === 0 || !(isFiltered || ["Unreadable", "Incomplete"].includes(omission))
  const listing: TenantListing = {
    tenants: ids.map((id) => ({ id, name: undefined })),
    skipped,
    firstSkipped: skipped > 0 ? { index: 0, reason: "expected an object" } : undefined,
    inactive: new Map(status === undefined ? [] : [[status, omitted]]),
    complete
  }
  return { listing, tenants: new Set(ids), incomplete: !complete }
}

/** A call that was answered, and the view before. */
export interface UncheckedAnswer {
  readonly call: ListCall
  readonly before: TenantView | undefined
}

export class ListServer {
  readonly calls: Array<ListCall> = []
  /** The calls that were answered. */
  readonly answered: Array<ListCall> = []
  /** Answers whose effect on the view no law has checked yet. */
  unchecked: Array<UncheckedAnswer> = []
  inFlight = 0
  mostInFlight = 0
  /** The discovery is starting. */
  starting = true
  /** A caller of `refresh` waits for the next list. */
  urgent = false
  readonly manager: TenantManager["Type"] = {
    service: SERVICE,
    listActiveTenants: Effect.suspend(() => this.list()),
    getConnections: () => Effect.fail(new TenantManagerNotFound({ operation, message }))
  }

  private faults: Array<Fault> = []
  private delay = 0
  private snapshot: "Request" | "Answer" = "Request"

  constructor(
    private readonly model: Model,
    private readonly time: VirtualTime,
    private readonly currentView: () => TenantView | undefined
  ) {}

  addFault(fault: Fault): void {
    for (let i = 0; i < fault.times; i++) this.faults.push(fault)
  }

  delayBy(millis: number, snapshot: "Request" | "Answer"): void {
    this.delay = millis
    this.snapshot = snapshot
  }

  repair(): void {
    this.faults = []
    this.delay = 0
  }

  /** How many present tenants the last list lacks, without those that an event named since. */
  awaitingRemoval({ ids }: TenantView): number {
    const last = this.answered.at(-1)
    const lacks = (id: TenantId) => last?.end?.answer?.tenants.has(id) === false
    const isOlder = (id: TenantId) => this.model.of(id).arrivedSeq < (last?.startedSeq ?? 0)
    return ids.filter((id) => lacks(id) && isOlder(id)).length
  }

  private list(): ListEffect {
    const call: ListCall = {
      startedAt: this.time.now,
      startedSeq: ++this.model.seq,
      urgent: this.urgent,
      starting: this.starting,
      wasLive: this.currentView()?.mode === "Live",
      end: undefined
    }
    this.urgent = false
    this.calls.push(call)
    const fault = this.faults.shift()
    const failure = fault?._tag === "FailLists" ? fault.failure : undefined
    const wait = failure === "Hangs" ? CLIENT_TIMEOUT : failure === "CircuitOpen" ? 0 : this.delay
    const end = failure === undefined ? this.answering(call, fault) : this.failing(call, failure)
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        this.inFlight++
        this.mostInFlight = Math.max(this.mostInFlight, this.inFlight)
      }),
      () => (wait > 0 ? Effect.delay(end, wait) : end),
      () => Effect.sync(() => this.inFlight--)
    )
  }

  private answering(call: ListCall, fault: Fault | undefined): ListEffect {
    const isWrong = fault !== undefined && fault._tag !== "FailLists"
    const atRequest = this.answerTo(fault)
    const isLate = !isWrong && this.snapshot === "Answer"
    return Effect.sync(() => {
      const answer = isLate ? this.answerTo(undefined) : atRequest
      call.end = { at: this.time.now, wall: this.time.wall, answer, failure: undefined }
      this.unchecked.push({ call, before: this.currentView() })
      this.answered.push(call)
      this.model.listAnswered(call, answer)
      return answer.listing
    })
  }

  private failing(call: ListCall, failure: Failure): ListEffect {
    return Effect.tapErrorCause(failures[failure], (cause) =>
      Effect.sync(() => {
        if (Cause.isInterrupted(cause)) return
        call.end = { at: this.time.now, wall: this.time.wall, answer: undefined, failure }
      })
    )
  }

  private answerTo(fault: Fault | undefined): Answer {
    const active = [...this.model.active]
    const listed = this.listed(active, fault)
    const omission = fault?._tag === "OmitFromLists" ? fault.omission : "Absent"
    const omitted = fault?._tag === "OmitFromLists" ? active.length - listed.length : 0
    return { ...answerOf(listed, omitted, omission), honest: listed.join() === active.join() }
  }

  private listed(
    active: ReadonlyArray<TenantId>,
    fault: Fault | undefined
  ): ReadonlyArray<TenantId> {
    if (fault?._tag === "OutdateLists") {
      return [...this.model.activeAt(this.time.now - fault.millis)]
    }
    if (fault?._tag !== "OmitFromLists") return active
    const count = Math.ceil(active.length * fault.share)
    return fault.from === "Start" ? active.slice(0, count) : active.slice(active.length - count)
  }
}
