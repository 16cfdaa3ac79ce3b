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
   * Pipelined, in order; whether the server took all of them. It never waits for a server that is
   * away, and nothing is sent later. One that is only stopped may still get what was written.
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
        // A flood takes its time; only a server that does not answer is given up.
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
