/** What the commands print, over test doubles. */
import { describe, expect, it } from "@effect/vitest"
import { Chunk, ConfigProvider, Duration, Effect, Redacted, Stream, TestClock } from "effect"
import { TenantId, TenantListing, TenantManager } from "tenant-discovery"
import { connections } from "../../src/cli/connectionsCommand.js"
import { diagnose } from "../../src/cli/doctor/diagnosis.js"
import {
  failed,
  ok,
  runSteps,
  type Step,
  type StepReport,
  warning
} from "../../src/cli/doctor/step.js"
import { judge } from "../../src/cli/doctor/reach.js"
import { DiagnosisFailed, printReports } from "../../src/cli/doctorCommand.js"
import { list, type ListFormat } from "../../src/cli/listCommand.js"
import { hasColours } from "../../src/cli/output.js"
import { cleaner } from "../../src/cli/secrets.js"
import { makeOutput } from "./support.js"

const manager = (more: Partial<TenantListing> = {}) =>
  TenantManager.of({
    service: "ledger",
    listActiveTenants: Effect.succeed({
      ...TenantListing.of([
        { id: TenantId.make("globex"), name: undefined },
        { id: TenantId.make("acme"), name: "Acme\u001b[31m\nCorp" }
      ]),
      ...more
    }),
    getConnections: () =>
      Effect.succeed({
        id: "cfg-1",
        isolationMode: "isolated",
        databases: {
          main: {
            postgresql: {
              host: "pg.example",
              port: 5432,
              database: "acme",
              username: "acme",
              password: Redacted.make("s3cret-value")
            },
            connectionSettings: { statementTimeout: Duration.seconds(30) }
          }
        },
        streaming: { main: { kafka: { brokers: ["a:9092", "b:9092"] } } }
      })
  })

const printed = <E>(
  command: Effect.Effect<void, E, TenantManager>,
  more?: Partial<TenantListing>
) =>
  Effect.gen(function* () {
    const output = makeOutput()
    yield* command.pipe(
      Effect.provideService(TenantManager, manager(more)),
      Effect.provide(output.layer)
    )
    return output
  })

describe("list", () => {
  it.effect("prints a table sorted by ID, and the total to standard error", () =>
    Effect.gen(function* () {
      const { error, out } = yield* printed(list("table"))
      expect(out.join("\n").split("\n")).toEqual(["ID      NAME", "acme    Acme Corp", "globex  -"])
      expect(error).toEqual(["2 active tenants of ledger"])
    })
  )

  it.effect.each([
    ["ids", "acme\nglobex"],
    [
      "json",
      JSON.stringify(
        [
          { id: "acme", name: "Acme\u001b[31m\nCorp" },
          { id: "globex", name: null }
        ],
        null,
        2
      )
    ]
  ] as const)("prints %s and nothing else", ([format, text]: readonly [ListFormat, string]) =>
    Effect.gen(function* () {
      const { error, out } = yield* printed(list(format))
      expect(out).toEqual([text])
      expect(error).toEqual([])
    })
  )

  it.effect("prints no line for no tenant, and says what it could not read", () =>
    Effect.gen(function* () {
      const { error, out } = yield* printed(list("ids"), { tenants: [], skipped: 2 })
      expect(out).toEqual([])
      expect(error).toEqual(["left out what could not be read: 2 elements of the list"])
    })
  )
})

describe("connections", () => {
  it.effect("masks every secret in the text", () =>
    Effect.gen(function* () {
      const { out } = yield* printed(connections(TenantId.make("acme"), "text"))
      expect(out.join("\n")).toBe(`id: cfg-1
isolationMode: isolated
databases:
  main:
    postgresql:
      host: pg.example
      port: 5432
      database: acme
      username: acme
      password: ********
    connectionSettings:
      statementTimeout: 30s
streaming:
  main:
    kafka:
      brokers:
        - a:9092
        - b:9092`)
    })
  )

  it.effect("masks every secret in the JSON", () =>
    Effect.gen(function* () {
      const { out } = yield* printed(connections(TenantId.make("acme"), "json"))
      expect(out.join("\n")).not.toContain("s3cret-value")
      expect(JSON.parse(out.join("\n"))).toMatchObject({
        databases: { main: { postgresql: { password: "********" } } }
      })
    })
  )
})

describe("colours", () => {
  it.each([
    [true, true, {}, true],
    [true, true, { NO_COLOR: "" }, true],
    [true, true, { NO_COLOR: "1" }, false],
    [true, false, {}, false],
    [false, true, {}, false]
  ])("terminal %s with colours %s and %j: %s", (isTTY, hasColors, environment, expected) => {
    expect(hasColours({ isTTY, hasColors: () => hasColors }, environment)).toBe(expected)
  })
})

const step = (name: string, run: Step["run"], ...needs: ReadonlyArray<string>): Step => ({
  step: name,
  needs,
  tried: `try ${name}`,
  run
})

const ran = (steps: ReadonlyArray<Step>, clean = (text: string) => text) =>
  Effect.map(Stream.runCollect(runSteps(steps, Duration.seconds(5), clean)), Chunk.toReadonlyArray)

