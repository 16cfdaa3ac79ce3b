/** Rows 6 to 8: the cost of the state. */
import { Effect, Ref } from "effect"
import { TenantId } from "tenant-discovery"
import { HandWrittenTenants } from "./baseline/handWritten.js"
import { inMemory, overTheNetwork, tenantsTo } from "./harness/discoveries.js"
import { against, atMost, figure, type Figure } from "./harness/figure.js"
import { collectGarbage, interleave, keep, processorTime } from "./harness/rounds.js"
import { makeTenantManager, makeWorld } from "./harness/world.js"
import {
  associated,
  chanceOf,
  disassociated,
  ENVIRONMENT,
  listBody,
  SERVICE,
  tenantIdAt
} from "./traffic.js"

const sizeName = (count: number): string =>
  count >= 1_000_000 ? `${count / 1_000_000}M` : `${count / 1000}k`

const READS = 100_000

/** Nanoseconds of one read. */
const reading = (read: Effect.Effect<unknown>) => {
  const all = Effect.gen(function* () {
    for (let i = 0; i < READS; i++) keep(yield* read)
  })
  return () => {
    const start = process.hrtime.bigint()
    Effect.runSync(all)
    return Number(process.hrtime.bigint() - start) / READS
  }
}

/** O(1): a read costs the same at each size, as the read of an array in a Ref does. */
const row6 = (count: number) =>
  Effect.gen(function* () {
    const { discovery } = yield* inMemory(tenantsTo(count))
    const ref = yield* Ref.make(yield* discovery.activeTenantIds)
    const rounds = yield* Effect.promise(() =>
      interleave({ ours: reading(discovery.activeTenantIds), theirs: reading(Ref.get(ref)) })
    )
    return figure(
      {
        row: 6,
        name: `activeTenantIds unchanged, ${sizeName(count)}`,
        baseline: "an array in a Ref",
        unit: "ns",
        budget: atMost(2)
      },
      rounds
    )
  }).pipe(Effect.scoped)

/** Microseconds of CPU to parse and apply one event and read the IDs, message by message. */
const row7 = (count: number, budget: number) =>
  Effect.gen(function* () {
    const events = Math.max(100, Math.min(2000, 10_000_000 / count))
    const chance = chanceOf(1)
    const ids = Array.from({ length: events }, () =>
      TenantId.make(tenantIdAt(Math.floor(chance() * count)))
    )
    const { discovery, send } = yield* inMemory(tenantsTo(count))
    const handWritten = new HandWrittenTenants(SERVICE, ENVIRONMENT)
    handWritten.list(tenantsTo(count).map(({ id, name }) => ({ id, name, status: "active" })))

    const visible = (id: TenantId, active: boolean): Effect.Effect<void> =>
      Effect.flatMap(discovery.isActive(id), (now) =>
        now === active ? Effect.void : Effect.zipRight(Effect.yieldNow(), visible(id, active))
      )
    const each = async (run: () => Promise<void>) => (await processorTime(run)) / events
    const oursOnce = (id: TenantId) =>
      Effect.gen(function* () {
        const active = yield* discovery.isActive(id)
        yield* send(active ? disassociated(id) : associated(id))
        yield* visible(id, !active)
        keep(yield* discovery.activeTenantIds)
      })
    const ours = () =>
      each(() => Effect.runPromise(Effect.forEach(ids, oursOnce, { discard: true })))
    const theirs = () =>
      each(async () => {
        for (const id of ids) {
          handWritten.onMessage("", handWritten.has(id) ? disassociated(id) : associated(id))
          keep(Object.freeze([...handWritten.ids]))
        }
      })
    const rounds = yield* Effect.promise(() =>
      interleave({ ours, theirs }, { rounds: 6, warmUp: 2, collect: false })
    )
    return figure(
      {
        row: 7,
        name: `receive one event and read the IDs, ${sizeName(count)}`,
        baseline: "hand-written: Map + array of its keys",
        unit: "us of CPU",
        budget: atMost(budget)
      },
      rounds
    )
  }).pipe(Effect.scoped)

const heap = (): number => {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

const COUNT = 100_000

const listedStrings = (): ReadonlyArray<string> => {
  const listed = JSON.parse(listBody(COUNT)) as ReadonlyArray<{ id: string; name: string }>
  return listed.flatMap(({ id, name }) => [id, name])
}

/** Bytes of the strings of a list, without the array that holds them. */
const stringBytes = (): number => {
  const before = heap()
  keep(listedStrings())
  return heap() - before - COUNT * 2 * 8
}

/** Bytes of heap of a discovery, less the strings of its list. */
const row8 = Effect.gen(function* () {
  const world = yield* makeWorld
  const { url } = yield* makeTenantManager
  const connect = overTheNetwork({
    redis: world.redis,
    tenantManager: url,
    tenants: COUNT,
    channel: "memory"
  })
  // The first one compiles the code.
  yield* Effect.scoped(connect)
  const values: Array<number> = []
  for (let round = 0; round < 3; round++) {
    keep(undefined)
    const strings = stringBytes()
    keep(undefined)
    const before = heap()
    const discovery = yield* connect
    keep(yield* discovery.activeTenantIds)
    values.push((heap() - before - strings) / COUNT)
    process.stderr.write(".")
  }
  return against(
    { row: 8, name: "memory per tenant beyond its strings, 100k", unit: "bytes" },
    values,
    150
  )
}).pipe(Effect.scoped)

export const view: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const memory = yield* row8
  const read = yield* Effect.forEach([1000, 100_000, 1_000_000], row6)
  const applied = yield* Effect.all([row7(1000, 3), row7(10_000, 2), row7(100_000, 2)])
  return [...read, ...applied, memory]
})
