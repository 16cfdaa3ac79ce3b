/** Says at the end of a run which tests the suite left out, and which command runs them. */
import { RedisServer } from "@tenant-discovery/simulator"
import { Effect } from "effect"
import { existsSync } from "node:fs"
import { LEFT_OUT, reachesRegistry } from "../package/support.js"

const leftOut = async (): Promise<ReadonlyArray<string>> => {
  if (process.env["TEST_SUITE"] === "quick") {
    return [
      "native Redis, ioredis 6, faults, fuzz, the other packages; `npm run test:rest` runs them"
    ]
  }
  const kinds = await Effect.runPromise(RedisServer.available)
  return [
    ...(kinds.includes("native")
      ? []
      : ["what needs a native Redis; put redis-server or valkey-server on the PATH"]),
    ...(existsSync("/usr/bin/chromium") ? [] : ["the page in a browser; install chromium"]),
    ...(existsSync("/usr/bin/promtool") ? [] : ["what needs Prometheus; install prometheus"]),
    ...((await Effect.runPromise(reachesRegistry)) ? [] : [LEFT_OUT])
  ]
}

export const teardown = async (): Promise<void> => {
  for (const text of await leftOut()) console.log(`\nLeft out: ${text}.`)
}
