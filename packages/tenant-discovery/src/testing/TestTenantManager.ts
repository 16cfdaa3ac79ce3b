/**
 * A double of `TenantManager`: it answers what the test sets, at once, late, never, or wrongly. It
 * uses no random numbers, and time only for `delay`, so that it is deterministic under `TestClock`.
 */
import {
  Clock,
  Context,
  Deferred,
  type Duration,
  Effect,
  Layer,
  Stream,
  SubscriptionRef
} from "effect"
import type { Tenant, TenantId } from "../Tenant.js"
import type { TenantSettings } from "../TenantConnections.js"
import { TenantListing } from "../TenantListing.js"
import { TenantManager } from "../TenantManager.js"
import {
  TenantManagerNotFound,
  type TenantManagerError,
  TenantManagerUnavailable
} from "../TenantManagerError.js"
import { type TenantInput, tenantOf, tenantsOf } from "./tenantInput.js"

export interface TestTenantManagerOptions {
  /** Default `test-service`. */
  readonly service?: string | undefined
  /** The tenants that are active at first. Default: none. */
  readonly tenants?: Iterable<TenantInput> | undefined
}

/** A list call whose answer is withheld; see `hold`. */
export interface HeldList {
  /** Completes when the call has started. */
  readonly asked: Effect.Effect<void>
  /** Makes it answer. */
  readonly release: Effect.Effect<void>
  /** Makes it fail. */
  readonly fail: (error?: TenantManagerError) => Effect.Effect<void>
}

/**
 * Controls the double. IDs may have any valid spelling; an invalid one throws a `RangeError` at
 * once. A list call does what was scripted next (`hold`, `answer`, `fail` with a number), else
 * what is set (`fail`, `hang`, `delay`), else it answers the active tenants.
 */
export interface TestTenantManagerControls {
  /** Replaces the active tenants: lists answer them from now on. */
  readonly set: (tenants: Iterable<TenantInput>) => Effect.Effect<void>
  /** Activates tenants. No event is sent. */
  readonly add: (...tenants: ReadonlyArray<TenantInput>) => Effect.Effect<void>
  /**
   * Deactivates tenants. No event is sent. Their connections are not found until they are active
   * again or `setConnections` is run.
   */
  readonly remove: (...ids: ReadonlyArray<string>) => Effect.Effect<void>
  /** The active tenants. */
  readonly active: Effect.Effect<ReadonlyArray<Tenant>>
  /** Lists fail `times` times, or until `recover`. Default: `TenantManagerUnavailable`, status 503. */
  readonly fail: (error?: TenantManagerError, times?: number) => Effect.Effect<void>
  /** Lists that start from now on never answer, until `recover`. */
  readonly hang: Effect.Effect<void>
  /** Lists take this long, until `recover`; they answer the tenants that were active at their start. */
  readonly delay: (duration: Duration.DurationInput) => Effect.Effect<void>
  /**
   * The next lists answer these tenants, or this list (an incomplete one, say), `times` times.
   * Default: once.
   */
  readonly answer: (
    list: Iterable<TenantInput> | TenantListing,
    times?: number
  ) => Effect.Effect<void>
  /**
   * Withholds the answer of the next list until it is released. It then answers the tenants that
   * were active at its start (`"Asked"`, the default) or at its release.
   */
  readonly hold: (options?: {
    readonly snapshot?: "Asked" | "Released" | undefined
  }) => Effect.Effect<HeldList>
  /** Ends `fail`, `hang`, `delay` and `answer`. A list that hangs already continues to hang. */
  readonly recover: Effect.Effect<void>
  /** The number of list calls. */
  readonly calls: Effect.Effect<number>
  /** The start of each, by `Clock.currentTimeMillis`, oldest first. */
  readonly callTimes: Effect.Effect<ReadonlyArray<number>>
  /** Completes when the number of list calls reaches `count`. */
  readonly awaitCalls: (count: number) => Effect.Effect<void>
  /**
   * Sets the answer of `getConnections` for a tenant, active or not. Default:
   * `TenantManagerNotFound`.
   */
  readonly setConnections: (
    id: string,
    answer: Effect.Effect<TenantSettings, TenantManagerError>
  ) => Effect.Effect<void>
  /** The tenants of all `getConnections` calls, oldest first. */
  readonly connectionCalls: Effect.Effect<ReadonlyArray<TenantId>>
  /** The number of lists in flight. */
  readonly underWay: Effect.Effect<number>
  /** The highest number of lists that were in flight at once. */
  readonly mostUnderWay: Effect.Effect<number>
}

/** An outage as the client reports it: `TenantManagerUnavailable` with this status. */
export const outage = (status = 503): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "GET /v1/tenants/active",
    message: `the tenant manager answered ${status}`,
    status,
    retryAfter: undefined,
    cause: undefined
  })

type Answer = Effect.Effect<TenantListing, TenantManagerError>

class State {
  tenants: ReadonlyMap<TenantId, Tenant> = new Map()
  /** What the next lists do, in order. */
  script: Array<() => Answer> = []
  /** What a list does when nothing is scripted; `undefined`: it answers the active tenants. */
  standing: (() => Answer) | undefined
  connections = new Map<TenantId, Effect.Effect<TenantSettings, TenantManagerError>>()
  connectionCalls: ReadonlyArray<TenantId> = []
  underWay = 0
  mostUnderWay = 0

  /** Tenants that were active and no longer are: they have no connections. */
  readonly removed = new Set<TenantId>()

