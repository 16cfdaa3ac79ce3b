/**
 * The tenant manager's lists and every way in which they go wrong, over the double
 * that the library gives to its users; and the account of who was asked when.
 */
import { Cause, Duration, Effect } from "effect"
import {
  TenantManagerCircuitOpen,
  TenantManagerRejected,
  type TenantId,
  type TenantManager,
  type TenantManagerError,
  TenantManagerTimedOut,
  TenantManagerUnauthorized
} from "../../src/index.js"
import { outage, type TestTenantManager } from "../../src/testing.js"
import type { Call, CallEnd, Knowledge } from "./Knowledge.js"
import type { Failure, Step } from "./story.js"
import type { VirtualTime } from "./virtualTime.js"

type Fault = Extract<Step, { readonly _tag: "ListsFail" | "ListsLack" | "ListsOld" }>

/** The client's own timeout: no list hangs longer than that. */
const CLIENT_TIMEOUT = 30_000
/** How long a tenant manager or an open circuit wants to be left alone. */
const KEEP_AWAY = 10_000

const operation = "GET /v1/tenants/active"
const message = "as the story says"

const errors: Record<Exclude<Failure, "Dies">, () => TenantManagerError> = {
  Outage: () => outage(),
  Throttled: () =>
    new TenantManagerRejected({
      operation,
      message,
      status: 429,
      retryAfter: Duration.millis(KEEP_AWAY)
    }),
  TenantManagerCircuitOpen: () =>
    new TenantManagerCircuitOpen({ operation, message, retryAfter: Duration.millis(KEEP_AWAY) }),
  TenantManagerUnauthorized: () => new TenantManagerUnauthorized({ operation, message }),
  Hangs: () =>
    new TenantManagerTimedOut({ operation, message, timeout: Duration.millis(CLIENT_TIMEOUT) })
}

export class Lists {
  readonly calls: Array<Call> = []
  readonly answers: Array<Call> = []
  underWay = 0
  mostUnderWay = 0
  /** Whether the discovery is still at its start; whether somebody waits for the next list. */
  starting = true
  awaited = false

  private script: Array<Fault> = []
  private delay = 0
  private snapshot: "Asked" | "Answered" = "Asked"
  private down = false

  constructor(
    private readonly known: Knowledge,
    private readonly time: VirtualTime,
    private readonly double: TestTenantManager["Type"]
  ) {}

  next(fault: Fault): void {
    for (let i = 0; i < fault.times; i++) this.script.push(fault)
    this.known.listsWell = false
  }

  slow(millis: number, snapshot: "Asked" | "Answered"): void {
    this.delay = millis
    this.snapshot = snapshot
    this.known.listsWell = false
  }

  away(): void {
    this.down = true
    this.known.listsWell = false
  }

  well(): void {
    this.script = []
    this.delay = 0
    this.down = false
    this.known.listsWell = true
  }

  /** What the discovery gets for a tenant manager. */
  watch(manager: TenantManager["Type"]): TenantManager["Type"] {
    return { ...manager, listActiveTenants: Effect.suspend(() => this.list(manager)) }
  }

  private list(manager: TenantManager["Type"]): TenantManager["Type"]["listActiveTenants"] {
    const call: Call = {
      startedAt: this.time.now,
      startedSeq: ++this.known.seq,
      urgent: this.awaited,
      starting: this.starting,
      honest: true,
      end: undefined
    }
    this.awaited = false
    this.calls.push(call)
    const fault = this.script.shift()
    const how = fault?._tag === "ListsFail" ? fault.how : this.down ? "Outage" : undefined
    const said = this.said(call, fault)
    const answer =
      how === undefined
        ? Effect.zipRight(said, manager.listActiveTenants)
        : this.failing(how, manager)
    const wait =
      how === "Hangs" ? CLIENT_TIMEOUT : how === "TenantManagerCircuitOpen" ? 0 : this.delay
    return Effect.acquireUseRelease(
      Effect.sync(() => {
        this.underWay++
        this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay)
      }),
      () => (wait > 0 ? Effect.delay(answer, wait) : answer),
      () =>
        Effect.sync(() => {
          this.underWay--
        })
    ).pipe(
      Effect.tap(({ tenants }) => {
        const ids = new Set(tenants.map(({ id }) => id))
        call.end = this.endedWith(ids, undefined)
        this.answers.push(call)
        this.known.answered(call, ids)
      }),
      Effect.tapErrorCause((cause) =>
        Effect.sync(() => {
          if (!Cause.isInterrupted(cause)) call.end = this.endedWith(undefined, how)
        })
      )
    )
  }

  /** Lets the double say what this list is to say. */
  private said(call: Call, fault: Fault | undefined): Effect.Effect<void> {
    const truth = this.known.truth
    const lie = fault === undefined ? undefined : this.lie(fault, truth)
    if (lie !== undefined) {
      call.honest = lie.size === truth.size && [...lie].every((id) => truth.has(id))
      return this.double.answer(lie)
    }
    // The double tells the truth at the moment it is asked: now, or at the end.
    return this.snapshot === "Asked" ? this.double.answer(truth) : Effect.void
  }

  private lie(fault: Fault, truth: ReadonlySet<TenantId>): ReadonlySet<TenantId> | undefined {
    switch (fault._tag) {
      case "ListsFail":
        return undefined
      case "ListsOld":
        return this.known.truthAt(this.time.now - fault.millis)
      case "ListsLack": {
        const count = Math.ceil(truth.size * fault.share)
        const all = [...truth]
        return new Set(fault.from === "Start" ? all.slice(0, count) : all.slice(all.length - count))
      }
    }
  }

  private failing(
    how: Failure,
    manager: TenantManager["Type"]
  ): TenantManager["Type"]["listActiveTenants"] {
    return how === "Dies"
      ? Effect.die(new Error("the client died"))
      : Effect.zipRight(this.double.fail(errors[how](), 1), manager.listActiveTenants)
  }

  private endedWith(tenants: ReadonlySet<TenantId> | undefined, how: Failure | undefined): CallEnd {
    const at = this.time.now
    const asked = how === "Throttled" || how === "TenantManagerCircuitOpen"
    return {
      at,
      wall: this.time.wall,
      tenants,
      keepAway: asked ? { until: at + KEEP_AWAY, urgentToo: how === "Throttled" } : undefined
    }
  }
}
