/**
 * Both workers over one pool, until a signal. A tenant's name says what its work does then: `ends`
 * (after 300 ms), `hangs` (until it is interrupted), `stuck` (it cannot be interrupted). Arguments:
 *
 * 1. `main`: `NodeRuntime.runMain(Layer.launch(...))`. `fork`: `Layer.launch` in a forked fiber,
 *    which SIGUSR2 interrupts, as a program does that ends by itself.
 * 2. The drain, in milliseconds.
 */
import { NodeRuntime } from "@effect/platform-node"
import { Context, Effect, Fiber, Layer, Schedule } from "effect"
import { CurrentTenant } from "../../../src/CurrentTenant.js"
import { NodeTenantDiscovery } from "../../../src/node.js"
import * as TenantWorker from "../../../src/TenantWorker.js"

const [mode, drain] = process.argv.slice(2)

const say = (text: string) => Effect.sync(() => process.stdout.write(`${text}\n`))

/** Open: a signal has arrived. */
const shutdown = Effect.unsafeMakeLatch(false)
class Pool extends Context.Tag("test/Pool")<Pool, (who: string) => Effect.Effect<void>>() {
  static readonly layer = Layer.scoped(
    Pool,
    Effect.gen(function* () {
      let open = true
      yield* Effect.addFinalizer(() => {
        open = false
        return say("pool closed")
      })
      return (who) => Effect.suspend(() => (open ? Effect.void : say(`${who}: pool is closed`)))
    })
  )
}

const work = (worker: string) =>
  Effect.gen(function* () {
    const { id } = yield* CurrentTenant
    const use = yield* Pool
    const who = `${worker} of ${id}`
    yield* say(`${who} started`)
    yield* shutdown.await.pipe(
      Effect.zipRight(id === "ends" ? Effect.sleep("300 millis") : Effect.never),
      id === "stuck" ? Effect.uninterruptible : (work) => work,
      Effect.zipRight(use(who)),
      Effect.zipRight(say(`${who} ended`)),
      Effect.ensuring(
        Effect.sleep("50 millis").pipe(
          Effect.zipRight(use(who)),
          Effect.zipRight(say(`${who} finalized`))
        )
      )
    )
  })

const schedule = Schedule.spaced("20 millis")
const options = { drain: Number(drain) }
const Scheduled = TenantWorker.scheduled({
  name: "scheduled",
  schedule,
  ...options,
  run: work("scheduled")
})
const PerTenant = TenantWorker.perTenant({
  name: "perTenant",
  onEnd: "stop",
  ...options,
  run: work("perTenant")
})

// The scheduled one closes first. Not merged: a merged layer closes in fibers of its own, which the
// signal does not interrupt.
const App = Scheduled.pipe(
  Layer.provide(PerTenant),
  Layer.provide(Pool.layer),
  Layer.provide(NodeTenantDiscovery.layerConfig)
)

NodeRuntime.runMain(
  mode === "main"
    ? Layer.launch(App)
    : Effect.gen(function* () {
        const program = yield* Effect.forkDaemon(Layer.launch(App))
        yield* shutdown.await
        yield* Fiber.interrupt(program)
      })
)

// After `runMain`, whose own listener has then run when this one reports the signal.
for (const signal of ["SIGTERM", "SIGINT", "SIGUSR2"] as const) {
  process.once(signal, () => {
    process.stdout.write(`got ${signal}\n`)
    shutdown.unsafeOpen()
  })
}
