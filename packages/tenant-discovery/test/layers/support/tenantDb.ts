/** A pool whose resources, builds and releases a test sees and controls. */
import { it } from "@effect/vitest"
import {
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  Layer,
  Logger,
  Predicate,
  Scope,
  TestClock
} from "effect"
import { TenantId } from "../../../src/Tenant.js"
import { TenantConnections } from "../../../src/TenantConnections.js"
import type { TenantDiscovery } from "../../../src/TenantDiscovery.js"
import * as TenantLayers from "../../../src/TenantLayers.js"
import { type Steps, textOf, World } from "../../connections/support/world.js"

export const acme = TenantId.make("acme")
export const globex = TenantId.make("globex")
export const initech = TenantId.make("initech")

/** Stands for a pool of connections. */
export class Db extends Context.Tag("test/Db")<
  Db,
  { readonly tenantId: TenantId; readonly password: string; maxOpenConns: number; closed: boolean }
>() {}

const building: (id: TenantId) => Effect.Effect<void, string> = () => Effect.void
const releasing: (id: TenantId) => Effect.Effect<void> = () => Effect.void

export class Factory extends Effect.Service<Factory>()("test/Factory", {
  sync: () => ({
    built: new Array<Db["Type"]>(),
    released: new Array<Db["Type"]>(),
    alive: 0,
    mostAlive: 0,
    /** Runs in each build, after the resource is acquired. */
    build: building,
    /** Runs in each release. */
    release: releasing,
    /** Runs in each change of the limits. */
    apply: Effect.asVoid<void, string, never>(Effect.void)
  })
}) {}

const lookup: TenantLayers.ServiceOptions<Db, unknown, Factory>["lookup"] = (connections, tenant) =>
  Layer.scoped(
    Db,
    Effect.gen(function* () {
      const factory = yield* Factory
      const settings = yield* connections.postgresql()
      factory.alive++
      factory.mostAlive = Math.max(factory.mostAlive, factory.alive)
      const db: Db["Type"] = {
        tenantId: tenant.id,
        password: textOf(settings.password),
        maxOpenConns: settings.connectionSettings.maxOpenConns ?? 0,
        closed: false
      }
      yield* Effect.addFinalizer(() =>
        Effect.zipRight(
          factory.release(tenant.id),
          Effect.sync(() => {
            factory.alive--
            db.closed = true
            factory.released.push(db)
          })
        )
      )
      yield* factory.build(tenant.id)
      factory.built.push(db)
      return db
    })
  )

export class TenantDb extends TenantLayers.Service<TenantDb>()("test/TenantDb", { lookup }) {}

/** Like `TenantDb`, but applies changed limits to the open resource. */
export class AdjustableDb extends TenantLayers.Service<AdjustableDb>()("test/AdjustableDb", {
  lookup,
  apply: (resource, connections) =>
    Effect.gen(function* () {
      yield* (yield* Factory).apply
      const db = Context.get(resource, Db)
      db.maxOpenConns = connections.connectionSettings().maxOpenConns ?? 0
    })
}) {}

export class Transaction extends Context.Tag("test/Transaction")<Transaction, string>() {}

export class IsolatedDb extends TenantLayers.Service<IsolatedDb>()("test/IsolatedDb", {
  lookup: (_, { id }) =>
    Layer.succeed(Db, { tenantId: id, password: "", maxOpenConns: 0, closed: false }),
  isolate: [Transaction]
}) {}

export type All =
  | TenantDb
  | AdjustableDb
  | IsolatedDb
  | Factory
  | TenantConnections
  | TenantDiscovery

export interface Subject {
  readonly world: World
  readonly factory: Factory
  readonly logs: Array<string>
  /** Closes the layer of the pools. */
  readonly close: Effect.Effect<void>
}

/** A test with its own pools, which are closed at its end by the test clock. */
export const scenario = (
  name: string,
  test: (subject: Subject) => Steps<All>,
  options?: TenantLayers.TenantLayersOptions
) =>
  it.effect(name, () =>
    Effect.gen(function* () {
      const world = new World(["acme", "globex", "initech"])
      const logs: Array<string> = []
      const logger = Logger.make(({ annotations, message }) => {
        logs.push([message, ...annotations].flat(3).map(String).join(" "))
      })
      const scope = yield* Scope.make()
      const layer = Layer.mergeAll(
        TenantDb.layer(options),
        AdjustableDb.layer(options),
        IsolatedDb.layer()
      ).pipe(
        Layer.provideMerge(Factory.Default),
        Layer.provideMerge(TenantConnections.layer({ checkInterval: 0 })),
        Layer.provideMerge(world.discovery),
        Layer.provideMerge(Logger.replace(Logger.defaultLogger, logger))
      )
      const context = yield* Layer.buildWithScope(layer, scope)
      const factory = Context.get(context, Factory)
      const close = Scope.close(scope, Exit.void)
      const subject: Subject = { world, factory, logs, close }
      yield* Effect.provide(
        Effect.gen(() => test(subject)),
        context
      )
      const closing = yield* Effect.fork(close)
      yield* TestClock.adjust("1 minute")
      yield* closing
    })
  )

/** A use of a resource that lasts until it is released; built by a fiber that ends, as a merged layer is. */
export const useOf = <R>(pool: Layer.Layer<Db, unknown, R>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Fiber.join(yield* Effect.fork(Layer.buildWithScope(pool, scope)))
    return { db: Context.get(context, Db), release: Scope.close(scope, Exit.void) }
  })

export const use = (id: TenantId) => useOf(TenantDb.get(id))

export const once = (id: TenantId) =>
  Effect.flatMap(use(id), ({ db, release }) => Effect.as(release, db))

/** Forks an effect and lets it run until it waits. */
export const begin = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.zipLeft(Effect.fork(effect), Effect.repeatN(Effect.yieldNow(), 50))

/** Forks a use that is expected to fail, and lets it run until it waits. */
export const beginFailing = (id: TenantId) => begin(Effect.flip(use(id)))

/** Forks work under `provide`; ends when it has its resource. */
export const start = <A, E, R>(id: TenantId, work: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const started = yield* Deferred.make<void>()
    const running = Effect.zipRight(Deferred.succeed(started, undefined), work)
    const fiber = yield* Effect.fork(TenantDb.provide(id)(running))
    yield* Deferred.await(started)
    return fiber
  })

/** The tag of the error that the work ended with. */
export const failureOf = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.map(Effect.flip(Fiber.join(fiber)), (error) =>
    Predicate.hasProperty(error, "_tag") ? error._tag : error
  )

/** Work that never ends. `order` records its interruption and the release of its resource. */
export const recorded = (factory: Factory) => {
  const order: Array<string> = []
  factory.release = () => Effect.sync(() => void order.push("released"))
  const work = Effect.onInterrupt(Effect.never, () => Effect.sync(() => order.push("interrupted")))
  return { order, work }
}
