/** Those who listen to a discovery: quick, slow, stalled, failing, hanging, late. */
import { Deferred, Effect, Exit, type Fiber, Scope, Stream } from "effect"
import {
  type TenantChange,
  type TenantDiscovery,
  type TenantId,
  type TenantView
} from "../../src/index.js"
import { applyChanges } from "../../src/internal/view/edit.js"
import type { VirtualTime } from "./virtualTime.js"

type Discovery = TenantDiscovery["Type"]

/** A reader of the changes, and what it makes of them. */
export class Reader {
  readonly told: Array<TenantChange> = []
  readonly present = new Set<TenantId>()
  /** The first thing that did not fit. */
  outOfTurn: string | undefined
  /** What the changes come to by the library's own fold. */
  view: TenantView
  /** The fiber that reads: it ends with the discovery. */
  fiber: Fiber.RuntimeFiber<void> | undefined

  constructor(
    readonly name: string,
    seen: TenantView,
    /** What it does after each change. */
    readonly pause: Effect.Effect<void>
  ) {
    this.view = seen
    for (const id of seen.ids) this.present.add(id)
  }

  read(change: TenantChange): void {
    this.told.push(change)
    const { id } = change.tenant
    if (this.present.has(id) !== (change._tag !== "Added")) {
      this.outOfTurn ??= `${change._tag} of ${id}, which is ${
        this.present.has(id) ? "there" : "not there"
      }`
    }
    if (change._tag === "Added") this.present.add(id)
    if (change._tag === "Removed") this.present.delete(id)
    this.view = applyChanges(this.view, [change])
  }
}

/** One call of a handler, or one that was due. */
export type Called = `+${string}` | `-${string}`

const calledFor = ({ _tag, tenant }: TenantChange): ReadonlyArray<Called> =>
  _tag === "Added" ? [`+${tenant.id}`] : _tag === "Removed" ? [`-${tenant.id}`] : []

export class Audience {
  readonly readers: Array<Reader> = []
  readonly quick: Reader
  readonly quickAtFirst: ReadonlyArray<TenantId>
  readonly stalled: Reader
  /** Of each change that the quick reader was told: how many lists had answered by then. */
  readonly answeredBy: Array<number> = []
  /** Handlers that fail each time, that take their time, that never end. */
  readonly failing: Array<Called> = []
  readonly slow: Array<Called> = []
  readonly hanging: Array<Called> = []
  private readonly gate: Deferred.Deferred<void>
  /** `Effect.never` would keep the process alive. */
  private readonly never: Effect.Effect<void>

  private constructor(
    private readonly discovery: Discovery,
    private readonly time: VirtualTime,
    private readonly scope: Scope.CloseableScope,
    private readonly slowness: number,
    answered: () => number
  ) {
    this.gate = time.run(Deferred.make<void>())
    this.never = Deferred.await(time.run(Deferred.make<void>()))
    this.quick = this.reader(
      "quick",
      Effect.sync(() => {
        this.answeredBy.push(answered())
      })
    )
    this.quickAtFirst = [...this.quick.present]
    this.reader("slow", Effect.sleep(slowness))
    this.stalled = this.reader("stalled", Deferred.await(this.gate))
    time.run(this.handlers)
  }

  static of(
    discovery: Discovery,
    time: VirtualTime,
    slowness: number,
    answered: () => number
  ): Audience {
    return new Audience(discovery, time, time.run(Scope.make()), slowness, answered)
  }

  get calls(): number {
    return this.failing.length + this.slow.length + this.hanging.length
  }

  /** What handlers are due for by now: each transition that the quick reader was told. */
  get due(): ReadonlyArray<Called> {
    return this.quick.told.flatMap(calledFor)
  }

  /** A reader of its own, from now on. To be called when all is quiet. */
  reader(name: string, pause: Effect.Effect<void>): Reader {
    const { discovery, scope, time } = this
    const reader = new Reader(name, time.run(discovery.view.get), pause)
    reader.fiber = time.run(
      discovery.changes.pipe(
        Stream.runForEach((change) => {
          reader.read(change)
          return pause
        }),
        Effect.forkIn(scope)
      )
    )
    this.readers.push(reader)
    return reader
  }

  /** The stalled reader goes on. */
  release(): void {
    this.time.run(Deferred.succeed(this.gate, undefined))
  }

  leave(): void {
    this.time.run(Scope.close(this.scope, Exit.void))
  }

  private get handlers(): Effect.Effect<void> {
    const { discovery } = this
    const note = (calls: Array<Called>, call: Called) =>
      Effect.sync(() => {
        calls.push(call)
      })
    return Effect.gen(this, function* () {
      yield* discovery.onTenantAdded(({ id }) =>
        Effect.zipRight(note(this.failing, `+${id}`), Effect.fail("this one always fails"))
      )
      yield* discovery.onTenantRemoved(({ id }) =>
        Effect.zipRight(note(this.failing, `-${id}`), Effect.die("this one always dies"))
      )
      yield* discovery.onTenantAdded(
        ({ id }) => Effect.zipRight(note(this.slow, `+${id}`), Effect.sleep(this.slowness)),
        { replay: true }
      )
      yield* discovery.onTenantRemoved(({ id }) =>
        Effect.zipRight(note(this.hanging, `-${id}`), this.never)
      )
    }).pipe(Scope.extend(this.scope))
  }
}
