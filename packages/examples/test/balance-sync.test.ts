/** The example on a real database, run to its end, and the judge that it is judged by. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, LogLevel } from "effect"
import { ACCOUNTS, OPENING_BALANCE } from "../src/balance-sync/databases.js"
import { balanceSync } from "../src/balance-sync/program.js"
import { type Account, judge } from "../src/balance-sync/summary.js"

describe("balance-sync", () => {
  it.live(
    "loses no batch, applies none twice, and uses no credentials past their grace",
    () =>
      Effect.gen(function* () {
        const verdicts = yield* Logger.withMinimumLogLevel(balanceSync, LogLevel.Error)
        expect(verdicts.map(({ problems, tenant }) => [tenant, problems])).toEqual(
          ["acme", "globex", "initech", "umbrella", "stark"].map((tenant) => [tenant, []])
        )
        // Rotations found everybody at work.
        for (const { roles } of verdicts) expect(roles).toBeGreaterThan(1)
      }),
    90_000
  )

  const sound: Account = {
    tenant: "acme",
    enqueued: [{ id: 0, from: 0, to: 1, amount: 5 }],
    applied: [{ id: 0, role: "first", at: 1000 }],
    balances: Array.from({ length: ACCOUNTS }, (_, index) =>
      index === 0 ? OPENING_BALANCE - 5 : index === 1 ? OPENING_BALANCE + 5 : OPENING_BALANCE
    ),
    replacedAt: new Map([["first", 500]])
  }

  it("is judged", () => {
    const problems = (account: Partial<Account>, grace = 500) =>
      judge({ ...sound, ...account }, grace).problems
    expect(problems({})).toEqual([])
    expect(problems({}, 499)).toEqual(["1 with old credentials after the grace"])
    expect(problems({ applied: [] })).toEqual(["1 batches lost"])
    expect(problems({ applied: [...sound.applied, ...sound.applied] })).toEqual(["1 applied twice"])
    expect(problems({ balances: [] })).toEqual(["the balances are wrong"])
  })
})
