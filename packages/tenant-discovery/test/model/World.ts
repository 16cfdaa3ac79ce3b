/**
 * The real discovery in virtual time over the doubles of its edges, in a world to
 * which anything may happen.
 */
import { Context, Effect, type Either, Exit, type Fiber, Layer, Scope, Supervisor } from "effect"
import {
  TenantDiscovery,
  type TenantId,
  TenantManager,
  type TenantManagerError
} from "../../src/index.js"
import { TestEvent, TestTenantEvents, TestTenantManager } from "../../src/testing.js"
import { Audience } from "./Audience.js"
import { Bus } from "./Bus.js"
import { idOf, Knowledge } from "./Knowledge.js"
import { Lists } from "./Lists.js"
import { Proofs, type Seen } from "./Proofs.js"
import type { Channel, Delivery, Start, Step } from "./story.js"
import { VirtualTime } from "./virtualTime.js"

const SERVICE = "ledger"

/** The fibers of the discovery that run. */
class Alive extends Supervisor.AbstractSupervisor<number> {
  private readonly fibers = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  readonly value = Effect.sync(() => this.fibers.size)

  get count(): number {
    return this.fibers.size
  }

  override onStart<A, E, R>(
    _context: Context.Context<R>,
    _effect: Effect.Effect<A, E, R>,
    _parent: unknown,
    fiber: Fiber.RuntimeFiber<A, E>
  ): void {
    this.fibers.add(fiber)
  }

  override onEnd<A, E>(_exit: Exit.Exit<A, E>, fiber: Fiber.RuntimeFiber<A, E>): void {
    this.fibers.delete(fiber)
  }
}

/** A refresh that somebody waits for. */
export interface Refresh {
  readonly at: number
  readonly fiber: Fiber.RuntimeFiber<Either.Either<void, TenantManagerError>>
}

export class World {
  readonly time: VirtualTime
  readonly known: Knowledge
  readonly bus: Bus
  readonly lists: Lists
  readonly proofs: Proofs
  /** The steps that were taken. */
  readonly taken: Array<Step> = []
  discovery: TenantDiscovery["Type"] | undefined
  audience: Audience | undefined
  refreshes: Array<Refresh> = []
  /** The first event after which the quick reader was told something else than it said. */
  misled: string | undefined

  private readonly alive = new Alive()
  private readonly scope: Scope.CloseableScope
  private readonly events: TestTenantEvents["Type"]
  private readonly manager: TestTenantManager["Type"]
  private readonly starting: Fiber.RuntimeFiber<TenantDiscovery["Type"], unknown>

  constructor(readonly start: Start) {
    const time = new VirtualTime(start.jitter)
    this.time = time
    this.known = new Knowledge(start.initial, time.now)
    this.bus = new Bus(this.known, time)
    this.scope = time.run(Scope.make())
    const edges = time.run(
      Layer.buildWithScope(
        Layer.mergeAll(
          TestTenantEvents.layer({ auto: start.acknowledged, heartbeatInterval: Infinity }),
          TestTenantManager.layer({ service: SERVICE, tenants: start.initial.map(idOf) })
        ),
        this.scope
      )
    )
    this.events = Context.get(edges, TestTenantEvents)
    this.manager = Context.get(edges, TestTenantManager)
    this.lists = new Lists(this.known, time, this.manager)
    this.proofs = new Proofs(time, this.lists)
    const watched = this.lists.watch(Context.get(edges, TenantManager))
    if (start.acknowledged) this.known.nowSubscribed()
    if (start.firstLists === "Slow") this.lists.slow(500, "Asked")
    if (start.firstLists === "Away") {
      this.lists.next({ _tag: "ListsFail", how: "Outage", times: 1 })
    }
    this.starting = time.start(
      Layer.buildWithScope(TenantDiscovery.layer(), this.scope).pipe(
        Effect.map((context) => Context.get(context, TenantDiscovery)),
        Effect.provide(Context.add(edges, TenantManager, watched)),
        Effect.supervised(this.alive)
      )
    )
  }

  /** The view and the status now, once there are any. To be called when all is quiet. */
  look(): Seen | undefined {
    const exit = this.discovery === undefined ? this.starting.unsafePoll() : null
    if (exit?._tag === "Success") {
      // The readers begin while nothing moves: what they then know is what the view has.
      this.discovery = exit.value
      this.lists.starting = false
      this.audience = Audience.of(
        exit.value,
        this.time,
        this.start.slowness,
        () => this.lists.answers.length
      )
    }
    const { discovery } = this
    if (discovery === undefined) return undefined
    const seen = {
      view: Effect.runSync(discovery.view.get),
      status: Effect.runSync(discovery.status.get)
    }
    this.proofs.see(seen)
    return seen
  }

  do(step: Step, quiet: () => void): void {
    this.taken.push(step)
    this.known.seq++
    // No two steps at one moment: what came first is plain.
    this.time.pass(1, quiet)
    this.take(step, quiet)
    this.time.settle()
    quiet()
  }

