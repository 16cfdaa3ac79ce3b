/** The real discovery in virtual time over simulated edges, to which the steps of a story happen. */
import {
  Effect,
  type Either,
  Exit,
  type Fiber,
  identity,
  Match,
  Metric,
  MetricState,
  Scope,
  Supervisor
} from "effect"
import {
  type TenantDiscoveryService,
  TenantEvents,
  type TenantId,
  TenantManager,
  type TenantManagerError
} from "../../src/index.js"
import { makeDiscovery } from "../../src/internal/discovery/listener.js"
import type { Reducer } from "../../src/internal/discovery/state.js"
import { TestEvent } from "../../src/testing.js"
import { Freshness, type Observation } from "./Freshness.js"
import { ListServer, SERVICE } from "./ListServer.js"
import { MessageBus } from "./MessageBus.js"
import { idOf, Model } from "./Model.js"
import { Readers } from "./Readers.js"
import type { Channel, Delivery, Start, Step } from "./story.js"
import { VirtualTime } from "./VirtualTime.js"

export interface Edges {
  readonly events: TenantEvents["Type"]
  readonly manager: TenantManager["Type"]
}

/** Parts of the discovery to replace by faulty ones. */
export interface Variant {
  readonly reducer?: Reducer
  readonly edges?: (edges: Edges) => Edges
  readonly service?: (service: TenantDiscoveryService) => TenantDiscoveryService
}

/** A pending call of `refresh`. */
export interface RefreshCall {
  readonly at: number
  readonly seq: number
  readonly fiber: Fiber.RuntimeFiber<Either.Either<void, TenantManagerError>>
}

/** What an event does to a tenant. */
interface EventEffect {
  readonly id: TenantId
  readonly becomes: "Added" | "Removed" | "Activated"
}

/** The drift that was counted in this process. */
export const driftCount = (): number =>
  Metric.unsafeSnapshot().reduce(
    (sum, { metricKey, metricState }) =>
      metricKey.name === "tenant_discovery_drift_total" && MetricState.isCounterState(metricState)
        ? sum + Number(metricState.count)
        : sum,
    0
  )

export class Simulation {
  readonly time: VirtualTime
  readonly model: Model
  readonly bus: MessageBus
  readonly lists: ListServer
  readonly freshness: Freshness
  expectedDrift = driftCount()
  discovery: TenantDiscoveryService | undefined
  readers: Readers | undefined
  refreshes: Array<RefreshCall> = []

  private readonly supervisor: Supervisor.Supervisor<ReadonlyArray<unknown>>
  private readonly scope: Scope.CloseableScope
  private readonly starting: Fiber.RuntimeFiber<TenantDiscoveryService, TenantManagerError>

  constructor(
    readonly start: Start,
    variant: Variant = {}
  ) {
    const time = new VirtualTime(start.seed)
    this.time = time
    this.model = new Model(start.initial, time.now)
    if (start.acknowledged) this.model.subscribe()
    this.bus = new MessageBus(this.model, time)
    const viewNow = () => this.discovery && Effect.runSync(this.discovery.view.get)
    this.lists = new ListServer(this.model, time, viewNow)
    this.freshness = new Freshness(time, this.lists)
    if (start.firstLists === "Slow") this.lists.delayBy(500, "Request")
    if (start.firstLists === "Failing") {
      this.lists.addFault({ _tag: "FailLists", failure: "Outage", times: 1 })
    }
    this.scope = time.run(Scope.make())
    this.supervisor = time.run(Supervisor.track)
    const { events, manager } = (variant.edges ?? identity)({
      events: this.bus.events,
      manager: this.lists.manager
    })
    const { removalConfirmations, resubscribeJitter } = start
    this.starting = time.start(
      makeDiscovery({ removalConfirmations, resubscribeJitter }, variant.reducer).pipe(
        Effect.map(variant.service ?? identity),
        Effect.provideService(TenantEvents, events),
        Effect.provideService(TenantManager, manager),
        Scope.extend(this.scope),
        Effect.supervised(this.supervisor)
      )
    )
  }

  /** The view and the status now; `undefined` before the start is over. */
  observe(): Observation | undefined {
    const exit = this.discovery === undefined ? this.starting.unsafePoll() : null
    if (exit?._tag === "Success") {
      this.discovery = exit.value
      this.lists.starting = false
      this.readers = new Readers(exit.value, this.time, this.start.slowness)
    }
    const { discovery } = this
    if (discovery === undefined) return undefined
    const seen = {
      view: Effect.runSync(discovery.view.get),
      status: Effect.runSync(discovery.status.get)
    }
    this.freshness.observe(seen)
    return seen
  }

  /** `check` is called whenever nothing can run. */
  take(step: Step, check: () => void): void {
    this.model.seq++
    // No two steps happen at one moment.
    this.time.pass(1, check)
    this.apply(step, check)
    this.time.settle()
    check()
  }

