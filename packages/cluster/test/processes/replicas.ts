/** Replicas as processes on an embedded PostgreSQL, each behind a fault proxy of its own. */
import { PgClient } from "@effect/sql-pg"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { FaultProxy } from "@tenant-discovery/simulator"
import { Context, Effect, Layer, Redacted, Schedule, Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import { embedded, type Server } from "../../../examples/src/balance-sync/server.js"
import { bundle } from "../../../examples/src/replicas/replicaProcess.js"
import { createReferee, makeReferee, movesPerTenant, type Referee, violations } from "./referee.js"

const WORKER = new URL("./worker.ts", import.meta.url)

/** Within this time every tenant has work again after a fault. */
const TAKEOVER_MILLIS = 10_000

export interface Replica {
  readonly name: string
  readonly proxy: FaultProxy.FaultProxy
  readonly output: () => string
  readonly signal: (name: NodeJS.Signals) => Effect.Effect<void>
  readonly send: (line: string) => Effect.Effect<void>
  readonly isRunning: () => boolean
  readonly exited: Effect.Effect<number | NodeJS.Signals | null>
  /** Sends the line; ends when the output that follows has the text. */
  readonly asks: (line: string, text: string) => Effect.Effect<void>
  /** Ends when the output has the text. */
  readonly says: (text: string | RegExp) => Effect.Effect<void>
}

export interface World {
  readonly server: Server
  readonly referee: Referee
  readonly sql: PgClient.PgClient
  readonly start: (
    name: string,
    env?: Record<string, string>
  ) => Effect.Effect<Replica, FaultProxy.FaultProxyError>
  /** The running replicas. */
  readonly running: () => ReadonlyArray<Replica>
  /** SIGCONT after SIGSTOP. */
  readonly thaw: (replica: Replica) => Effect.Effect<void>
  /** Sends the signal; the runs of the replica count as ended. */
  readonly end: (replica: Replica, signal: "SIGKILL" | "SIGSTOP") => Effect.Effect<void>
  /** Adds tenants in all running replicas, and in those that start later. */
  readonly add: (...tenants: ReadonlyArray<string>) => Effect.Effect<void>
  /** Removes tenants in the same way. */
  readonly remove: (...tenants: ReadonlyArray<string>) => Effect.Effect<void>
  /** The tenants that have begun since `at`. */
  readonly begun: (at: number) => Effect.Effect<ReadonlyArray<string>>
  /** Waits until each tenant has begun since `at`; the milliseconds until the last one had. */
  readonly allBegun: (at: number, except?: string) => Effect.Effect<number>
  /**
   * Waits until each tenant has begun since the fault at `at`, and not by `except`; fails where one
   * took longer than ten seconds.
   */
  readonly takenOver: (what: string, at: number, except?: string) => Effect.Effect<void>
  readonly launchThree: (
    env?: Record<string, string>
  ) => Effect.Effect<readonly [Replica, Replica, Replica], FaultProxy.FaultProxyError>
  /** Launches three replicas and waits until each has work. */
  readonly startThree: World["launchThree"]
  /** Empties the referee's table. */
  readonly reset: Effect.Effect<void>
  /** As `allBegun`, for all tenants but one. */
  readonly begunBut: (tenant: string, at: number, except?: string) => Effect.Effect<number>
  /** The replica of the tenant's last run. */
  readonly ownerOf: (tenant: string) => Effect.Effect<string | undefined>
  readonly movesPerTenant: (at: number) => Effect.Effect<number>
  /** Waits until the replica begins a run. */
  readonly oneBegun: (name: string) => Effect.Effect<number>
  readonly now: Effect.Effect<number>
  /** Ends without violations, or dies with them and the replicas' output. */
  readonly verdict: Effect.Effect<void>
}

export const urlOf = (server: Server, port = server.port): string => {
  const url = new URL(`postgres://127.0.0.1:${port}/${server.database}`)
  url.username = server.username
  url.password = Redacted.value(server.password)
  return url.href
}

const launch = (
  program: string,
  name: string,
  proxy: FaultProxy.FaultProxy,
  env: Record<string, string>
) =>
  Effect.sync((): Replica => {
    let output = ""
    const child: ChildProcess = spawn(process.execPath, ["--no-deprecation", program], {
      env: { ...process.env, ...env, REPLICA: name },
      stdio: ["pipe", "pipe", "pipe"]
    })
    const waiting = new Set<() => void>()
    const wake = () => {
      for (const check of waiting) check()
    }
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        output += chunk.toString()
        wake()
      })
    }
    child.on("close", wake)
    const isRunning = () => child.exitCode === null && child.signalCode === null
    const until = (condition: () => boolean) =>
      Effect.async<void>((resume) => {
        const check = () => {
          if (!condition()) return
          waiting.delete(check)
          resume(Effect.void)
        }
        waiting.add(check)
        check()
      })
    const send = (line: string) => Effect.sync(() => void child.stdin?.write(`${line}\n`))
    return {
      name,
      proxy,
      output: () => output,
      signal: (signal) => Effect.sync(() => void child.kill(signal)),
      send,
      asks: (line, text) =>
        Effect.suspend(() => {
          const from = output.length
          return Effect.zipRight(
            send(line),
            until(() => output.includes(text, from))
          )
        }),
      isRunning,
      exited: Effect.map(
        until(() => !isRunning()),
        () => child.exitCode ?? child.signalCode
      ),
      says: (text) =>
        until(() => (typeof text === "string" ? output.includes(text) : text.test(output)))
    }
  })

