/** The example as a user runs it, and its output on a terminal. */
import { Command } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { SqlClient } from "@effect/sql"
import { PgClient } from "@effect/sql-pg"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { fileURLToPath } from "node:url"
import { embedded, urlOf } from "../src/balance-sync/server.js"
import { createRuns, endRunsOf, violations } from "../src/replicas/runs.js"
import { fit, makeScreen } from "../src/replicas/screen.js"

const MAIN = new URL("../src/replicas/main.ts", import.meta.url)

describe("example:replicas", () => {
  it.scopedLive(
    "ends by itself: each tenant had work again, and never twice at once",
    () =>
      Effect.gen(function* () {
        const child = yield* Command.make(
          process.execPath,
          "--import",
          "tsx",
          "--conditions=tenant-discovery-source",
          "--disable-warning=ExperimentalWarning",
          fileURLToPath(MAIN)
        ).pipe(Command.start)
        const output = yield* Stream.merge(child.stdout, child.stderr).pipe(
          Stream.decodeText(),
          Stream.mkString
        )
        expect(output).toMatch(/As promised: each tenant had work after \d\.\d s/)
        expect(yield* child.exitCode).toBe(0)
        // Without a terminal: plain lines.
        expect(output).not.toContain("\u001b")
        expect(Math.max(...output.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80)
      }).pipe(Effect.provide(NodeContext.layer)),
    90_000
  )
})

describe("the record of runs", () => {
  it.scopedLive(
    "finds a begin before an end, and a fence that is lower than one before",
    () =>
      Effect.gen(function* () {
        const url = urlOf(yield* embedded())
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* createRuns
          const run = (tenant: string, fence: number, began: number, ended: number | null) =>
            sql`INSERT INTO runs (tenant, replica, fence, began, ended) VALUES
              (${tenant}, 'a', ${fence}, to_timestamp(${began}), to_timestamp(${ended}))`
          yield* run("sound", 1, 0, 10)
          yield* run("sound", 1, 10, 20)
          yield* run("sound", 2, 30, null)
          expect(yield* violations).toEqual([])
          yield* run("overlap", 1, 0, 10)
          yield* run("overlap", 2, 9, 20)
          yield* run("no end", 1, 0, null)
          yield* run("no end", 2, 10, null)
          yield* run("fence", 2, 0, 10)
          yield* run("fence", 1, 10, 20)
          expect((yield* violations).toSorted()).toEqual([
            "a began fence after a, out of order",
            "a began no end after a, out of order",
            "a began overlap after a, out of order"
          ])
          // A killed replica's runs count as ended when it was killed.
          yield* endRunsOf("a", 10_000)
          expect(yield* violations).toHaveLength(2)
        }).pipe(Effect.provide(PgClient.layer({ url })))
      }),
    60_000
  )
})

describe("the screen", () => {
  const record = (isTTY: boolean) => {
    const written: Array<string> = []
    return { written, isTTY, write: (text: string) => written.push(text) > 0 }
  }

  it.effect("draws the table in place on a terminal, with the lines above it", () =>
    Effect.gen(function* () {
      const output = record(true)
      const screen = yield* makeScreen(output)
      yield* screen.show(["a 1", "b 2"])
      yield* screen.say("killed")
      yield* screen.show(["a 3"])
      expect(output.written).toEqual([
        "a 1\nb 2\n",
        "\u001b[2A\u001b[J  0.0 s  killed\na 1\nb 2\n",
        "\u001b[2A\u001b[Ja 3\n"
      ])
    })
  )

  it.effect("prints without a terminal only what differs", () =>
    Effect.gen(function* () {
      const output = record(false)
      const screen = yield* makeScreen(output)
      yield* screen.show(["a 1", "b 2"])
      yield* screen.say("killed")
      yield* screen.show(["a 1", "b 0"])
      expect(output.written.join("")).toBe("a 1\nb 2\n  0.0 s  killed\nb 0\n")
    })
  )

  it("cuts a long list and tells how much is missing", () => {
    expect(fit(["one", "two"], 7)).toBe("one two")
    const cut = fit(["one", "two", "three", "four"], 12)
    expect(cut).toBe("one two +2")
  })
})
