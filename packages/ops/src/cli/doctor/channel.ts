/** The steps after the login: permissions, the channel, and a probe. */
import { Clock, Duration, Effect, Either, Random, type Scope } from "effect"
import type { Redis } from "ioredis"
import { counted } from "../output.js"
import type { Target } from "./network.js"
import { millis } from "./reach.js"
import {
  command,
  loggedIn,
  type Login,
  type RedisFailure,
  request,
  textsOf
} from "./redisClient.js"
import { failed, type Finding, ok, skipped, type Step, warning } from "./step.js"

interface ChannelSubject {
  readonly environment: string | undefined
  readonly login: Login
  readonly listenFor: number
  readonly publish: boolean
}

const ALL = "tenant-events:*"
/** Listeners skip an event whose type they do not know. */
const PROBE_TYPE = "tenant-discovery.probe"

export const channelSteps = (
  subject: ChannelSubject,
  server: Effect.Effect<Target, Finding>
): ReadonlyArray<Step> => {
  const { environment, listenFor, login, publish } = subject
  const channel = environment === undefined ? ALL : `tenant-events:${environment}:`
  const subscribeName = environment === undefined ? "PSUBSCRIBE" : "SUBSCRIBE"
  const client: Effect.Effect<Redis, Finding, Scope.Scope> = Effect.flatMap(server, (target) =>
    Effect.mapError(loggedIn(target, login), refusal)
  )
  const subscribe = (client: Redis) =>
    request(() =>
      environment === undefined ? client.psubscribe(channel) : client.subscribe(channel)
    )
  const user = login.username ?? "default"

  return [
    {
      step: "redis-ping",
      needs: ["redis-auth"],
      tried: "PING, as each heartbeat of a subscription",
      run: Effect.flatMap(client, (client) => pingFinding(client, user))
    },
    {
      step: "redis-subscribe",
      needs: ["redis-ping"],
      tried: `${subscribeName} ${channel}`,
      run: Effect.flatMap(client, (client) =>
        subscribe(client).pipe(
          Effect.mapBoth({
            onSuccess: () => ok("acknowledged"),
            onFailure: (failure) =>
              failure.code === "NOPERM"
                ? failed(
                    failure.message,
                    `let the user subscribe: ACL SETUSER ${user} +${subscribeName.toLowerCase()} +ping &${channel}`
                  )
                : refusal(failure)
          })
        )
      )
    },
    {
      step: "channel",
      needs: ["redis-subscribe"],
      tried: `look who listens to ${channel}, and wait ${Duration.format(Duration.millis(listenFor))} for a message`,
      waits: listenFor,
      run: Effect.gen(function* () {
        const subscribers = yield* Effect.flatMap(client, (client) =>
          Effect.either(subscribersOf(client, channel, environment === undefined))
        )
        const listener = yield* client
        const count = yield* countMessages(listener, listenFor, subscribe)
        return channelFinding(channel, subscribers, count, listenFor)
      })
    },
    {
      step: "round-trip",
      needs: ["redis-subscribe"],
      tried: `publish a probe of the type ${PROBE_TYPE}, and receive it`,
      run: publish
        ? Effect.gen(function* () {
            const listener = yield* client
            const publisher = yield* client
            return yield* roundTrip(
              listener,
              publisher,
              environment === undefined ? "tenant-events:probe" : channel,
              subscribe
            )
          })
        : Effect.succeed(skipped("not asked for: --publish publishes one, which listeners skip"))
    }
  ]
}

const refusal = ({ code, message }: RedisFailure): Finding => {
  switch (code) {
    case "LOADING":
      return failed(
        message,
        "Redis loads its data into memory: wait until it is ready; the library retries by itself"
      )
    case "MASTERDOWN":
      return failed(
        message,
        "this replica is cut off from its master: repair the replication, or connect to the master"
      )
    default:
      return failed(message, "look at the server's log")
  }
}

const PINGS = 5