  set(tenants: Iterable<Tenant>): void {
    for (const id of this.tenants.keys()) this.removed.add(id)
    this.tenants = new Map(Array.from(tenants, (tenant) => [tenant.id, tenant]))
    for (const id of this.tenants.keys()) this.removed.delete(id)
  }

  readonly answerActive = (): Answer => Effect.succeed(TenantListing.of([...this.tenants.values()]))

  next(): Answer {
    return (this.script.shift() ?? this.standing ?? this.answerActive)()
  }
}

const make = (options: TestTenantManagerOptions | undefined) =>
  Effect.gen(function* () {
    const state = new State()
    state.set(tenantsOf(options?.tenants ?? []))
    const times = yield* SubscriptionRef.make<ReadonlyArray<number>>([])

    const listActiveTenants: Answer = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const answer = state.next()
      yield* SubscriptionRef.update(times, (all) => [...all, now])
      return yield* answer
    }).pipe((answer) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          state.underWay++
          state.mostUnderWay = Math.max(state.mostUnderWay, state.underWay)
        }),
        () => answer,
        () =>
          Effect.sync(() => {
            state.underWay--
          })
      )
    )

    const getConnections = (id: TenantId) =>
      Effect.gen(function* () {
        state.connectionCalls = [...state.connectionCalls, id]
        const answer = state.removed.has(id) ? undefined : state.connections.get(id)
        if (answer !== undefined) return yield* answer
        return yield* new TenantManagerNotFound({
          operation: "GET /v1/tenants/{tenantId}/associations/{service}/connections",
          message: "the test set no connections for this tenant, or removed it: see setConnections"
        })
      })

    const repeat = (behaviour: () => Answer, count: number): void => {
      for (let i = 0; i < count; i++) state.script.push(behaviour)
    }

    const hold: TestTenantManagerControls["hold"] = (settings) =>
      Effect.gen(function* () {
        const asked = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void, TenantManagerError>()
        state.script.push(() => {
          const then = state.answerActive()
          return Deferred.succeed(asked, undefined).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.zipRight(
              Effect.suspend(() =>
                settings?.snapshot === "Released" ? state.answerActive() : then
              )
            )
          )
        })
        return {
          asked: Deferred.await(asked),
          release: Effect.asVoid(Deferred.succeed(gate, undefined)),
          fail: (error) => Effect.asVoid(Deferred.fail(gate, error ?? outage()))
        }
      })

    const controls: TestTenantManagerControls = {
      set: (inputs) => {
        const tenants = tenantsOf(inputs)
        return Effect.sync(() => state.set(tenants))
      },
      add: (...inputs) => {
        const tenants = tenantsOf(inputs)
        return Effect.sync(() => state.set([...state.tenants.values(), ...tenants]))
      },
      remove: (...ids) => {
        const gone = new Set(ids.map((id) => tenantOf(id).id))
        return Effect.sync(() =>
          state.set([...state.tenants.values()].filter(({ id }) => !gone.has(id)))
        )
      },
      active: Effect.sync(() => [...state.tenants.values()]),
      fail: (error, count) =>
        Effect.sync(() => {
          const behaviour = () => Effect.fail(error ?? outage())
          if (count === undefined) state.standing = behaviour
          else repeat(behaviour, count)
        }),
      hang: Effect.sync(() => {
        state.standing = () => Effect.never
      }),
      delay: (duration) =>
        Effect.sync(() => {
          state.standing = () => Effect.delay(state.answerActive(), duration)
        }),
      answer: (list, count = 1) => {
        const listing = "complete" in list ? list : TenantListing.of(tenantsOf(list))
        return Effect.sync(() => {
          repeat(() => Effect.succeed(listing), count)
        })
      },
      hold,
      recover: Effect.sync(() => {
        state.script = []
        state.standing = undefined
      }),
      calls: Effect.map(SubscriptionRef.get(times), (all) => all.length),
      callTimes: SubscriptionRef.get(times),
      awaitCalls: (count) =>
        times.changes.pipe(
          Stream.takeUntil((all) => all.length >= count),
          Stream.runDrain
        ),
      setConnections: (input, answer) => {
        const { id } = tenantOf(input)
        return Effect.sync(() => {
          state.connections.set(id, answer)
          state.removed.delete(id)
        })
      },
      connectionCalls: Effect.sync(() => state.connectionCalls),
      underWay: Effect.sync(() => state.underWay),
      mostUnderWay: Effect.sync(() => state.mostUnderWay)
    }
    const service = options?.service ?? "test-service"
    return Context.make(TenantManager, { service, listActiveTenants, getConnections }).pipe(
      Context.add(TestTenantManager, controls)
    )
  })

/**
 * Drives a real `TenantDiscovery.layer` in a test, without HTTP.
 *
 * @example
 * const manager = yield* TestTenantManager
 * const held = yield* manager.hold()
 * yield* events.subscribed              // the discovery lists
 * yield* held.asked
 * yield* manager.remove("acme")         // after the list has started
 * yield* events.send(TestEvent.suspended("acme", "test-service"))
 * yield* held.release                   // the list still has acme; the view does not
 */
export class TestTenantManager extends Context.Tag("tenant-discovery/TestTenantManager")<
  TestTenantManager,
  TestTenantManagerControls
>() {
  /**
   * The double with these tenants active.
   *
   * @throws RangeError where an ID is not valid.
   */
  static readonly layer = (
    options?: TestTenantManagerOptions
  ): Layer.Layer<TenantManager | TestTenantManager> => Layer.effectContext(make(options))
}