  close(): void {
    this.time.interrupt(this.starting)
    this.time.run(Scope.close(this.scope, Exit.void))
  }

  get failedToStart(): boolean {
    return this.starting.unsafePoll()?._tag === "Failure"
  }

  /** No message and no list is under way. */
  get idle(): boolean {
    return this.bus.idle && this.lists.inFlight === 0
  }

  /** The running fibers of the discovery. */
  get fiberCount(): number {
    return this.time.run(this.supervisor.value).length
  }

  private readonly apply = (step: Step, check: () => void): void => {
    const { bus, lists, time } = this
    Match.valueTags(step, {
      Associate: (change) => this.change(idOf(change.tenant), true, change),
      Suspend: (change) => this.change(idOf(change.tenant), false, change),
      Activate: ({ tenant }) => this.activate(idOf(tenant)),
      RotateCredentials: ({ tenant }) =>
        this.publish("environment", TestEvent.credentialsRotated(idOf(tenant), SERVICE)),
      Burst: ({ rounds, tenant }) => {
        for (let turn = 0; turn < 2 * rounds; turn++) {
          this.change(idOf(tenant), turn % 2 === 1, { channel: "environment", delivery: "Once" })
        }
      },
      DelayMessages: ({ millis, queue }) => bus.delay(queue, millis),
      RepairBus: () => bus.repair(),
      LoseSubscription: () => bus.lose(),
      Subscribe: () => bus.subscribe(),
      Flap: ({ times }) => {
        for (let turn = 0; turn < times; turn++) {
          bus.lose()
          time.pass(1, check)
          bus.subscribe()
          time.pass(1, check)
        }
      },
      Heartbeat: () => this.heartbeat(),
      Refresh: () => this.refresh(),
      DelayLists: ({ millis, snapshot }) => lists.delayBy(millis, snapshot),
      FailLists: (fault) => lists.addFault(fault),
      OmitFromLists: (fault) => lists.addFault(fault),
      OutdateLists: (fault) => lists.addFault(fault),
      RepairLists: () => lists.repair(),
      SetClock: ({ millis }) => time.setWallBy(millis),
      AddReader: ({ slowness }) =>
        void this.readers?.add(`late, ${slowness} ms a change`, Effect.sleep(slowness)),
      Wait: ({ millis }) => time.pass(millis, check)
    })
  }

  private heartbeat(): void {
    const { now, nanos } = this.time
    this.bus.send({
      arrived: () => {
        this.freshness.heartbeat(now, this.observe())
        this.bus.signal((sink) => sink.alive(nanos))
      }
    })
  }

  private change(
    id: TenantId,
    active: boolean,
    { channel, delivery }: { readonly channel: Channel; readonly delivery: Delivery }
  ): void {
    this.model.change(id, active, this.time.now)
    if (delivery === "Lost") return this.model.makeUncertain(id)
    const ofTenant = channel === "tenant"
    const event = active
      ? (ofTenant ? TestEvent.reactivated : TestEvent.associated)(id, SERVICE)
      : ofTenant
        ? TestEvent.tenantSuspended(id)
        : TestEvent.suspended(id, SERVICE)
    const effect: EventEffect = { id, becomes: active ? "Added" : "Removed" }
    this.publish(channel, event, effect)
    if (delivery === "Twice") this.publish(ofTenant ? "environment" : "tenant", event, effect)
  }

  private activate(id: TenantId): void {
    this.model.change(id, true, this.time.now)
    this.model.makeUncertain(id)
    this.publish("tenant", TestEvent.tenantActivated(id), { id, becomes: "Activated" })
  }

  private publish(channel: Channel, event: TestEvent.ContractEvent, effect?: EventEffect): void {
    const tenant = effect && this.model.of(effect.id)
    const reached = this.bus.publish(channel, {
      sent: () => void (tenant && tenant.eventsInFlight++),
      arrived: () => {
        if (tenant !== undefined) tenant.eventsInFlight--
        this.arrive(event, effect)
      }
    })
    // Until the event reaches the server, only a list can tell the discovery.
    if (!reached && effect !== undefined) this.model.makeUncertain(effect.id)
  }

  private arrive(event: TestEvent.ContractEvent, effect: EventEffect | undefined): void {
    const { bus, model } = this
    if (effect?.becomes === "Activated") model.of(effect.id).activatedSeq = ++model.seq
    else if (effect !== undefined && !model.isDuplicate(String(event.event_id))) {
      model.eventArrived(effect.id, effect.becomes === "Added")
    }
    bus.signal((sink) => sink.message(JSON.stringify(event)))
  }

  private refresh(): void {
    if (this.discovery === undefined) return
    const [at, seq] = [this.time.now, this.model.seq]
    this.lists.urgent = true
    const fiber = this.time.start(Effect.either(this.discovery.refresh))
    this.refreshes.push({ at, seq, fiber })
  }
}