describe("the steps of doctor", () => {
  it.effect("skips what depends on a failed step, and names that step", () =>
    Effect.gen(function* () {
      const reports = yield* ran([
        step("dns", Effect.succeed(failed("gone", "look"))),
        step("tcp", Effect.dieMessage("must not run"), "dns"),
        step("http", Effect.dieMessage("must not run"), "tcp"),
        step("redis", Effect.succeed(ok("well")))
      ])
      expect(reports.map(({ found, status }) => `${status}: ${found}`)).toEqual([
        "failed: gone",
        "skipped: not tried, because the step dns failed",
        "skipped: not tried, because the step dns failed",
        "ok: well"
      ])
    })
  )

  it.effect("a warning skips nothing, and a failure of the effect is a finding", () =>
    Effect.gen(function* () {
      const reports = yield* ran([
        step("ping", Effect.succeed(warning("refused", "grant it"))),
        step("subscribe", Effect.fail(failed("refused", "grant it")), "ping")
      ])
      expect(reports.map(({ status }) => status)).toEqual(["warning", "failed"])
    })
  )

  it.effect("a step that does not end fails with its own advice, in time", () =>
    Effect.gen(function* () {
      const silent = { ...step("tls", Effect.never), ifSilent: "turn TLS off" }
      const fiber = yield* Effect.fork(ran([silent]))
      yield* TestClock.adjust("5 seconds")
      expect(yield* fiber).toEqual([
        {
          step: "tls",
          status: "failed",
          tried: "try tls",
          found: "no answer within 5s",
          took: 5000,
          advice: "turn TLS off"
        }
      ])
    })
  )

  it.effect("removes secrets from every text, however they are spelled", () =>
    Effect.gen(function* () {
      const secret = 'p"a ss%'
      const spelled = [secret, encodeURIComponent(secret), JSON.stringify(secret)].join(" ")
      const [report] = yield* ran(
        [{ ...step("auth", Effect.succeed(failed(spelled, spelled))), tried: spelled }],
        cleaner([Redacted.make(secret), undefined, Redacted.make("")])
      )
      const clean = '<redacted> <redacted> "<redacted>"'
      expect(report).toMatchObject({ tried: clean, found: clean, advice: clean })
    })
  )
})

describe("a certificate", () => {
  const names = { host: "MULTI_TENANT_URL", ca: "MULTI_TENANT_CA_CERT", off: "turn TLS off" }
  const judged = (today: string) =>
    judge(
      { host: "tm.example", port: 443 },
      {
        problem: undefined,
        names: ["tm.example"],
        issuer: "Example CA",
        expires: new Date("2030-06-30T00:00:00Z"),
        protocol: "TLSv1.3"
      },
      Date.parse(today),
      undefined,
      names
    )

  it("that expires within 14 days is a warning", () => {
    const found =
      "tm.example:443: TLSv1.3; the certificate names tm.example, was issued by Example CA and expires on 2030-06-30"
    expect(judged("2030-06-15")).toEqual(ok(found))
    expect(judged("2030-06-20")).toEqual(
      warning(found, "renew the certificate: it expires in 10 days")
    )
  })
})

const reports: ReadonlyArray<StepReport> = [
  { step: "dns", status: "ok", tried: "a", found: "b", took: 1.5, advice: null },
  { step: "tcp", status: "failed", tried: "c", found: "d\ne", took: 20, advice: "f" }
]

const print = (format: "text" | "json") =>
  Effect.gen(function* () {
    const { layer, out } = makeOutput()
    const printing = printReports(Stream.fromIterable(reports), format)
    expect(yield* Effect.flip(Effect.provide(printing, layer))).toBeInstanceOf(DiagnosisFailed)
    return out.join("\n")
  })

describe("doctor", () => {
  it.effect("prints a few lines for each step and a summary, and fails for a failed step", () =>
    Effect.gen(function* () {
      expect(yield* print("text")).toBe(`ok       dns             1.5 ms
         tried a
         found b
FAILED   tcp             20 ms
         tried c
         found d
               e
         do    f

failed: tcp (1 ok, 0 warnings, 1 failed, 0 skipped)`)
    })
  )

  it.effect("prints one JSON document", () =>
    Effect.gen(function* () {
      expect(JSON.parse(yield* print("json"))).toEqual({ ok: false, steps: reports })
    })
  )

  const diagnosed = (env: Readonly<Record<string, string>>) =>
    Stream.runCollect(
      diagnose({ timeout: Duration.seconds(5), listenFor: Duration.zero, publish: false })
    ).pipe(
      Effect.map(Chunk.toReadonlyArray),
      Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))
    )

  it.effect("names every wrong variable, one a line, and tries nothing else", () =>
    Effect.gen(function* () {
      const all = yield* diagnosed({
        APPLICATION_NAME: "ledger",
        MULTI_TENANT_URL: "ftp://example",
        MULTI_TENANT_REDIS_HOST: "redis.example",
        MULTI_TENANT_REDIS_PORT: "70000"
      })
      expect(all).toHaveLength(1)
      expect(all[0]?.status).toBe("failed")
      expect(all[0]?.found.split("\n").map((line) => line.split(":")[0])).toEqual([
        "ENVIRONMENT_NAME is missing",
        "MULTI_TENANT_URL is invalid",
        "MULTI_TENANT_SERVICE_API_KEY is missing",
        "MULTI_TENANT_REDIS_PORT is invalid",
        "MULTI_TENANT_ENABLED=false is the way to single-tenant mode; .env.reference explains each variable"
      ])
      expect(all[0]?.advice).toBe(
        "set ENVIRONMENT_NAME, MULTI_TENANT_URL, MULTI_TENANT_SERVICE_API_KEY, MULTI_TENANT_REDIS_PORT as said"
      )
    })
  )

  it.effect("has nothing to try in single-tenant mode", () =>
    Effect.gen(function* () {
      const all = yield* diagnosed({ MULTI_TENANT_ENABLED: "false" })
      expect(all.map(({ status, step }) => [step, status])).toEqual([["variables", "ok"]])
    })
  )
})
