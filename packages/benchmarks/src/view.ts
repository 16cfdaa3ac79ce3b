/** Rows 6 to 8 and 11: what the state costs. */
import { Effect, Ref } from "effect"
import { type Tenant, TenantId, TenantView } from "tenant-discovery"
import { inMemory, tenantsTo } from "./harness/discoveries.js"
import { against, atMost, figure, type Figure, shown } from "./harness/figure.js"
import { collectGarbage, interleave, keep } from "./harness/rounds.js"
import { chanceOf, tenantIdAt } from "./traffic.js"

const thousands = (count: number): string =>
  count >= 1_000_000 ? `${count / 1_000_000}M` : `${count / 1000}k`

const viewOf = (tenants: ReadonlyArray<Tenant>): TenantView =>
  TenantView.applyListing(TenantView.empty, tenants).view

/** Nanoseconds for each of `times`. */
const nanosEach = (times: number, run: () => void): number => {
  const start = process.hrtime.bigint()
  run()
  return Number(process.hrtime.bigint() - start) / times
}

const READS = 100_000

const reading = (read: Effect.Effect<unknown>) => {
  const all = Effect.gen(function* () {
    for (let i = 0; i < READS; i++) keep(yield* read)
  })
  return () => nanosEach(READS, () => Effect.runSync(all))
}

const row6 = (count: number) =>
  Effect.gen(function* () {
    const { discovery } = yield* inMemory(tenantsTo(count))
    const ref = yield* Ref.make(yield* discovery.activeTenantIds)
    const measured = yield* Effect.promise(() =>
      interleave({ ours: reading(discovery.activeTenantIds), theirs: reading(Ref.get(ref)) })
    )
    return figure(
      {
        row: 6,
        name: `activeTenantIds, nothing changed, ${thousands(count)} tenants`,
        baseline: "an array in a Ref",
        unit: "ns",
        reach: atMost(1.5)
      },
      measured
    )
  }).pipe(Effect.scoped)

const EVENTS = 20_000
/** Before those that count, since a collection of garbage throws away compiled code as well. */
const WARM_EVENTS = 2000
/** As a multiple of the reads that count. */
const WARM_READS = 4

/** One event after the other, each on the view that the last one made. */
const applying = (count: number) => {
  const chance = chanceOf(1)
  const ids = Array.from({ length: EVENTS }, () =>
    TenantId.make(tenantIdAt(Math.floor(chance() * count)))
  )
  const cause = { _tag: "Event", eventType: "tenant.service.suspended", eventId: "e" } as const
  let view = viewOf(tenantsTo(count))
  const map = new Map(tenantsTo(count).map((tenant) => [tenant.id, tenant]))
  const turnOurs = (tenantId: TenantId) => {
    const _tag = view.has(tenantId) ? "Remove" : "Add"
    view = TenantView.applyEvent(view, { _tag, tenantId, cause })
  }
  const turnTheirs = (id: TenantId) => {
    if (map.has(id)) map.delete(id)
    else map.set(id, { id, name: undefined })
  }
  const each = (turn: (id: TenantId) => void) => () => {
    for (const id of ids.slice(0, WARM_EVENTS)) turn(id)
    return nanosEach(EVENTS, () => {
      for (const id of ids) turn(id)
    })
  }
  return {
    ours: each(turnOurs),
    theirs: each(turnTheirs),
    oursRead: (reads: number) => {
      let nanos = 0
      for (const tenantId of ids.slice(0, WARM_READS * reads)) {
        turnOurs(tenantId)
        keep(view.ids)
      }
      for (const tenantId of ids.slice(0, reads)) {
        turnOurs(tenantId)
        nanos += nanosEach(reads, () => keep(view.ids))
      }
      return nanos
    },
    theirsRead: (reads: number) => {
      let nanos = 0
      for (const id of ids.slice(0, WARM_READS * reads)) {
        turnTheirs(id)
        keep(Object.freeze([...map.keys()]))
      }
      for (const id of ids.slice(0, reads)) {
        turnTheirs(id)
        nanos += nanosEach(reads, () => keep(Object.freeze([...map.keys()])))
      }
      return nanos
    }
  }
}

const sizes: ReadonlyArray<number> = [1000, 10_000, 100_000, 1_000_000]

/** In code that stays compiled, where what a larger table costs is the processor's caches, a Map's as well. */
const flatness = async (
  subjects: ReadonlyArray<{ readonly count: number } & ReturnType<typeof applying>>
): Promise<ReadonlyArray<Figure>> => {
  const of = (count: number) => subjects.find((subject) => subject.count === count)
  const [small, large] = [of(1000), of(1_000_000)]
  if (small === undefined || large === undefined) return []
  const warm = await interleave(
    { ours: large.ours, oursSmall: small.ours, theirs: large.theirs, theirsSmall: small.theirs },
    { rounds: 9, warmUp: 9, collect: false }
  )
  const heading = { row: 7, unit: "ns", reach: shown }
  return [
    figure(
      {
        ...heading,
        name: "apply one event in warm code, 1M to 1k tenants",
        baseline: "ours, with 1k"
      },
      { ours: warm.ours, theirs: warm.oursSmall }
    ),
    figure(
      { ...heading, name: "change a native Map in warm code, 1M to 1k", baseline: "a Map with 1k" },
      { ours: warm.theirs, theirs: warm.theirsSmall }
    )
  ]
}