  close(): void {
    this.time.stop(this.starting)
    this.time.run(Scope.close(this.scope, Exit.void))
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

  /** Nothing is on its way, and no list is under way. */
  get atRest(): boolean {
    return this.bus.quiet && this.lists.underWay === 0
  }

  get fibers(): number {
    return this.alive.count
  }

  private take(step: Step, quiet: () => void): void {
    const { bus, known, lists, time } = this
    switch (step._tag) {
      case "Associate":
      case "Suspend":
        return this.change(idOf(step.tenant), step._tag === "Associate", step)
      case "Activate":
        return this.activate(idOf(step.tenant))
      case "Rotate":
        return this.publish("environment", TestEvent.credentialsRotated(idOf(step.tenant), SERVICE))
      case "Burst":
        for (let round = 0; round < step.rounds; round++) {
          const how = { channel: "environment", delivery: "Once" } as const
          this.change(idOf(step.tenant), false, how)
          this.change(idOf(step.tenant), true, how)
        }
        return
      case "Garbage":
        return time.run(this.events.send("garbage", "{}", '{"event_type":7}'))
      case "ChannelSlow":
        return bus.channelIsSlow(step.channel, step.millis)
      case "LinkSlow":
        return bus.linkIsSlow(step.millis)
      case "BusWell":
        return bus.well()
      case "Lose":
        return this.lose()
      case "Subscribe":
        return this.subscribe()
      case "Flap":
        for (let turn = 0; turn < step.times; turn++) {
          this.lose()
          time.pass(1, quiet)
          this.subscribe()
          time.pass(1, quiet)
        }
        return
      case "Heartbeat":
        return this.heartbeat()
      case "Refresh":
        return this.refresh()
      case "ListsSlow":
        return lists.slow(step.millis, step.snapshot)
      case "ListsFail":
      case "ListsLack":
      case "ListsOld":
        return lists.next(step)
      case "ListsDown":
        return lists.away()
      case "ListsWell":
        return lists.well()
      case "SetClock":
        return time.setWallBy(step.millis)
      case "Reader":
        this.audience?.reader(
          `late, ${step.slowness} ms a change`,
          step.slowness > 0 ? Effect.sleep(step.slowness) : Effect.void
        )
        return
      case "Wait":
        return time.pass(step.millis, quiet)
    }
    known.seq++
  }

  private lose(): void {
    this.known.nowLost()
    this.bus.cut()
    this.time.run(this.events.lose())
  }

  private subscribe(): void {
    if (this.known.subscribed) return
    this.known.nowSubscribed()
    this.time.run(this.events.subscribed)
  }

  private heartbeat(): void {
    const sentAt = this.time.now
    this.bus.send({
      sent: () => undefined,
      arrived: () => {
        this.proofs.heartbeat(sentAt, this.look())
        this.time.run(this.events.aliveSentAt(BigInt(Math.round(sentAt * 1e6))))
      }
    })
  }

  private change(
    id: TenantId,
    active: boolean,
    { channel, delivery }: { readonly channel: Channel; readonly delivery: Delivery }
  ): void {
    this.known.changed(id, active, this.time.now)
    this.time.run(active ? this.manager.add(id) : this.manager.remove(id))
    if (delivery === "Lost") {
      this.known.taint(id)
      return
    }
    const event = active
      ? channel === "tenant"
        ? TestEvent.reactivated(id, SERVICE)
        : TestEvent.associated(id, SERVICE)
      : channel === "tenant"
        ? TestEvent.tenantSuspended(id)
        : TestEvent.suspended(id, SERVICE)
    this.publish(channel, event, { id, active })
    if (delivery === "Twice") {
      this.publish(channel === "tenant" ? "environment" : "tenant", event, { id, active })
    }
  }

  private activate(id: TenantId): void {
    this.known.changed(id, true, this.time.now)
    this.known.taint(id)
    this.time.run(this.manager.add(id))
    this.publish("tenant", TestEvent.tenantActivated(id))
  }

  private publish(
    channel: Channel,
    event: TestEvent.ContractEvent,
    says?: { readonly id: TenantId; readonly active: boolean }
  ): void {
    const known = says === undefined ? undefined : this.known.of(says.id)
    const reached = this.bus.publish(channel, {
      sent: () => {
        if (known !== undefined) known.onTheLink++
      },
      arrived: () => {
        if (known !== undefined) known.onTheLink--
        this.arrive(event, says)
      }
    })
    // Until it is there, the discovery can know it from a list alone.
    if (!reached && says !== undefined) this.known.taint(says.id)
  }

  private arrive(
    event: TestEvent.ContractEvent,
    says: { readonly id: TenantId; readonly active: boolean } | undefined
  ): void {
    const quick = this.audience?.quick
    const before = quick?.told.length ?? 0
    const again = this.known.arrivedEvents.has(String(event.event_id))
    this.known.arrivedEvents.add(String(event.event_id))
    const news = says !== undefined && !again && quick?.present.has(says.id) !== says.active
    if (says !== undefined && !again) this.known.arrived(says.id, says.active)
    this.time.run(this.events.send(event))
    if (quick === undefined || says === undefined) return
    const told = quick.told.length - before
    if (told !== (news ? 1 : 0)) {
      this.misled ??= `${event.event_type} of ${says.id}${again ? ", again," : ""} was told as ${told} changes`
    }
  }

  private refresh(): void {
    if (this.discovery === undefined) return
    this.lists.awaited = true
    this.refreshes.push({
      at: this.time.now,
      fiber: this.time.start(Effect.either(this.discovery.refresh))
    })
  }
}
