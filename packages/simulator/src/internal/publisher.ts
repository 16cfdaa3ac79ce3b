import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Redis } from "ioredis"
import { realTime } from "./realTime.js"
import { quietClient, type RedisTarget } from "./redisCommand.js"

export interface Message {
  readonly channel: string
  readonly message: string
}

export interface Publisher {
  /**
   * Publishes in order, pipelined; gives whether the server took all messages. It neither waits for
   * an unreachable server nor sends later. A stopped server may still receive them.
   */
  readonly publish: (messages: ReadonlyArray<Message>) => Effect.Effect<boolean>
}

const batch = 1_000

export const makePublisher = (
  target: RedisTarget,
  timeoutMillis: number
): Effect.Effect<Publisher, never, Scope.Scope> =>
  Effect.gen(function* () {
    let client: Redis | undefined
    const drop = () => {
      client?.disconnect()
      client = undefined
    }
    yield* Effect.addFinalizer(() => Effect.sync(drop))
    const connected = async () => {
      if (client?.status === "ready") return client
      drop()
      const next = quietClient(target, timeoutMillis)
      client = next
      await next.connect()
      return next
    }
    const send = async (messages: ReadonlyArray<Message>) => {
      for (let from = 0; from < messages.length; from += batch) {
        const pipeline = (await connected()).pipeline()
        for (const { channel, message } of messages.slice(from, from + batch)) {
          pipeline.publish(channel, message)
        }
        const replies = (await pipeline.exec()) ?? []
        const failed = replies.find(([error]) => error !== null)
        if (failed !== undefined) throw failed[0]
      }
    }
    const attempt = (messages: ReadonlyArray<Message>) =>
      Effect.tryPromise(() => send(messages)).pipe(
        // The limit grows with the number of messages.
        Effect.timeout(timeoutMillis + messages.length),
        Effect.as(true),
        Effect.catchAll(() =>
          Effect.sync(() => {
            drop()
            return false
          })
        ),
        realTime
      )
    return {
      publish: (messages) => (messages.length === 0 ? Effect.succeed(true) : attempt(messages))
    }
  })