/** A server, a referee and no replica. Every process ends with the scope. */
export const makeWorld = (options: {
  /** How many tenants there are at first: `tenant-0`, `tenant-1` and so on. */
  readonly tenants: number
  readonly workMillis: number
  /** What stands between the proxies and the server; default: nothing. */
  readonly between?: (
    server: Server
  ) => Effect.Effect<{ readonly host: string; readonly port: number }, never, Scope.Scope>
}): Effect.Effect<World, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Effect.scope
    const program = yield* Effect.provide(bundle(WORKER), NodeFileSystem.layer)
    const server = yield* embedded()
    const target = options.between === undefined ? server : yield* options.between(server)
    const context = yield* Layer.build(
      PgClient.layer({ url: Redacted.make(urlOf(server)), maxConnections: 4 })
    )
    const sql = Context.get(context, PgClient.PgClient)
    yield* Effect.provide(createReferee, context)
    const referee = yield* Effect.provide(makeReferee, context)
    const replicas = new Set<Replica>()
    const tenants = new Set(Array.from({ length: options.tenants }, (_, n) => `tenant-${n}`))

    const start = (name: string, env: Record<string, string> = {}) =>
      Effect.gen(function* () {
        const proxy = yield* FaultProxy.make(target)
        const replica = yield* Effect.acquireRelease(
          launch(program, name, proxy, {
            CLUSTER_URL: urlOf(server, proxy.port),
            DIRECT_URL: urlOf(server),
            TENANTS: [...tenants].join(","),
            WORK_MS: String(options.workMillis),
            ...env
          }),
          (running) => Effect.zipRight(running.signal("SIGKILL"), running.exited)
        )
        replicas.add(replica)
        return replica
      }).pipe(Scope.extend(scope))

    const launchThree = (env?: Record<string, string>) =>
      Effect.all([start("a", env), start("b", env), start("c", env)], { concurrency: 3 })
    const running = () => [...replicas].filter((replica) => replica.isRunning())
    const sendAll = (lines: ReadonlyArray<string>) =>
      Effect.forEach(running(), ({ send }) => Effect.forEach(lines, send), { discard: true })
    const output = () =>
      [...replicas].map((replica) => `--- ${replica.name}\n${replica.output()}`).join("\n")
    const fail = (message: string) => Effect.dieMessage(`${message}\n${output()}`)
    const waitFor = <A>(what: string, check: Effect.Effect<A | undefined, unknown>) =>
      Effect.flatMap(check, (found) =>
        found === undefined ? Effect.fail("not yet") : Effect.succeed(found)
      ).pipe(
        Effect.retry(Schedule.spaced("100 millis")),
        Effect.timeoutOption("60 seconds"),
        Effect.orDie,
        Effect.flatMap((found) =>
          found._tag === "Some" ? Effect.succeed(found.value) : fail(`not within 60 s: ${what}`)
        )
      )

    const begunBut = (exceptTenant: string, at: number, exceptBy = "") =>
      waitFor(
        "each tenant begins",
        Effect.map(referee.firstBegins(at, { exceptBy }), (begun) => {
          const awaited = [...tenants].filter((tenant) => tenant !== exceptTenant)
          const after = awaited.map((tenant) => begun.get(tenant) ?? Infinity)
          return after.includes(Infinity) ? undefined : Math.max(...after)
        })
      )
    const allBegun = (at: number, except?: string) => begunBut("", at, except)
    const oneBegun = (by: string) =>
      Effect.flatMap(Effect.orDie(referee.now), (at) =>
        waitFor(
          `${by} begins`,
          Effect.map(referee.firstBegins(at, { by }), (begun) => [...begun.values()][0])
        )
      )

    return {
      server,
      referee,
      sql,
      start,
      running,
      thaw: (replica) =>
        Effect.zipRight(
          Effect.orDie(referee.mark("alive", replica.name)),
          replica.signal("SIGCONT")
        ),
      end: (replica, signal) =>
        Effect.zipRight(replica.signal(signal), Effect.orDie(referee.mark("dead", replica.name))),
      add: (...added) =>
        Effect.suspend(() => {
          for (const tenant of added) tenants.add(tenant)
          return sendAll(added.map((tenant) => `add ${tenant}`))
        }),
      remove: (...removed) =>
        Effect.suspend(() => {
          for (const tenant of removed) tenants.delete(tenant)
          return sendAll(removed.map((tenant) => `remove ${tenant}`))
        }),
      begun: (at) =>
        Effect.map(Effect.orDie(referee.firstBegins(at)), (begun) => [...begun.keys()]),
      allBegun,
      takenOver: (what, at, except) =>
        Effect.flatMap(allBegun(at, except), (millis) => {
          console.log(`${what}: all tenants begun after ${Math.round(millis)} ms`)
          return millis < TAKEOVER_MILLIS ? Effect.void : fail(`${what}: ${millis} ms`)
        }),
      launchThree,
      startThree: (env) =>
        Effect.tap(launchThree(env), (replicas) =>
          Effect.forEach(replicas, ({ name }) => oneBegun(name))
        ),
      reset: Effect.orDie(Effect.asVoid(sql`TRUNCATE referee`)),
      begunBut,
      ownerOf: (tenant) => Effect.orDie(referee.ownerOf(tenant)),
      movesPerTenant: (at) =>
        Effect.map(Effect.orDie(referee.rows), (rows) => movesPerTenant(rows, at)),
      oneBegun,
      now: Effect.orDie(referee.now),
      verdict: Effect.flatMap(Effect.orDie(referee.rows), (rows) => {
        const found = violations(rows)
        return found.length === 0 ? Effect.void : fail(found.join("\n"))
      })
    }
  })
