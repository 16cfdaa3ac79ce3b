import * as Effect from "effect/Effect"
import { Redis } from "ioredis"
import { realTime } from "./realTime.js"

export interface RedisTarget {
  readonly host: string
  readonly port: number
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tls?: boolean | undefined
  readonly db?: number | undefined
}

/** A client that connects once, queues nothing while disconnected and handles its `error` events. */
export const quietClient = (target: RedisTarget, timeoutMillis: number): Redis => {
  const client = new Redis({
    host: target.host,
    port: target.port,
    lazyConnect: true,
    enableReadyCheck: false,
    enableOfflineQueue: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMillis,
    commandTimeout: timeoutMillis,
    retryStrategy: () => null,
    ...(target.username === undefined ? {} : { username: target.username }),
    ...(target.password === undefined ? {} : { password: target.password }),
    ...(target.tls === true ? { tls: {} } : {}),
    ...(target.db === undefined ? {} : { db: target.db })
  })
  client.on("error", () => {})
  return client
}

/** Runs commands in order on a new connection. Fails with the first refusal. */
export const runCommands = (
  target: RedisTarget,
  commands: ReadonlyArray<ReadonlyArray<string | number>>,
  timeoutMillis: number
): Effect.Effect<ReadonlyArray<unknown>, Error> =>
  Effect.acquireUseRelease(
    Effect.sync(() => quietClient(target, timeoutMillis)),
    (client) =>
      Effect.tryPromise({
        try: async () => {
          let refused: Error | undefined
          client.once("error", (error: Error) => {
            refused = error
          })
          // `connect` rejects with "Connection is closed."; the event has the reason.
          await client.connect().catch((error: Error) => Promise.reject(refused ?? error))
          const replies: Array<unknown> = []
          for (const [name, ...args] of commands) {
            if (name !== undefined) replies.push(await client.call(String(name), ...args))
          }
          return replies
        },
        catch: (cause) => (cause instanceof Error ? cause : new Error(String(cause)))
      }).pipe(
        Effect.timeoutFail({
          duration: timeoutMillis,
          onTimeout: () => new Error(`no answer within ${timeoutMillis} ms`)
        }),
        realTime
      ),
    (client) => Effect.sync(() => client.disconnect())
  )
