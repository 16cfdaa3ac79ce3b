/**
 * A double of the HTTP side: a tenant manager that lists what the test says, late,
 * never, or wrong.
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
import { type TenantListing, TenantManager } from "../TenantManager.js"
import {
  TenantManagerNotFound,
  type TenantManagerError,
  TenantManagerUnavailable
} from "../TenantManagerError.js"
import { type TenantInput, tenantOf, tenantsOf } from "./tenants.js"

export interface TestTenantManagerOptions {
  /** Default `test-service`. */
  readonly service?: string | undefined
  /** The tenants that are active at first. Default: none. */
  readonly tenants?: Iterable<TenantInput> | undefined
}

/** A list that is kept from answering; see `hold`. */
export interface HeldList {
  /** Ends when the list has been asked for. */
  readonly asked: Effect.Effect<void>
  /** Lets it answer. */
  readonly release: Effect.Effect<void>
  /** Lets it fail. */
  readonly fail: (error?: TenantManagerError) => Effect.Effect<void>
}

/**
 * How a test plays the tenant manager. IDs may be given in any valid spelling; an
 * invalid one throws a `RangeError` when it is given. A list does what was scripted
 * next (`hold`, `answer`, `fail` with a number), else what stands (`fail`, `hang`,
 * `delay`), else it tells the truth. A list that is interrupted is over.
 */
export interface TestTenantManagerControls {
  /** The tenants that are active: what lists answer from now on. */
  readonly set: (tenants: Iterable<TenantInput>) => Effect.Effect<void>
  /** Active from now on. No event tells of it: send one, where it should. */
  readonly add: (...tenants: ReadonlyArray<TenantInput>) => Effect.Effect<void>
  /** Active no more. No event tells of it either. */
  readonly remove: (...ids: ReadonlyArray<string>) => Effect.Effect<void>
  /** Whom a right list would have now. */
  readonly active: Effect.Effect<ReadonlyArray<Tenant>>
  /** Lists fail, so many times, or until `recover`. Default: `TenantManagerUnavailable`, status 503. */
  readonly fail: (error?: TenantManagerError, times?: number) => Effect.Effect<void>
  /** Lists that are asked for from now on never answer, until `recover`. */
  readonly hang: Effect.Effect<void>
  /** Lists take this long, until `recover`; they answer what was true when they were asked for. */
  readonly delay: (duration: Duration.DurationInput) => Effect.Effect<void>
  /** The next lists answer this instead of the truth, so many times. Default once. */
  readonly answer: (tenants: Iterable<TenantInput>, times?: number) => Effect.Effect<void>
  /**
   * Keeps the next list from answering until it is released. It then answers what
   * was true when it was asked for (`"Asked"`, the default), or at its release.
   */
  readonly hold: (options?: {
    readonly snapshot?: "Asked" | "Released" | undefined
  }) => Effect.Effect<HeldList>
  /** All is well again: the end of `fail`, `hang`, `delay`, `answer`. A list that hangs already goes on to. */
  readonly recover: Effect.Effect<void>
  /** How many lists have been asked for. */
  readonly calls: Effect.Effect<number>
  /** When each of them was, by `Clock.currentTimeMillis`, oldest first. */
  readonly callTimes: Effect.Effect<ReadonlyArray<number>>
  /** Ends as soon as so many lists have been asked for. */
  readonly awaitCalls: (count: number) => Effect.Effect<void>
  /**
   * What `getConnections` answers for a tenant from now on: these settings, or this
   * error. A tenant of which nothing was said is `TenantManagerNotFound`.
   */
  readonly setConnections: (
    id: string,
    answer: Effect.Effect<TenantSettings, TenantManagerError>
  ) => Effect.Effect<void>
  /** The tenants whose connections were asked for, oldest first. */
  readonly connectionCalls: Effect.Effect<ReadonlyArray<TenantId>>
  /** How many lists are under way. */
  readonly underWay: Effect.Effect<number>
  /** The most that ever were at once. */
  readonly mostUnderWay: Effect.Effect<number>
}

/** An outage, as the client tells it: `TenantManagerUnavailable` with this status. */
export const outage = (status = 503): TenantManagerError =>
  new TenantManagerUnavailable({
    operation: "GET /v1/tenants/active",
    message: `the tenant manager answered ${status}; it is tried again`,
    status,
    retryAfter: undefined,
    cause: undefined
  })

type Answer = Effect.Effect<TenantListing, TenantManagerError>

const notFound = (): TenantManagerError =>
  new TenantManagerNotFound({
    operation: "GET /v1/tenants/{tenantId}/associations/{service}/connections",
    message: "the test has set no connections for this tenant: see setConnections"
  })

const listing = (tenants: ReadonlyArray<Tenant>): TenantListing => ({
  tenants,
  skipped: 0,
  firstSkipped: undefined,
  inactive: new Map()
})

