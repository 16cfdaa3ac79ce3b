/**
 * Row 20: which shards move when a replica leaves or joins, on the engine's own hash ring. A move
 * between two replicas that stay is needless.
 */
import * as RunnerAddress from "@effect/cluster/RunnerAddress"
import { HashRing } from "effect"
import { against, type Figure } from "../harness/figure.js"

/** The default of the cluster. */
const SHARDS = 300
const TRIALS = 60

const replica = () => RunnerAddress.make(`ledger-${crypto.randomUUID()}`, 1)

/** The owner of each shard. */
const owners = (replicas: ReadonlyArray<RunnerAddress.RunnerAddress>): ReadonlyArray<string> => {
  const ring = HashRing.make<RunnerAddress.RunnerAddress>()
  HashRing.addMany(ring, replicas)
  return HashRing.getShards(ring, SHARDS)?.map(String) ?? []
}

/** Of the shards of those that stay, the share in percent that moves among them. */
const needless = (
  before: ReadonlyArray<string>,
  after: ReadonlyArray<string>,
  changing: string
): number => {
  const staying = before.map((_, shard) => shard).filter((shard) => before[shard] !== changing)
  const moved = staying.filter(
    (shard) => after[shard] !== before[shard] && after[shard] !== changing
  )
  return (moved.length / staying.length) * 100
}

const ofOne = (replicas: number, what: "leaves" | "joins"): Figure => {
  const shares = Array.from({ length: TRIALS }, () => {
    const fewer = Array.from({ length: what === "leaves" ? replicas - 1 : replicas }, replica)
    const changing = replica()
    const [without, within] = [owners(fewer), owners([...fewer, changing])]
    return what === "leaves"
      ? needless(within, without, String(changing))
      : needless(without, within, String(changing))
  })
  return against(
    { row: 20, name: `tenants that move needlessly when one of ${replicas} ${what}`, unit: "%" },
    shares,
    10
  )
}

export const ringMoves = (): ReadonlyArray<Figure> =>
  [3, 30].flatMap((replicas) => [ofOne(replicas, "leaves"), ofOne(replicas, "joins")])