const row7 = Effect.promise(async (): Promise<ReadonlyArray<Figure>> => {
  const subjects = sizes.map((count) => ({ count, ...applying(count) }))
  const applied = await interleave(
    Object.fromEntries(
      subjects.flatMap(({ count, ours, theirs }) => [
        [`ours ${count}`, ours],
        [`theirs ${count}`, theirs]
      ])
    )
  )
  const smallest = applied["ours 1000"] ?? []
  const smallestMap = applied["theirs 1000"] ?? []
  const figures: Array<Figure> = []
  for (const { count, oursRead, theirsRead } of subjects) {
    const ours = applied[`ours ${count}`] ?? []
    const theirs = applied[`theirs ${count}`] ?? []
    figures.push(
      figure(
        {
          row: 7,
          name: `apply one event, ${thousands(count)} tenants`,
          baseline: "native Map, changed in place",
          unit: "ns",
          reach: shown
        },
        { ours, theirs }
      )
    )
    if (count === 1_000_000) {
      figures.push(
        figure(
          {
            row: 7,
            name: "apply one event, 1M to 1k tenants",
            baseline: "ours, with 1k",
            unit: "ns",
            reach: atMost(2)
          },
          { ours, theirs: smallest }
        ),
        figure(
          {
            row: 7,
            name: "change a native Map, 1M to 1k",
            baseline: "a Map with 1k",
            unit: "ns",
            reach: shown
          },
          { ours: theirs, theirs: smallestMap }
        )
      )
    }
    const reads = Math.max(3, Math.min(500, 1_000_000 / count))
    const read = await interleave({
      ours: () => oursRead(reads) / 1000,
      theirs: () => theirsRead(reads) / 1000
    })
    figures.push(
      figure(
        {
          row: 7,
          name: `first read after an event, ${thousands(count)} tenants`,
          baseline: "array of a native Map's keys",
          unit: "us",
          reach: atMost(1.5)
        },
        read
      )
    )
  }
  figures.push(...(await flatness(subjects)))
  return figures
})

const heap = (): number => {
  collectGarbage()
  collectGarbage()
  return process.memoryUsage().heapUsed
}

const row8 = Effect.sync((): ReadonlyArray<Figure> => {
  const count = 100_000
  const ids = tenantsTo(count).map(({ id }) => id)
  const names = ids.map((_, index) => `Tenant number ${index}`)
  const fresh = (): ReadonlyArray<Tenant> => ids.map((id, index) => ({ id, name: names[index] }))
  const bytes = (make: () => unknown): number => {
    const before = heap()
    const made = make()
    keep(made)
    const after = heap()
    keep(undefined)
    return (after - before) / count
  }
  const ours: Array<number> = []
  const withIds: Array<number> = []
  const map: Array<number> = []
  for (let round = 0; round < 6; round++) {
    const mine = bytes(() => viewOf(fresh()))
    const read = bytes(() => {
      const view = viewOf(fresh())
      keep(view.ids)
      return view
    })
    const theirs = bytes(() => new Map(fresh().map((tenant) => [tenant.id, tenant])))
    if (round === 0) continue
    ours.push(mine)
    withIds.push(read)
    map.push(theirs)
  }
  const heading = { row: 8, unit: "bytes", baseline: "native Map" } as const
  return [
    against({ row: 8, name: "a tenant beyond its strings, 100k", unit: "bytes" }, ours, 100),
    figure({ ...heading, name: "the same beside a Map", reach: shown }, { ours, theirs: map }),
    figure(
      { ...heading, name: "the same, its IDs once read", reach: shown },
      { ours: withIds, theirs: map }
    )
  ]
})

/** What a reader that walks two Maps finds out: who came and who left. */
const walk = (before: ReadonlyMap<string, Tenant>, after: ReadonlyMap<string, Tenant>) => {
  const changes: Array<{ readonly _tag: "Added" | "Removed"; readonly tenant: Tenant }> = []
  for (const [id, tenant] of before) if (!after.has(id)) changes.push({ _tag: "Removed", tenant })
  for (const [id, tenant] of after) if (!before.has(id)) changes.push({ _tag: "Added", tenant })
  return changes
}

/** A view, and one that is `behind` changes later: new ones each time, since both remember what was asked of them. */
const apart = (tenants: ReadonlyArray<Tenant>, behind: number) => {
  const from = viewOf(tenants)
  const chance = chanceOf(2)
  let to = from
  for (let i = 0; i < behind; i++) {
    const tenantId = TenantId.make(tenantIdAt(Math.floor(chance() * tenants.length * 1.05)))
    const cause = { _tag: "Event", eventType: "tenant.deleted", eventId: undefined } as const
    const _tag = to.has(tenantId) ? "Remove" : "Add"
    to = TenantView.applyEvent(to, { _tag, tenantId, cause })
  }
  return { from, to }
}

const row11 = Effect.promise(async () => {
  const tenants = tenantsTo(100_000)
  const mapOf = (view: TenantView) =>
    new Map(view.tenants.map((tenant) => [tenant.id as string, tenant]))
  const behind = 10_000
  const once = apart(tenants, behind)
  const [before, after] = [mapOf(once.from), mapOf(once.to)]
  return figure(
    {
      row: 11,
      name: "diff, 10 000 changes behind, 100k tenants",
      baseline: "walking both Maps",
      unit: "us",
      reach: atMost(1.2)
    },
    await interleave({
      ours: () => {
        const { from, to } = apart(tenants, behind)
        return nanosEach(1, () => keep(TenantView.diff(from, to))) / 1000
      },
      theirs: () => nanosEach(1, () => keep(walk(before, after))) / 1000
    })
  )
})

export const view: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.gen(function* () {
  const memory = yield* row8
  const walked = yield* row11
  const read = yield* Effect.forEach([1000, 100_000, 1_000_000], row6)
  const applied = yield* row7
  return [...read, ...applied, ...memory, walked]
})
