/** Checks the result of a run. */
import { ACCOUNTS, type Applied, type Batch, OPENING_BALANCE } from "./databases.js"

/** The state of one tenant at the end. */
export interface Account {
  readonly tenant: string
  readonly enqueued: ReadonlyArray<Batch>
  readonly applied: ReadonlyArray<Applied>
  readonly balances: ReadonlyArray<number>
  /** When each role was replaced by a newer one, in milliseconds since the epoch. */
  readonly replacedAt: ReadonlyMap<string, number>
}

export interface Verdict {
  readonly tenant: string
  readonly batches: number
  readonly roles: number
  /** How many replicas worked for the tenant. */
  readonly replicas: number
  readonly problems: ReadonlyArray<string>
}

export const judge = (account: Account, grace: number): Verdict => {
  const { applied, balances, enqueued, replacedAt } = account
  const problems: Array<string> = []
  const ids = new Set(applied.map(({ id }) => id))
  const lost = enqueued.filter(({ id }) => !ids.has(id)).length
  if (lost > 0) problems.push(`${lost} batches lost`)
  if (ids.size < applied.length) problems.push(`${applied.length - ids.size} applied twice`)
  const expected = Array.from({ length: ACCOUNTS }, () => OPENING_BALANCE)
  for (const { amount, from, to } of enqueued) {
    expected[from] = (expected[from] ?? 0) - amount
    expected[to] = (expected[to] ?? 0) + amount
  }
  if (expected.some((balance, index) => balance !== balances[index])) {
    problems.push("the balances are wrong")
  }
  const late = applied.filter(({ at, role }) => at > (replacedAt.get(role) ?? Infinity) + grace)
  if (late.length > 0) problems.push(`${late.length} with old credentials after the grace`)
  const inOrder = [...applied].sort((a, b) => a.at - b.at)
  const stale = inOrder.filter(
    ({ fence }, index) => BigInt(fence ?? 0) < BigInt(inOrder[index - 1]?.fence ?? 0)
  )
  if (stale.length > 0) problems.push(`${stale.length} with a fence lower than one before`)
  return {
    tenant: account.tenant,
    batches: applied.length,
    roles: new Set(applied.map(({ role }) => role)).size,
    replicas: new Set(applied.map(({ replica }) => replica)).size,
    problems
  }
}