const pingFinding = (client: Redis, user: string): Effect.Effect<Finding, Finding> =>
  Effect.replicateEffect(Effect.timed(command(client, "PING")), PINGS).pipe(
    Effect.mapBoth({
      onSuccess: (pings) => {
        const times = pings.map(([took]) => took).sort(Duration.Order)
        return ok(
          `PONG, in ${millis(times[Math.floor(PINGS / 2)] ?? Duration.zero)} (median of ${PINGS})`
        )
      },
      onFailure: (failure) =>
        failure.code === "NOPERM"
          ? warning(
              failure.message,
              `let the user send PING: ACL SETUSER ${user} +ping; without it a heartbeat proves only that the server answers`
            )
          : refusal(failure)
    })
  )

interface Subscribers {
  /** Of the channel, without this program. */
  readonly own: number
  /** Other channels of tenant events that have subscribers. */
  readonly others: ReadonlyArray<string>
}

const subscribersOf = (
  client: Redis,
  channel: string,
  isPattern: boolean
): Effect.Effect<Subscribers, RedisFailure> =>
  Effect.gen(function* () {
    const own = isPattern
      ? yield* command(client, "PUBSUB", "NUMPAT")
      : textsOf(yield* command(client, "PUBSUB", "NUMSUB", channel))[1]
    const channels = textsOf(yield* command(client, "PUBSUB", "CHANNELS", ALL))
    return { own: Number(own ?? 0), others: channels.filter((name) => name !== channel) }
  })

/** How many messages arrive in this time. */
const countMessages = (
  client: Redis,
  listenFor: number,
  subscribe: (client: Redis) => Effect.Effect<unknown, RedisFailure>
): Effect.Effect<number, Finding> =>
  Effect.gen(function* () {
    let count = 0
    const received = () => {
      count++
    }
    client.on("message", received)
    client.on("pmessage", received)
    yield* Effect.mapError(subscribe(client), refusal)
    yield* Effect.sleep(listenFor)
    return count
  })

const channelFinding = (
  channel: string,
  subscribers: Either.Either<Subscribers, RedisFailure>,
  count: number,
  listenFor: number
): Finding => {
  const wait = Duration.format(Duration.millis(listenFor))
  const received =
    listenFor === 0
      ? ""
      : count === 0
        ? `; no message in ${wait}`
        : `; ${counted(count, "message")} in ${wait}`
  if (Either.isLeft(subscribers)) return ok(`PUBSUB is not permitted${received}`)
  const { others, own } = subscribers.right
  if (own === 0 && others.length > 0 && count === 0) {
    const named = others.slice(0, 5).join(", ")
    return warning(
      `no other client is subscribed to ${channel}; others are subscribed to ${named}${received}`,
      `check ENVIRONMENT_NAME (or ENV_NAME): it picks the channel, and the publisher may use one of ${named}`
    )
  }
  return ok(`${counted(own, "other subscriber")} of ${channel}${received}`)
}

/** Publishes a probe, and waits until it comes back. */
const roundTrip = (
  listener: Redis,
  publisher: Redis,
  channel: string,
  subscribe: (client: Redis) => Effect.Effect<unknown, RedisFailure>
): Effect.Effect<Finding, Finding> =>
  Effect.gen(function* () {
    const id = `probe-${yield* Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER)}`
    const now = yield* Clock.currentTimeMillis
    const probe = JSON.stringify({
      event_id: id,
      event_type: PROBE_TYPE,
      timestamp: new Date(now).toISOString(),
      tenant_id: "probe"
    })
    yield* subscribe(listener)
    const arrived = Effect.async<void>((resume) => {
      const received = (...texts: ReadonlyArray<string>) => {
        if (texts.at(-1) === probe) resume(Effect.void)
      }
      listener.on("message", received)
      listener.on("pmessage", received)
    })
    const sent = command(publisher, "PUBLISH", channel, probe)
    const [took] = yield* Effect.timed(
      Effect.timeout(Effect.zipRight(sent, arrived, { concurrent: true }), "2 seconds")
    )
    return ok(`the probe came back in ${millis(took)}`)
  }).pipe(
    Effect.mapError((failure) =>
      failure._tag === "TimeoutException"
        ? failed(
            "the probe was published and did not come back",
            "the server accepts PUBLISH and does not deliver: look for a proxy between, or a cluster that is split"
          )
        : failure.code === "NOPERM"
          ? skipped("the user may not PUBLISH, which a listener does not need")
          : refusal(failure)
    )
  )
