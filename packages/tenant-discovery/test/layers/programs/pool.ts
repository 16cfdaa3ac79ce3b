/** A program with a pool, ended by a signal in one of several situations. It prints what happens, in order. */
import { NodeRuntime } from "@effect/platform-node"
import { Context, Effect, Exit, Layer, ManagedRuntime } from "effect"
import { TenantId } from "../../../src/Tenant.js"
import { TenantConnections } from "../../../src/TenantConnections.js"
import * as TenantLayers from "../../../src/TenantLayers.js"
import { TestTenantDiscovery, TestTenantManager } from "../../../src/testing.js"

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))
const situation = process.argv[2]
const acme = TenantId.make("acme")

/** `Effect.never` has a timer, which keeps the process. */
const hang = Effect.async<void>(() => undefined)

class Db extends Context.Tag("program/Db")<Db, { readonly id: TenantId }>() {}

class TenantDb extends TenantLayers.Service<TenantDb>()("program/TenantDb", {
  drain: "1 second",
  closeTimeout: "1 second",
  lookup: (_, { id }) =>
    Layer.scoped(
      Db,
      Effect.acquireRelease(Effect.succeed({ id }), () =>
        situation === "hangs" ? hang : say("released")
      )
    )
}) {}

const layer = TenantDb.layer().pipe(
  Layer.provideMerge(TenantConnections.layer()),
  Layer.provideMerge(TestTenantDiscovery.layer(["acme"])),
  Layer.provideMerge(TestTenantManager.layer())
)

const withSettings = <A, E, R>(work: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const manager = yield* TestTenantManager
    yield* manager.setConnections("acme", Effect.succeed({ id: "cfg-acme" }))
    return yield* work
  })

const request = TenantDb.provide(acme)(
  Effect.zipRight(
    say("working"),
    situation === "finishes" || situation === "hangs" ? Effect.sleep("500 millis") : Effect.never
  ).pipe(Effect.onInterrupt(() => say("interrupted")))
).pipe(
  Effect.onExit((exit) =>
    say(Exit.isSuccess(exit) ? "finished" : `failed ${/Tenant\w+/.exec(String(exit.cause))?.[0]}`)
  )
)

if (situation === "finalizer") {
  // A consumer that saves its position when it is interrupted.
  const save = TenantDb.provide(acme)(say("saved"))
  const consumer = Effect.zipRight(say("working"), Effect.never).pipe(
    Effect.onExit(() => Effect.orDie(save))
  )
  NodeRuntime.runMain(Effect.provide(withSettings(consumer), layer))
} else {
  const runtime = ManagedRuntime.make(layer)
  runtime.runFork(withSettings(request))
  const dispose = (): void => {
    const began = Date.now()
    void runtime.dispose().then(() => {
      process.stdout.write(`disposed ${Date.now() - began}\n`)
    })
  }
  const alive = setInterval(() => undefined, 1000)
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      clearInterval(alive)
      dispose()
    })
  }
}
