/** Hostile lists through the decoder, the client and the reducer. */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Either, Logger, LogLevel, Option, Redacted, Schema } from "effect"
import assert from "node:assert/strict"
import { setImmediate as turn } from "node:timers/promises"
import { inspect } from "node:util"
import { TenantId } from "../../src/Tenant.js"
import { TenantManager } from "../../src/TenantManager.js"
import {
  cases,
  hostile,
  ids,
  type Json,
  parsed,
  SECRET,
  seed,
  SeededRandom,
  TURN
} from "./hostile.js"
import { Element, excerptOf, isActiveStatus, makeProgram, readList } from "./support.js"

const element = (random: SeededRandom): Json => ({
  id: random.chance(0.1) ? random.pick<Json>([7, null]) : random.pick(ids),
  ...(random.chance(0.5) ? { name: random.pick<Json>(["Acme", "", null, 7, "\ud800"]) } : {}),
  ...(random.chance(0.5)
    ? { status: random.pick<Json>(["active", "active", "suspended", "", null, 0]) }
    : {}),
  ...(random.chance(0.3) ? { password: SECRET } : {})
})

const list = (random: SeededRandom): Json =>
  Array.from({ length: random.below(8) }, () => element(random))

const declared = Schema.decodeUnknownEither(Element)

/** The IDs that the contract finds in a body; `undefined` for a malformed one. */
const expected = (body: Json): ReadonlyArray<string> | undefined => {
  if (body !== null && !Array.isArray(body)) return undefined
  const elements: ReadonlyArray<Json> = body ?? []
  const readable = elements.flatMap((item) => Option.toArray(Either.getRight(declared(item))))
  if (readable.length === 0 && elements.length > 0) return undefined
  const active = readable.filter(({ status }) => isActiveStatus(status))
  return [...new Set(active.map(({ id }) => id))]
}

/** A call of the client takes a hundred times as long as the decoder. */
const calls = Math.ceil(cases / 20)

/** So many results are inspected at once: to inspect takes longer than to make them. */
const TOGETHER = 50

const holdsSecret = (values: ReadonlyArray<unknown>): boolean =>
  inspect(values, { depth: 20, maxArrayLength: null, maxStringLength: null }).includes(SECRET)

describe(`hostile lists, seed ${seed}`, () => {
  it(
    `the decoder finds the tenants of the contract in ${cases} bodies`,
    async () => {
      const random = new SeededRandom(seed)
      let bodies = 0
      let lists = 0
      while (bodies < cases) {
        const text = hostile(list(random), random)
        const body = parsed(text)
        const excerpt = body === undefined || bodies % 10 === 0 ? excerptOf(text, SECRET) : ""
        assert(!excerpt.includes(SECRET) && excerpt.length <= 512, excerpt)
        if (body === undefined) continue
        if (++bodies % TURN === 0) await turn()
        const active = expected(body.value)
        const result = readList(body.value)
        assert.equal(Either.isRight(result), active !== undefined, text)
        if (Either.isLeft(result)) {
          assert(!result.left.includes(SECRET))
          continue
        }
        lists++
        const { skippedText, tenants } = result.right
        assert.deepEqual([...new Set(tenants.map(({ id }) => id))], active)
        for (const { id, name } of tenants) {
          assert(TenantId.isCanonical(id))
          assert(name === undefined || typeof name === "string")
        }
        assert(!skippedText.includes(SECRET))
      }
      expect(lists).toBeGreaterThan(cases / 10)
      expect(Reflect.get({}, "polluted")).toBeUndefined()
    },
    cases * 2 + 60_000
  )

  it.live(
    `${calls} answers through the client and the reducer: no secret is shown, an unreadable element removes no tenant`,
    () =>
      Effect.gen(function* () {
        const random = new SeededRandom(seed + 1)
        const shown: Array<unknown> = []
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
        const program = makeProgram(1)
        const logger = Logger.make(({ annotations, cause, message }) => {
          shown.push(message, cause, annotations)
        })
        const call = Effect.gen(function* () {
          text = hostile(list(random), random)
          const result = yield* Effect.either(manager.listActiveTenants)
          // The client drops a byte order mark and replaces what is not Unicode by U+FFFD.
          const received = Buffer.from(text)
            .toString("utf8")
            .replace(/^\uFEFF/, "")
          const body = parsed(received)
          const active = body === undefined ? undefined : expected(body.value)
          assert.equal(Either.isRight(result), active !== undefined, text)
          if (Either.isLeft(result)) {
            assert.equal(result.left._tag, "TenantManagerMalformedBody")
            shown.push(result.left, JSON.stringify(result.left))
            return
          }
          const listing = result.right
          assert.deepEqual([...new Set(listing.tenants.map(({ id }) => id))], active)
          const before = program.state().view
          shown.push(program.listed(listing))
          const { status, view } = program.state()
          shown.push(status)
          assert(listing.tenants.every(({ id }) => view.has(id)))
          assert(listing.skipped === 0 || before.ids.every((id) => view.has(id)))
        })
        const allCalls = Effect.gen(function* () {
          for (let done = 1; done <= calls; done++) {
            yield* call
            if (done % TOGETHER === 0 || done === calls) {
              assert(!holdsSecret(shown), `one of the calls up to ${done} shows the secret`)
              shown.length = 0
              yield* Effect.promise(() => turn())
            }
          }
        })
        yield* allCalls.pipe(
          Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
          Logger.withMinimumLogLevel(LogLevel.All)
        )
      }),
    cases * 2 + 60_000
  )
})
