/** Connections to Redis for the diagnosis: each is scoped, and logs in by a command of its own. */
import { Data, Effect, Redacted, type Scope } from "effect"
import { Redis } from "ioredis"
import * as net from "node:net"
import type { Target } from "./network.js"

/** `isReply`: the server sent it; `code` is then its first word, such as `NOPERM`. */
export class RedisFailure extends Data.TaggedError("RedisFailure")<{
  readonly isReply: boolean
  readonly code: string
  readonly message: string
}> {}

const failureOf = (error: unknown): RedisFailure => {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined
  const [word = ""] = message.split(" ")
  const isReply = code === undefined && /^[A-Z][A-Z0-9_]+$/.test(word)
  // A server that does not know a command repeats its arguments.
  const shown = message.replace(/,?\s*with args beginning with.*$/s, "")
  return new RedisFailure({ isReply, code: code ?? word, message: shown })
}

/** How to log in. */
export interface Login {
  readonly username: string | undefined
  readonly password: Redacted.Redacted | undefined
  readonly tls: false | { readonly ca: string | undefined }
}

/** A connection that has not logged in. It is closed with the scope, whatever the server does. */
export const openClient = (
  { host, port }: Target,
  tls: Login["tls"]
): Effect.Effect<Redis, RedisFailure, Scope.Scope> =>
  Effect.gen(function* () {
    let lastError: unknown
    const client = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const made = new Redis({
          host,
          port,
          lazyConnect: true,
          retryStrategy: () => null,
          enableReadyCheck: false,
          enableOfflineQueue: false,
          autoResubscribe: false,
          maxRetriesPerRequest: null,
          connectTimeout: 0,
          disconnectTimeout: 20,
          disableClientInfo: true,
          ...(tls === false
            ? {}
            : {
                tls: {
                  minVersion: "TLSv1.2",
                  ...(tls.ca === undefined ? {} : { ca: tls.ca }),
                  ...(net.isIP(host) === 0 ? { servername: host } : {})
                }
              })
        })
        made.on("error", (error) => {
          lastError = error
        })
        return made
      }),
      (made) => Effect.sync(() => made.disconnect())
    )
    yield* Effect.tryPromise({
      try: () => client.connect(),
      catch: (error) => failureOf(lastError ?? error)
    })
    return client
  })

/** Waits for the reply to what `send` sends. */
export const request = (send: () => Promise<unknown>): Effect.Effect<unknown, RedisFailure> =>
  Effect.tryPromise({ try: send, catch: failureOf })

/** Sends one command, and answers its reply. */
export const command = (
  client: Redis,
  name: string,
  ...args: ReadonlyArray<string>
): Effect.Effect<unknown, RedisFailure> => request(() => client.call(name, ...args))

/** Logs in where a password is set. */
export const logIn = (
  client: Redis,
  { password, username }: Pick<Login, "username" | "password">
): Effect.Effect<void, RedisFailure> =>
  password === undefined || Redacted.value(password) === ""
    ? Effect.void
    : Effect.asVoid(
        command(
          client,
          "AUTH",
          ...(username === undefined ? [] : [username]),
          Redacted.value(password)
        )
      )

/** A connection that has logged in. */
export const loggedIn = (
  target: Target,
  login: Login
): Effect.Effect<Redis, RedisFailure, Scope.Scope> =>
  Effect.tap(openClient(target, login.tls), (client) => logIn(client, login))

/** The texts of a reply that is a list. */
export const textsOf = (reply: unknown): ReadonlyArray<string> =>
  Array.isArray(reply) ? reply.map(String) : []
