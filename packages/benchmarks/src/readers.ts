/** Row 12: what readers of `changes` cost the loop. */
import { Chunk, Effect, Fiber, Stream } from "effect"
import { TenantId } from "tenant-discovery"
import { type InMemory, inMemory, tenantsTo } from "./harness/discoveries.js"
import { atLeast, figure, type Figure } from "./harness/figure.js"
import { interleave, keep, processorTime, until } from "./harness/rounds.js"
import { associated, tenantIdAt, traffic } from "./traffic.js"

const TENANTS = 10_000
const MESSAGES = 100_000
/** As many as come in one piece of 64 kB from a socket. */
const BATCH = 140

const messages = traffic({ kind: "own", count: MESSAGES, tenants: TENANTS, seed: 3 })

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const rateOf = ({ discovery, sink }: InMemory) => {
  let ended = TENANTS
  return async (): Promise<number> => {
    const id = TenantId.make(tenantIdAt(ended++))
    const spent = await processorTime(async () => {
      let given = 0
      for (const raw of messages) {
        sink.message(raw)
        if (++given % BATCH === 0) await turn()
      }
      sink.message(associated(id))
      await until(() => Effect.runSync(discovery.isActive(id)), "the last message")
    })
    return MESSAGES / (spent / 1e6)
  }
}

let told = 0

const withReaders = (count: number) =>
  Effect.gen(function* () {
    const subject = yield* inMemory(tenantsTo(TENANTS))
    const fibers = yield* Effect.forEach(Array.from({ length: count }), () =>
      Effect.forkScoped(
        Stream.runForEachChunk(subject.discovery.changes, (chunk) =>
          Effect.sync(() => {
            told += Chunk.size(chunk)
          })
        )
      )
    )
    return { rate: rateOf(subject), fibers }
  })

export const readers: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.scoped(
  Effect.gen(function* () {
    const none = yield* withReaders(0)
    const one = yield* withReaders(1)
    const ten = yield* withReaders(10)
    const stopped = yield* withReaders(10)
    yield* Effect.promise(turn)
    yield* Fiber.interruptAll(stopped.fibers)
    const measured = yield* Effect.promise(() =>
      interleave(
        { none: none.rate, one: one.rate, ten: ten.rate, stopped: stopped.rate },
        // As for the listener, what they have compiled stays.
        { rounds: 9, warmUp: 2, collect: false }
      )
    )
    keep(told)
    const unit = "messages a second of processor"
    return [
      figure(
        {
          row: 12,
          name: "the loop, ten readers of `changes`",
          baseline: "one reader",
          unit,
          reach: atLeast(0.8)
        },
        { ours: measured.ten, theirs: measured.one }
      ),
      figure(
        {
          row: 12,
          name: "the loop, ten readers that have stopped",
          baseline: "no reader",
          unit,
          reach: atLeast(0.95)
        },
        { ours: measured.stopped, theirs: measured.none }
      )
    ]
  })
)
