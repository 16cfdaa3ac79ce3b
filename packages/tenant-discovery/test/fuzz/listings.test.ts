/** Hostile lists, through the decoder and through the whole client. */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Logger, LogLevel, Redacted, Schema } from "effect"
import assert from "node:assert/strict"
import { setImmediate as turn } from "node:timers/promises"
import { inspect } from "node:util"
import { decodeListing, Element, isActiveStatus } from "../../src/internal/http/listing.js"
import { excerptOf } from "../../src/internal/http/sanitize.js"
import { TenantId } from "../../src/Tenant.js"
import { TenantManager } from "../../src/TenantManager.js"
import { cases, Dice, hostile, type Json, parsed, SECRET, seed, TURN } from "./hostile.js"

const ids: readonly [Json, ...ReadonlyArray<Json>] = [
  "acme",
  "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F",
  "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f",
  "globex",
  "constructor",
  "hasOwnProperty",
  "__proto__",
  "{0193e8f0-c4b8-7c4a-9f3b-2f6f0c1d2e3f}",
  "",
  "x".repeat(257),
  7,
  null
]

const element = (dice: Dice): Json => ({
  id: dice.pick(ids),
  ...(dice.chance(0.5) ? { name: dice.pick<Json>(["Acme", "", null, 7, "\ud800"]) } : {}),
  ...(dice.chance(0.5)
    ? { status: dice.pick<Json>(["active", "active", "suspended", "", null, 0]) }
    : {}),
  ...(dice.chance(0.3) ? { password: SECRET } : {})
})

const list = (dice: Dice): Json => Array.from({ length: dice.below(8) }, () => element(dice))

const declared = Schema.decodeUnknownEither(Element)

/** The IDs that the contract finds in a body; `undefined` where it is no list, or none is readable. */
const expected = (body: Json): ReadonlyArray<string> | undefined => {
  if (body === null) return []
  if (!Array.isArray(body)) return undefined
  const found = new Set<string>()
  let readable = 0
  for (const item of body) {
    const decoded = declared(item)
    if (Either.isRight(decoded)) readable++
    if (Either.isRight(decoded) && isActiveStatus(decoded.right.status)) found.add(decoded.right.id)
  }
  return body.length > 0 && readable === 0 ? undefined : [...found]
}

/** A whole client costs a hundred times what its decoder does. */
const calls = Math.ceil(cases / 20)

/** How many outcomes are looked at together: to look costs more than to make them. */
const TOGETHER = 50

const looksHarmless = (told: ReadonlyArray<unknown>): boolean =>
  !inspect(told, { depth: 20, maxArrayLength: null, maxStringLength: null }).includes(SECRET)

describe(`lists, seed ${seed}`, () => {
  it(
    `the decoder finds what the contract says in ${cases} bodies, and never throws`,
    async () => {
      const dice = new Dice(seed)
      let bodies = 0
      let lists = 0
      while (bodies < cases) {
        const text = hostile(list(dice), dice)
        const body = parsed(text)
        if (body === undefined) {
          // The decoder does not get to see it; its beginning is told.
          const beginning = excerptOf(text, SECRET)
          assert(!beginning.includes(SECRET) && beginning.length <= 512, beginning)
          continue
        }
        if (++bodies % TURN === 0) await turn()
        const right = expected(body.value)
        const outcome = decodeListing(body.value)
        assert.equal(Either.isRight(outcome), right !== undefined)
        if (Either.isLeft(outcome)) {
          assert(!outcome.left.includes(SECRET))
          assert(!excerptOf(text, SECRET).includes(SECRET))
          continue
        }
        lists++
        const { firstSkipped, inactive, skipped, tenants } = outcome.right
        assert.deepEqual([...new Set(tenants.map(({ id }) => id))], right)
        for (const { id, name } of tenants) {
          assert(TenantId.isCanonical(id))
          assert(name === undefined || typeof name === "string")
        }
        assert.equal(firstSkipped === undefined, skipped === 0)
        assert(!JSON.stringify([firstSkipped, [...inactive]]).includes(SECRET))
      }
      expect(lists).toBeGreaterThan(cases / 10)
      expect(Reflect.get({}, "polluted")).toBeUndefined()
    },
    cases * 2 + 60_000
  )

  it.live(
    `the whole client answers ${calls} times with those or with an error that tells no secret`,
    () =>
      Effect.gen(function* () {
        const dice = new Dice(seed + 1)
        const told: Array<unknown> = []
        let text = ""
        const client = HttpClient.make((request) =>
          Effect.sync(() => HttpClientResponse.fromWeb(request, new Response(text)))
        )
        const manager = yield* TenantManager.make({
          service: "ledger",
          url: "http://127.0.0.1:1",
          apiKey: Redacted.make(SECRET),
          circuitBreaker: { threshold: 0 }
        }).pipe(Effect.provideService(HttpClient.HttpClient, client))
        const logger = Logger.make(({ annotations, cause, message }) => {
          told.push(message, cause, annotations)
        })
        const asking = Effect.gen(function* () {
          for (let done = 1; done <= calls; done++) {
            text = hostile(list(dice), dice)
            const outcome = yield* Effect.either(manager.listActiveTenants)
            // A byte order mark is no part of the text, and what is no Unicode becomes U+FFFD.
            const received = Buffer.from(text)
              .toString("utf8")
              .replace(/^\uFEFF/, "")
            const body = parsed(received)
            const right = body === undefined ? undefined : expected(body.value)
            assert.equal(Either.isRight(outcome), right !== undefined, text)
            if (Either.isRight(outcome)) {
              assert.deepEqual([...new Set(outcome.right.tenants.map(({ id }) => id))], right)
            } else {
              assert.equal(outcome.left._tag, "TenantManagerMalformedBody")
              told.push(outcome.left, JSON.stringify(outcome.left))
            }
            if (done % TOGETHER === 0 || done === calls) {
              assert(looksHarmless(told), `of the calls up to ${done}`)
              told.length = 0
              yield* Effect.promise(() => turn())
            }
          }
        })
        yield* asking.pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
          Logger.withMinimumLogLevel(LogLevel.All)
        )
      }),
    cases * 2 + 60_000
  )
})