class Desk {
  tenants: ReadonlyMap<TenantId, Tenant> = new Map()
  /** What the next lists do, the first of them first. */
  script: Array<() => Answer> = []
  /** What a list does when nothing is scripted. */
  standing: (() => Answer) | undefined
  connections = new Map<TenantId, Effect.Effect<TenantSettings, TenantManagerError>>()
  connectionCalls: ReadonlyArray<TenantId> = []
  underWay = 0
  mostUnderWay = 0

  set(tenants: Iterable<Tenant>): void {
    this.tenants = new Map(Array.from(tenants, (tenant) => [tenant.id, tenant]))
  }

  readonly truth = (): Answer => Effect.succeed(listing([...this.tenants.values()]))

  next(): Answer {
    return (this.script.shift() ?? this.standing ?? this.truth)()
  }
}

const make = (options: TestTenantManagerOptions | undefined) =>
  Effect.gen(function* () {
    const desk = new Desk()
    desk.set(tenantsOf(options?.tenants ?? []))
    const times = yield* SubscriptionRef.make<ReadonlyArray<number>>([])

    const listActiveTenants: Answer = Effect.gen(function* () {
      const now = yield* Clock.currentTimeMillis
      const answer = desk.next()
      yield* SubscriptionRef.update(times, (all) => [...all, now])
      return yield* answer
    }).pipe((answer) =>
      Effect.acquireUseRelease(
        Effect.sync(() => {
          desk.underWay++
          desk.mostUnderWay = Math.max(desk.mostUnderWay, desk.underWay)
        }),
        () => answer,
        () =>
          Effect.sync(() => {
            desk.underWay--
          })
      )
    )

    const getConnections = (id: TenantId) =>
      Effect.suspend(() => {
        desk.connectionCalls = [...desk.connectionCalls, id]
        return desk.connections.get(id) ?? Effect.fail(notFound())
      })

    const repeat = (behaviour: () => Answer, count: number): void => {
      for (let i = 0; i < count; i++) desk.script.push(behaviour)
    }

    const hold: TestTenantManagerControls["hold"] = (settings) =>
      Effect.gen(function* () {
        const asked = yield* Deferred.make<void>()
        const gate = yield* Deferred.make<void, TenantManagerError>()
        desk.script.push(() => {
          const then = desk.truth()
          return Deferred.succeed(asked, undefined).pipe(
            Effect.zipRight(Deferred.await(gate)),
            Effect.zipRight(
              Effect.suspend(() => (settings?.snapshot === "Released" ? desk.truth() : then))
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
        return Effect.sync(() => desk.set(tenants))
      },
      add: (...inputs) => {
        const tenants = tenantsOf(inputs)
        return Effect.sync(() => desk.set([...desk.tenants.values(), ...tenants]))
      },
      remove: (...ids) => {
        const gone = new Set(ids.map((id) => tenantOf(id).id))
        return Effect.sync(() =>
          desk.set([...desk.tenants.values()].filter(({ id }) => !gone.has(id)))
        )
      },
      active: Effect.sync(() => [...desk.tenants.values()]),
      fail: (error, count) =>
        Effect.sync(() => {
          const behaviour = () => Effect.fail(error ?? outage())
          if (count === undefined) desk.standing = behaviour
          else repeat(behaviour, count)
        }),
      hang: Effect.sync(() => {
        desk.standing = () => Effect.never
      }),
      delay: (duration) =>
        Effect.sync(() => {
          desk.standing = () => Effect.delay(desk.truth(), duration)
        }),
      answer: (inputs, count = 1) => {
        const tenants = tenantsOf(inputs)
        return Effect.sync(() => {
          repeat(() => Effect.succeed(listing(tenants)), count)
        })
      },
      hold,
      recover: Effect.sync(() => {
        desk.script = []
        desk.standing = undefined
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
          desk.connections.set(id, answer)
        })
      },
      connectionCalls: Effect.sync(() => desk.connectionCalls),
      underWay: Effect.sync(() => desk.underWay),
      mostUnderWay: Effect.sync(() => desk.mostUnderWay)
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
 * yield* manager.remove("acme")         // that list was asked for before this
 * yield* events.send(TestEvent.suspended("acme", "test-service"))
 * yield* held.release                   // it still has acme; the view does not
 */
export class TestTenantManager extends Context.Tag("tenant-discovery/TestTenantManager")<
  TestTenantManager,
  TestTenantManagerControls
>() {
  /**
   * With these tenants, all well.
   *
   * @throws RangeError where an ID is not valid.
   */
  static readonly layer = (
    options?: TestTenantManagerOptions
  ): Layer.Layer<TenantManager | TestTenantManager> => Layer.effectContext(make(options))
}
