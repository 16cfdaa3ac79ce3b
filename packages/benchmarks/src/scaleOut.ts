/** Rows 17 to 20: tenants that are shared by replicas. */
import { Effect } from "effect"
import type { TenantDiscoveryService } from "tenant-discovery"
import { TestTenantAssignment } from "tenant-discovery/testing"
import { inMemory, tenantsTo } from "./harness/discoveries.js"
import { atMost, figure, type Figure } from "./harness/figure.js"
import { interleave } from "./harness/rounds.js"
import { ringMoves } from "./scaleOut/ringMoves.js"
import { takeover } from "./scaleOut/takeover.js"
import { scheduledTicks } from "./workers.js"

const TENANTS = 10_000

const runs = (discovery: TenantDiscoveryService) =>
  Effect.promise(async () => {
    const ids = Effect.runSync(discovery.activeTenantIds)
    const rounds = await interleave(
      {
        ours: () => scheduledTicks(discovery, TestTenantAssignment.layer(ids)),
        theirs: () => scheduledTicks(discovery)
      },
      { rounds: 5, warmUp: 1 }
    )
    return figure(
      {
        row: 18,
        name: "scheduled, one tick over 10k tenants with an assignment, no-op",
        baseline: "the same without an assignment",
        unit: "ms of CPU",
        budget: atMost(1.2)
      },
      rounds
    )
  })

export const scaleOut: Effect.Effect<ReadonlyArray<Figure>, unknown> = Effect.scoped(
  Effect.gen(function* () {
    const { discovery } = yield* inMemory(tenantsTo(TENANTS))
    const begin = yield* runs(discovery)
    return [begin, ...(yield* takeover), ...ringMoves()]
  })
)
