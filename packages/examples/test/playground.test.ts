/** The playground as a visitor uses it: buttons over HTTP, and what the page would show. */
import { expect, it } from "@effect/vitest"
import { RedisServer, Simulator } from "@tenant-discovery/simulator"
import { ConfigProvider, Duration, Effect, Exit, Layer, Schedule, Schema, Scope } from "effect"
import { NodeTenantDiscovery } from "tenant-discovery/node"
import { makePlayground } from "../src/playground/playground.js"

const Status = Schema.Struct({
  mode: Schema.String,
  activeTenants: Schema.Int,
  awaitingRemoval: Schema.Int,
  lastError: Schema.NullOr(Schema.Struct({ kind: Schema.String })),
  workers: Schema.Record({
    key: Schema.String,
    value: Schema.Record({ key: Schema.String, value: Schema.Int })
  })
})
type Status = typeof Status.Type

const setUp = Effect.gen(function* () {
  const redis = yield* RedisServer.make({ kind: "embedded" })
  const simulator = yield* Simulator.make({
    redis,
    environment: "playground",
    tenants: [{ id: "acme", name: "Acme Corp" }, { id: "globex" }, { id: "initech" }]
  })
  const discovery = yield* Layer.build(NodeTenantDiscovery.layerConfig).pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(simulator.env))))
  )
  const page = yield* Effect.provide(makePlayground({ simulator, port: 0 }), discovery)
  const url = (path: string) => new URL(path, page)
  const get = (path: string) => Effect.promise(() => fetch(url(path)))
  const status = Effect.promise(async () => (await fetch(url("/status"))).json()).pipe(
    Effect.flatMap(Schema.decodeUnknown(Status))
  )
  return {
    page,
    get,
    post: (action: string, body: object = {}, type = "application/json") =>
      Effect.promise(() =>
        fetch(url(`/demo/actions/${action}`), {
          method: "POST",
          headers: { "content-type": type },
          body: JSON.stringify(body)
        })
      ),
    /** Waits until the status is as wanted. */
    until: (what: string, wanted: (status: Status) => boolean) =>
      status.pipe(
        Effect.repeat({ until: wanted, schedule: Schedule.spaced("50 millis") }),
        Effect.timeoutFail({
          duration: "15 seconds",
          onTimeout: () => new Error(`the status never showed: ${what}`)
        })
      )
  }
})

const textOf = (response: Response) => Effect.promise(() => response.text())

it.scopedLive("serves the page and lists its actions", () =>
  Effect.gen(function* () {
    const { get, page } = yield* setUp
    expect(page).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\?demo$/)
    expect(yield* textOf(yield* get("/?demo"))).toContain("page.js")
    const actions: ReadonlyArray<Record<string, unknown>> = JSON.parse(
      yield* textOf(yield* get("/demo/actions"))
    )
    expect(actions.length).toBeGreaterThan(12)
    expect(new Set(actions.map(({ id }) => id)).size).toBe(actions.length)
    for (const action of actions) {
      expect(Object.keys(action)).toEqual(["id", "label", "needsTenant", "group", "hint"])
    }
  })
)

it.scopedLive("refuses what it cannot do, with the reason", () =>
  Effect.gen(function* () {
    const { post } = yield* setUp
    const refused = [
      [yield* post("explode"), 404, "there is no action"],
      [yield* post("suspend"), 409, "needs a tenant"],
      [yield* post("suspend", { tenant: "nobody" }), 409, "nobody"],
      [yield* post("work-fails", { tenant: "not valid!" }), 409, "expected 1 to 256 characters"],
      [yield* post("suspend", { tenant: 7 }), 400, "Expected string"],
      [yield* post("redis-kill", {}, "text/plain"), 409, "expected JSON"]
    ] as const
    for (const [response, status, reason] of refused) {
      expect(response.status).toBe(status)
      expect(response.headers.get("content-type")).toBe("application/problem+json")
      expect(yield* textOf(response)).toContain(reason)
    }
  })
)

it.scopedLive("changes tenants, kills Redis, and recovers", () =>
  Effect.gen(function* () {
    const { post, until } = yield* setUp
    yield* until("Live", ({ mode }) => mode === "Live")
    yield* post("create")
    yield* until("4 tenants", ({ activeTenants }) => activeTenants === 4)
    yield* post("suspend", { tenant: "acme" })
    yield* until("3 tenants", ({ activeTenants }) => activeTenants === 3)

    expect(yield* textOf(yield* post("redis-kill"))).toContain("Redis was killed")
    yield* until("BootstrapOnly", ({ mode }) => mode === "BootstrapOnly")
    expect(yield* textOf(yield* post("reactivate", { tenant: "acme" }))).toContain("event is lost")
    yield* post("redis-start")
    yield* until("Live, 4 tenants", (s) => s.mode === "Live" && s.activeTenants === 4)
  })
)

it.scopedLive("makes lists fail and lack tenants, and repairs them", () =>
  Effect.gen(function* () {
    const { post, until } = yield* setUp
    yield* until("Live", ({ mode }) => mode === "Live")
    yield* post("lists-fail")
    yield* until("a failed list", ({ lastError }) => lastError?.kind === "ListFailed")
    yield* post("repair")
    yield* post("create-many")
    yield* until("103 tenants", ({ activeTenants }) => activeTenants === 103)
    yield* post("lose-event")
    yield* post("suspend", { tenant: "acme" })
    yield* post("list")
    yield* until("102 tenants", ({ activeTenants }) => activeTenants === 102)
    yield* post("list-partial")
    yield* until("tenants that wait", ({ awaitingRemoval }) => awaitingRemoval > 50)
    yield* post("list")
    yield* until("no tenant lost", (s) => s.awaitingRemoval === 0 && s.activeTenants === 102)
  })
)

it.scopedLive("fails the work of one tenant, and repairs it", () =>
  Effect.gen(function* () {
    const { post, until } = yield* setUp
    const relays = (state: string) => (status: Status) => status.workers["outbox-relay"]?.[state]
    yield* until("3 relays", (status) => relays("Running")(status) === 3)
    yield* post("work-fails", { tenant: "globex" })
    yield* until("a relay that backs off", (status) => relays("BackingOff")(status) === 1)
    yield* post("work-repaired")
    yield* until("3 relays again", (status) => relays("Running")(status) === 3)
  })
)

it.live("closes at once while a page follows it", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const { get } = yield* Scope.extend(setUp, scope)
    const events = yield* get("/events")
    const reader = events.body?.getReader()
    yield* Effect.promise(async () => reader?.read())
    const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
    expect(Duration.toMillis(took)).toBeLessThan(2000)
  })
)
