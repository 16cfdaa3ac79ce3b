import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { TenantId } from "tenant-discovery"
import { makeLeases } from "../src/internal/leases.js"

const acme = TenantId.make("acme")
const globex = TenantId.make("globex")

const leasesWith = (fence: bigint, deadline: number) =>
  Effect.gen(function* () {
    const leases = yield* makeLeases(yield* Effect.clock)
    yield* leases.grant(new Map([["default:1", fence]]), leases.now() + deadline)
    return leases
  })

/** A lease whose scope the test closes. */
const open = (leases: Effect.Effect.Success<ReturnType<typeof makeLeases>>, id: TenantId) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const lease = yield* Scope.extend(leases.hold("default:1", id), scope)
    return { lease, close: Scope.close(scope, Exit.void) }
  })

describe("leases", () => {
  it.effect("refuse a tenant of a shard that is not granted", () =>
    Effect.gen(function* () {
      const leases = yield* makeLeases(yield* Effect.clock)
      expect(leases.owns("default:1", acme)).toBe(false)
      const refused = yield* Effect.scoped(Effect.flip(leases.hold("default:1", acme)))
      expect(refused).toMatchObject({ _tag: "TenantNotAssigned", tenantId: acme })
    })
  )

  it.effect("have the fence of their grant and are valid until its deadline", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(7n, 4000)
      const { lease } = yield* open(leases, acme)
      expect(lease.fence).toBe(7n)
      yield* TestClock.adjust(3999)
      expect(yield* lease.isValid).toBe(true)
      yield* TestClock.adjust(1)
      expect(yield* lease.isValid).toBe(false)
      expect(leases.owns("default:1", acme)).toBe(false)
    })
  )

  it.effect("are lost when their grant expires, and only then", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(1n, 4000)
      const { lease } = yield* open(leases, acme)
      const lost = yield* Effect.fork(lease.lost)
      yield* TestClock.adjust(3000)
      leases.extend("default:1", leases.now() + 4000)
      yield* TestClock.adjust(3999)
      expect(yield* leases.expire).toEqual({ shards: 0, leases: 0 })
      expect(lost.unsafePoll()).toBeNull()
      yield* TestClock.adjust(1)
      expect(yield* leases.expire).toEqual({ shards: 1, leases: 1 })
      yield* Fiber.join(lost)
    })
  )

  it.effect("cannot be extended after their deadline", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(1n, 4000)
      const { lease } = yield* open(leases, acme)
      yield* TestClock.adjust(4000)
      leases.extend("default:1", leases.now() + 4000)
      expect(yield* lease.isValid).toBe(false)
    })
  )

  it.effect("of an earlier grant keep their own tenant unowned, and no other", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(1n, 4000)
      const { close, lease } = yield* open(leases, acme)
      yield* leases.end(["default:1"])
      yield* leases.grant(new Map([["default:1", 2n]]), leases.now() + 4000)
      expect(leases.owns("default:1", globex)).toBe(true)
      expect(leases.owns("default:1", acme)).toBe(false)
      expect(yield* lease.isValid).toBe(false)
      const before = yield* leases.revision
      yield* close
      expect(leases.owns("default:1", acme)).toBe(true)
      expect(yield* leases.revision).toBeGreaterThan(before)
      expect((yield* open(leases, acme)).lease.fence).toBe(2n)
    })
  )

  it.effect("that close while their shard is another replica's are no change", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(1n, 4000)
      const { close } = yield* open(leases, acme)
      yield* leases.end(["default:1"])
      const before = yield* leases.revision
      yield* close
      expect(yield* leases.revision).toBe(before)
    })
  )

  it.effect("a grant ends what an expired grant left behind", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(1n, 4000)
      const { lease } = yield* open(leases, acme)
      yield* TestClock.adjust(5000)
      yield* leases.grant(new Map([["default:1", 2n]]), leases.now() + 4000)
      yield* lease.lost
      expect(leases.owns("default:1", acme)).toBe(false)
    })
  )

  it.effect("a valid grant keeps its fence", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(1n, 4000)
      yield* leases.grant(new Map([["default:1", 2n]]), leases.now() + 4000)
      expect((yield* open(leases, acme)).lease.fence).toBe(1n)
    })
  )

  it.effect("drained waits for every lease of the shard", () =>
    Effect.gen(function* () {
      const leases = yield* leasesWith(1n, 4000)
      const first = yield* open(leases, acme)
      const second = yield* open(leases, globex)
      yield* leases.end(["default:1"])
      const drained = yield* Effect.fork(leases.drained("default:1"))
      yield* first.close
      yield* Effect.yieldNow()
      expect(drained.unsafePoll()).toBeNull()
      yield* second.close
      yield* Fiber.join(drained)
    })
  )
})
