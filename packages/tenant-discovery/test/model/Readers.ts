/** The readers and handlers of a discovery: quick, slow, stalled, failing, hanging, late. */
import { Deferred, Effect, Exit, type Fiber, Scope, Stream } from "effect"
import type { TenantChange, TenantDiscoveryService, TenantView } from "../../src/index.js"
import { applyChanges } from "../../src/internal/view/edit.js"
import type { VirtualTime } from "./VirtualTime.js"

/** A reader of the changes, and what they come to. */
export class Reader {
  readonly received: Array<TenantChange> = []
  /** The first change that does not alternate. */
  unexpected: string | undefined
  /** The view that the changes come to. */
  view: TenantView
  fiber: Fiber.RuntimeFiber<void> | undefined

  constructor(
    readonly name: string,
    view: TenantView
  ) {
    this.view = view
  }

  read(change: TenantChange): void {
    this.received.push(change)
    const { id } = change.tenant
    const isPresent = this.view.has(id)
    if (isPresent !== (change._tag !== "Added")) {
      this.unexpected ??= `${change._tag} of ${id}, which is ${isPresent ? "present" : "absent"}`
    }
    this.view = applyChanges(this.view, [change])
  }
}

/** A call of a handler: the sign of its kind and the tenant's ID. */
export type HandlerCall = `+${string}` | `-${string}`

const callsFor = ({ _tag, tenant }: TenantChange): ReadonlyArray<HandlerCall> =>
  _tag === "Added" ? [`+${tenant.id}`] : _tag === "Removed" ? [`-${tenant.id}`] : []

export class Readers {
  readonly all: Array<Reader> = []
  readonly quick: Reader
  /** Stops at its first change until `releaseStalled`. */
  readonly stalled: Reader
  /** The calls of handlers that fail, and that never return. */
  readonly failing: Array<HandlerCall> = []
  readonly hanging: Array<HandlerCall> = []
  handlerCalls = 0
  private readonly gate = Effect.unsafeMakeLatch(false)
  private readonly scope: Scope.CloseableScope

  constructor(
    private readonly discovery: TenantDiscoveryService,
    private readonly time: VirtualTime,
    private readonly slowness: number
  ) {
    this.scope = time.run(Scope.make())
    this.quick = this.add("quick", Effect.void)
    this.add("slow", Effect.sleep(slowness))
    this.stalled = this.add("stalled", this.gate.await)
    time.run(this.registerHandlers)
  }

  /** The calls that handlers should have had by now: the quick reader's transitions. */
  get expectedCalls(): ReadonlyArray<HandlerCall> {
    return this.quick.received.flatMap(callsFor)
  }

  /** Adds a reader from now on, which does `pause` after each change. */
  add(name: string, pause: Effect.Effect<void>): Reader {
    const { discovery, scope, time } = this
    const reader = new Reader(name, time.run(discovery.view.get))
    reader.fiber = time.run(
      discovery.changes.pipe(
        Stream.runForEach((change) => {
          reader.read(change)
          return pause
        }),
        Effect.forkIn(scope)
      )
    )
    this.all.push(reader)
    return reader
  }

  releaseStalled(): void {
    this.time.run(this.gate.open)
  }

  close(): void {
    this.time.run(Scope.close(this.scope, Exit.void))
  }

  private get registerHandlers(): Effect.Effect<void> {
    const { discovery, failing, hanging, slowness } = this
    const record = (call: HandlerCall, calls: Array<HandlerCall> = []) =>
      Effect.sync(() => {
        this.handlerCalls++
        calls.push(call)
      })
    return Effect.gen(function* () {
      // `Effect.never` would keep the process alive.
      const never = Deferred.await(yield* Deferred.make<void>())
      yield* discovery.onTenantAdded(({ id }) =>
        Effect.zipRight(record(`+${id}`, failing), Effect.fail("this handler always fails"))
      )
      yield* discovery.onTenantRemoved(({ id }) =>
        Effect.zipRight(record(`-${id}`, failing), Effect.die("this handler always dies"))
      )
      yield* discovery.onTenantAdded(
        ({ id }) => Effect.zipRight(record(`+${id}`), Effect.sleep(slowness)),
        { replay: true }
      )
      yield* discovery.onTenantRemoved(({ id }) =>
        Effect.zipRight(record(`-${id}`, hanging), never)
      )
    }).pipe(Scope.extend(this.scope))
  }
}
