/** Says at the end of a run which tests the suite left out, and which command runs them. */
import { RedisServer } from "@tenant-discovery/simulator"
import { Effect } from "effect"

const leftOut = async (): Promise<string | undefined> => {
  if (process.env["TEST_SUITE"] === "quick") {
    return "native Redis, ioredis 6, faults, fuzz, examples; `npm run test:rest` runs them"
  }
  const kinds = await Effect.runPromise(RedisServer.available)
  return kinds.includes("native")
    ? undefined
    : "what needs a native Redis; put redis-server or valkey-server on the PATH"
}

export const teardown = async (): Promise<void> => {
  const text = await leftOut()
  if (text !== undefined) console.log(`\nLeft out: ${text}.`)
}
