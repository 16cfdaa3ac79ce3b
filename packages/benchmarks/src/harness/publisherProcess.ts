/**
 * The publisher: a process of its own that writes PUBLISH commands straight to a
 * socket, so that it is never what is measured. Told what to do over IPC.
 */
import { writeFileSync } from "node:fs"
import { createConnection, type Socket } from "node:net"
import { associated, disassociated, tenantIdAt, traffic, type TrafficOptions } from "../traffic.js"

export type Order =
  | { readonly _tag: "Connect"; readonly host: string; readonly port: number }
  /** Makes the messages, before anything is measured. */
  | { readonly _tag: "Prepare"; readonly traffic: TrafficOptions }
  /**
   * Publishes what was prepared, as fast as the server takes it, and `last` at the end.
   * Creates the file `done` when the server has taken all.
   */
  | {
      readonly _tag: "Flood"
      readonly channel: string
      readonly last: string
      readonly done: string
    }
  /**
   * Publishes `count` transitions, a tenant each, at so many a second; answers when each was sent.
   * Even orders add the tenants from `first` on, the others take them away.
   */
  | {
      readonly _tag: "Paced"
      readonly channel: string
      readonly count: number
      readonly perSecond: number
      readonly first: number
      readonly remove: boolean
    }

export type Answer =
  | { readonly _tag: "Done" }
  /** Milliseconds on the machine's monotonic clock. */
  | { readonly _tag: "Sent"; readonly at: ReadonlyArray<number> }

const PIECE = 65_536

const command = (channel: string, message: string): string =>
  `*3\r\n$7\r\nPUBLISH\r\n$${channel.length}\r\n${channel}\r\n$${Buffer.byteLength(message)}\r\n${message}\r\n`

let socket: Socket | undefined
let prepared: ReadonlyArray<string> = []

const connected = (): Socket => {
  if (socket === undefined) throw new Error("expected Connect before anything else")
  return socket
}

const connect = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    socket = createConnection({ host, port, noDelay: true }, resolve)
    socket.on("error", reject)
    // The replies have to be read, or the server stops reading us.
    socket.resume()
  })

const write = (text: string): Promise<void> =>
  new Promise((resolve) => {
    if (connected().write(text)) resolve()
    else connected().once("drain", resolve)
  })

const ECHO = "all of it was taken"

/** Resolves when the server has carried out all that was written before. */
const taken = (): Promise<void> =>
  new Promise((resolve) => {
    let end = ""
    const onData = (bytes: Buffer): void => {
      end = `${end}${bytes.toString("latin1")}`.slice(-2 * ECHO.length)
      if (!end.includes(ECHO)) return
      connected().removeListener("data", onData)
      connected().resume()
      resolve()
    }
    connected().on("data", onData)
    connected().write(`*2\r\n$4\r\nECHO\r\n$${ECHO.length}\r\n${ECHO}\r\n`)
  })

const flood = async (channel: string, last: string): Promise<void> => {
  let piece = ""
  for (const message of prepared) {
    piece += command(channel, message)
    if (piece.length < PIECE) continue
    await write(piece)
    piece = ""
  }
  await write(piece + command(channel, last))
  await taken()
}

/** Milliseconds on the clock that all processes of the machine share. */
const now = (): number => Number(process.hrtime.bigint()) / 1e6

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, millis))

const paced = async (order: Extract<Order, { _tag: "Paced" }>): Promise<ReadonlyArray<number>> => {
  const { channel, count, first, perSecond, remove } = order
  const commands = Array.from({ length: count }, (_, index) =>
    command(channel, (remove ? disassociated : associated)(tenantIdAt(first + index)))
  )
  const at: Array<number> = []
  const gap = 1000 / perSecond
  const start = now()
  for (const text of commands) {
    // Only timers: on few processors one that turns until it is due takes the server's place.
    while (start + at.length * gap > now()) await pause(1)
    at.push(now())
    connected().write(text)
  }
  return at
}

const carryOut = async (order: Order): Promise<Answer> => {
  switch (order._tag) {
    case "Connect":
      await connect(order.host, order.port)
      return { _tag: "Done" }
    case "Prepare":
      prepared = traffic(order.traffic)
      return { _tag: "Done" }
    case "Flood":
      await flood(order.channel, order.last)
      writeFileSync(order.done, "")
      return { _tag: "Done" }
    case "Paced":
      return { _tag: "Sent", at: await paced(order) }
  }
}

process.on("message", (order: Order) => {
  carryOut(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    }
  )
})
process.on("disconnect", () => process.exit(0))
