/** The replica's own pool. Runs never use it: a program whose pool is full keeps its leases. */
import { PgClient } from "@effect/sql-pg"
import { Layer, Schedule } from "effect"
import { Socket } from "node:net"
import type { Settings } from "./options.js"

/**
 * A socket that ends when it is silent. Each connection in use is used at every refresh interval,
 * so silence means that the server, or the way to it, does not answer. Neither PostgreSQL's driver
 * nor TCP would notice for minutes.
 */
const socketThatEndsWhenSilent = (millis: number) => () => {
  const socket = new Socket()
  socket.setTimeout(millis, () => {
    socket.destroy(new Error(`no answer from PostgreSQL for ${millis} ms`))
  })
  return socket
}

/** How long a statement may take. Longer than the refresh interval, shorter than a lease. */
export const longestStatement = ({ expiration, margin }: Settings): number =>
  (expiration - margin) / 2

/** Tries a few times to connect. */
export const pool = (settings: Settings) =>
  PgClient.layer({
    ...settings.database,
    maxConnections: settings.maxConnections,
    connectTimeout: settings.refreshInterval * 0.8,
    applicationName: "tenant-discovery-cluster",
    stream: socketThatEndsWhenSilent(longestStatement(settings))
  }).pipe(Layer.retry(Schedule.intersect(Schedule.spaced("200 millis"), Schedule.recurs(4))))
