/** The same program written by hand: subscribe, then list, then answer. */
import { HttpClient } from "@effect/platform"
import { NodeHttpClient, NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import { Redis } from "ioredis"

const [url = "", host = "", port = ""] = process.argv.slice(2)

const program = Effect.gen(function* () {
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => new Redis({ host, port: Number(port), lazyConnect: true })),
    (client) => Effect.sync(() => client.disconnect())
  )
  yield* Effect.promise(() => redis.subscribe("tenant-events:production:"))
  const response = yield* HttpClient.get(`${url}/100/v1/tenants/active?service=ledger`, {
    headers: { "x-api-key": "benchmark", accept: "application/json" }
  })
  const listed = JSON.parse(yield* response.text) as ReadonlyArray<{ readonly id: string }>
  process.send?.(new Map(listed.map((tenant) => [tenant.id, tenant])).size)
  yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(program).pipe(Effect.provide(NodeHttpClient.layerUndici)))
