/**
 * The real discovery in virtual time over the doubles of its edges, and what the
 * model knows of the world around it.
 */
import { Context, Effect, Exit, type Fiber, Layer, Scope, Stream } from "effect"
import {
  type DiscoveryStatus,
  type TenantChange,
  TenantDiscovery,
  TenantId,
  TenantManager,
  TenantView
} from "../../src/index.js"
import { outage, TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { type History, type Step, TENANTS } from "./story.js"
import { VirtualTime } from "./virtualTime.js"

const SERVICE = "ledger"

export const allIds: ReadonlyArray<TenantId> = Array.from({ length: TENANTS }, (_, i) =>
  TenantId.make(`t-${i}`)
)

const idOf = (tenant: number): TenantId => TenantId.make(`t-${tenant}`)

/** A list as the tenant manager knows it. */
export interface Call {
  readonly startedAt: number
  /** Counts whatever happened, to tell the order within one moment. */
  readonly startedSeq: number
  readonly honest: boolean
  end: { readonly at: number; readonly tenants: ReadonlySet<TenantId> | undefined } | undefined
}

/** What a reader was told, and how many lists had answered by then. */
export interface Told {
  readonly change: TenantChange
  readonly answered: number
}

/** What the model knows of a tenant. */
export interface Knowledge {
  active: boolean
  changedAt: number
  /** The last thing an event that arrived said, while nothing has happened since. */
  eventSaid: "Added" | "Removed" | undefined
  /** When a lie or a lost event last made the view of it uncertain. */
  taintedSeq: number | undefined
}

export class World {
  readonly time = new VirtualTime("the same jitter each time")
  readonly tenants = new Map<TenantId, Knowledge>()
  readonly calls: Array<Call> = []
  readonly answers: Array<Call> = []
  readonly quick: Array<Told> = []
  readonly handled: Array<string> = []
  /** What the quick reader makes of what it was told, and the first thing that did not fit. */
  readonly present = new Set<TenantId>()
  outOfTurn: string | undefined
  /** Something that was told though nothing had changed. */
  toldInVain: string | undefined
  slowView = TenantView.empty
  discovery: TenantDiscovery["Type"] | undefined
  subscribed = false
  subscribedSeq = 0
  refreshes = 0
  seq = 0

  private readonly scope: Scope.CloseableScope
  private readonly readers: Scope.CloseableScope
  private readonly events: TestTenantEvents["Type"]
  readonly manager: TestTenantManager["Type"]
  private readonly starting: Fiber.RuntimeFiber<TenantDiscovery["Type"], unknown>
  private lies = 0

  constructor(readonly history: History) {
    const { time } = this
    this.scope = time.run(Scope.make())
    this.readers = time.run(Scope.make())
    const edges = time.run(
      Layer.buildWithScope(
        Layer.mergeAll(
          TestTenantEvents.layer({ auto: history.auto }),
          TestTenantManager.layer({
            service: SERVICE,
            tenants: history.initial.map((i) => `t-${i}`)
          })
        ),
        this.scope
      )
    )
    this.events = Context.get(edges, TestTenantEvents)
    this.manager = Context.get(edges, TestTenantManager)
    for (const id of allIds) {
      this.tenants.set(id, {
        active: history.initial.some((i) => idOf(i) === id),
        changedAt: 0,
        eventSaid: undefined,
        taintedSeq: undefined
      })
    }
    const watched = Context.add(edges, TenantManager, this.watch(Context.get(edges, TenantManager)))
    if (history.auto) this.nowSubscribed()
    this.starting = time.start(
      Layer.buildWithScope(TenantDiscovery.layer(), this.scope).pipe(
        Effect.map((context) => Context.get(context, TenantDiscovery)),
        Effect.provide(watched)
      )
    )
  }

  get truth(): ReadonlySet<TenantId> {
    return new Set(allIds.filter((id) => this.of(id).active))
  }

  of(id: TenantId): Knowledge {
    const known = this.tenants.get(id)
    if (known === undefined) throw new RangeError(`no tenant ${id} in the model`)
    return known
  }

  /** The view and the status now, once there are any. To be called when all is quiet. */
  look(): { readonly view: TenantView; readonly status: DiscoveryStatus } | undefined {
    const { time } = this
    const exit = this.discovery === undefined ? this.starting.unsafePoll() : null
    // The readers begin while nothing moves: what they then know is what the view has.
    if (exit?._tag === "Success") time.run(this.attach(exit.value))
    const { discovery } = this
    return discovery === undefined
      ? undefined
      : time.run(Effect.all({ view: discovery.view.get, status: discovery.status.get }))
  }

  do(step: Step, quiet: () => void): void {
    this.seq++
    // No two steps at one moment: what came first is plain.
    this.time.pass(1, quiet)
    switch (step._tag) {
      case "Associate":
      case "Suspend":
        this.change(idOf(step.tenant), step._tag === "Associate", step.delivery)
        break
      case "Activate":
        this.activate(idOf(step.tenant))
        break
      case "Rotate":
        this.tell(TestEvent.credentialsRotated(idOf(step.tenant), SERVICE))
        break
      case "Garbage":
        this.time.run(this.events.send("garbage", "{}", '{"event_type":7}'))
        break
      case "Lose":
        this.subscribed = false
        this.time.run(this.events.lose())
        break
      case "Subscribe":
        if (!this.subscribed) this.nowSubscribed()
        this.time.run(this.events.subscribed)
        break
      case "Heartbeat":
        this.time.run(this.events.alive)
        break
      case "Refresh":
        this.refresh()
        break
      case "ListsFail":
        this.time.run(this.manager.fail(outage(), step.times))
        break
      case "ListsSlow":
        this.time.run(this.manager.delay(step.millis))
        break
      case "ListLies":
        this.lie(step.share, step.times)
        break
      case "ListsWell":
        this.lies = 0
        this.time.run(this.manager.recover)
        break
      case "Wait":
        this.time.pass(step.millis, quiet)
        break
    }
    this.time.settle()
    quiet()
  }

  close(): void {
    this.time.stop(this.starting)
    this.time.run(Scope.close(this.scope, Exit.void))
  }

  /** After the close: whatever the model itself still has running. */
  closeReaders(): void {
    this.time.run(Scope.close(this.readers, Exit.void))
  }

  /** What a publisher and a server do when nobody listens any more. */
  shout(): void {
    this.time.run(this.events.send(TestEvent.associated("late", SERVICE)))
    this.time.run(this.events.lose())
    this.time.run(this.events.subscribed)
  }

  /** Law 2: a start may fail, and is over then. */
  get failedToStart(): boolean {
    return this.starting.unsafePoll()?._tag === "Failure"
  }

  get subscriptions(): number {
    return this.time.run(this.events.subscriptions)
  }

  private nowSubscribed(): void {
    this.subscribed = true
    this.subscribedSeq = ++this.seq
  }

  private tell(event: TestEvent.ContractEvent): void {
    this.time.run(this.events.send(event))
  }

  private change(id: TenantId, active: boolean, delivery: "Once" | "Lost" | "Twice"): void {
    const known = this.of(id)
    const nothingNew = known.active === active && this.present.has(id) === active
    const toldBefore = this.quick.length
    if (known.active !== active) known.changedAt = this.time.now
    known.active = active
    known.eventSaid = undefined
    this.time.run(active ? this.manager.add(id) : this.manager.remove(id))
    if (delivery === "Lost") {
      known.taintedSeq = this.seq
      return
    }
    const event = (active ? TestEvent.associated : TestEvent.suspended)(id, SERVICE)
    if (this.subscribed) {
      known.eventSaid = active ? "Added" : "Removed"
      known.taintedSeq = undefined
    }
    this.tell(event)
    if (delivery === "Twice") this.tell(event)
    if (nothingNew && this.discovery !== undefined && this.quick.length > toldBefore) {
      this.toldInVain ??= `${id} was told of, though nothing had changed`
    }
  }

  private activate(id: TenantId): void {
    const known = this.of(id)
    if (!known.active) known.changedAt = this.time.now
    known.active = true
    known.eventSaid = undefined
    known.taintedSeq = this.seq
    this.time.run(this.manager.add(id))
    this.tell(TestEvent.tenantActivated(id))
  }

  private lie(share: number, times: number): void {
    const some = [...this.truth].slice(0, Math.ceil(this.truth.size * share))
    this.lies += times
    this.time.run(this.manager.answer(some, times))
  }

  private refresh(): void {
    if (this.discovery === undefined) return
    this.refreshes++
    this.time.start(Effect.ignore(this.discovery.refresh))
  }

  private watch(manager: TenantManager["Type"]): TenantManager["Type"] {
    return {
      ...manager,
      listActiveTenants: Effect.suspend(() => {
        const call: Call = {
          startedAt: this.time.now,
          startedSeq: ++this.seq,
          // Lies are scripted, and so before whatever stands; a failure may be the first of the script.
          honest: this.lies === 0,
          end: undefined
        }
        this.calls.push(call)
        return manager.listActiveTenants.pipe(
          Effect.tap(({ tenants }) => {
            const ids = new Set(tenants.map(({ id }) => id))
            call.end = { at: this.time.now, tenants: ids }
            this.answers.push(call)
            if (!call.honest) this.deceived()
          }),
          Effect.tapError(() =>
            Effect.sync(() => {
              call.end = { at: this.time.now, tenants: undefined }
            })
          )
        )
      })
    }
  }

  /** A list may have told anything of anybody. */
  private deceived(): void {
    this.seq++
    if (this.lies > 0) this.lies--
    for (const known of this.tenants.values()) {
      known.taintedSeq = this.seq
      known.eventSaid = undefined
    }
  }

  private read(change: TenantChange): void {
    this.quick.push({ change, answered: this.answers.length })
    const { id } = change.tenant
    if (this.present.has(id) !== (change._tag !== "Added")) {
      this.outOfTurn ??= `${change._tag} of ${id}, which is ${this.present.has(id) ? "there" : "not there"}`
    }
    if (change._tag === "Added") this.present.add(id)
    if (change._tag === "Removed") this.present.delete(id)
  }

  private attach(discovery: TenantDiscovery["Type"]): Effect.Effect<void> {
    return Effect.gen(this, function* () {
      yield* discovery.view.get.pipe(
        Effect.tap((seen) =>
          Effect.sync(() => {
            for (const tenant of seen.tenants) this.read({ _tag: "Added", tenant })
          })
        ),
        Effect.zipRight(
          Stream.runForEach(discovery.changes, (change) => Effect.sync(() => this.read(change)))
        ),
        Effect.forkIn(this.readers)
      )
      yield* discovery.view.get.pipe(
        Effect.tap((seen) =>
          Effect.sync(() => {
            this.slowView = seen
          })
        ),
        Effect.zipRight(
          Stream.runForEach(discovery.changes, (change) =>
            Effect.zipRight(
              Effect.sync(() => {
                this.slowView = TenantView.applyChanges(this.slowView, [change])
              }),
              Effect.sleep(this.history.slowness)
            )
          )
        ),
        Effect.forkIn(this.readers)
      )
      yield* discovery
        .onTenantAdded(({ id }) =>
          Effect.zipRight(
            Effect.sync(() => this.handled.push(`+${id}`)),
            Effect.sleep(this.history.slowness)
          )
        )
        .pipe(Scope.extend(this.readers))
      yield* discovery
        .onTenantRemoved(({ id }) => Effect.sync(() => this.handled.push(`-${id}`)))
        .pipe(Scope.extend(this.readers))
      this.discovery = discovery
    })
  }
}
