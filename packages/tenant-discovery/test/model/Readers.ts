/** The readers and handlers of a discovery: quick, slow, stalled, failing, hanging, late. */
import { Deferred, Effect, Exit, type Fiber, Scope, Stream } from "effect"
import type { TenantChange, TenantDiscoveryService, TenantId, TenantView } from "../../src/index.js"
import { applyChanges } from "../../src/internal/view/edit.js"
import type { VirtualTime } from "./VirtualTime.js"

/** A reader of the changes, and what they come to. */
export class Reader {
  readonly received: Array<TenantChange> = []
  readonly present = new Set<TenantId>()
  /** The first change that does not alternate. */
  unexpected: string | undefined
  /** The view that the library's own fold makes of the changes. */
  view: TenantView
  fiber: Fiber.RuntimeFiber<void> | undefined

  constructor(
    readonly name: string,
    view: TenantView
  ) {
    this.view = view
    for (const id of view.ids) this.present.add(id)
  }

  read(change: TenantChange): void {
    this.received.push(change)
    const { id } = change.tenant
    if (this.present.has(id) !== (change._tag !== "Added")) {
      this.unexpected ??= `${change._tag} of ${id}, which is ${
        this.present.has(id) ? "present" : "absent"
      }`
    }
    if (change._tag === "Added") this.present.add(id)
    if (change._tag === "Removed") this.present.delete(id)
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
  /** The calls of handlers that fail, that are slow, that never return. */
  readonly failing: Array<HandlerCall> = []
  readonly slow: Array<HandlerCall> = []
  readonly hanging: Array<HandlerCall> = []
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

  get handlerCalls(): number {
    return this.failing.length + this.slow.length + this.hanging.length
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
    const { discovery, failing, hanging, slow, slowness } = this
    const record = (calls: Array<HandlerCall>, call: HandlerCall) =>
      Effect.sync(() => void calls.push(call))
    return Effect.gen(function* () {
      // `Effect.never` would keep the process alive.
      const never = Deferred.await(yield* Deferred.make<void>())
      yield* discovery.onTenantAdded(({ id }) =>
        Effect.zipRight(record(failing, `+${id}`), Effect.fail("this handler always fails"))
      )
      yield* discovery.onTenantRemoved(({ id }) =>
        Effect.zipRight(record(failing, `-${id}`), Effect.die("this handler always dies"))
      )
      yield* discovery.onTenantAdded(
        ({ id }) => Effect.zipRight(record(slow, `+${id}`), Effect.sleep(slowness)),
        { replay: true }
      )
      yield* discovery.onTenantRemoved(({ id }) =>
        Effect.zipRight(record(hanging, `-${id}`), never)
      )
    }).pipe(Scope.extend(this.scope))
  }
}
