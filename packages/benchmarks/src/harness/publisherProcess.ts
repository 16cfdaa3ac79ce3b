/**
 * The publisher: a process that writes PUBLISH commands straight to a socket, so that its work
 * is not part of a measurement. It receives its orders over IPC.
 */
import { createConnection, type Socket } from "node:net"
import { associated, disassociated, tenantIdAt, traffic, type TrafficOptions } from "../traffic.js"

export type Order =
  | { readonly _tag: "Connect"; readonly host: string; readonly port: number }
  /** Makes the messages before a measurement begins. */
  | { readonly _tag: "Prepare"; readonly traffic: TrafficOptions }
  /** Publishes the prepared messages, then `last`; answers when the server has taken them all. */
  | { readonly _tag: "Flood"; readonly channel: string; readonly last: string }
  /**
   * Publishes `count` transitions at a rate, one per tenant from `first` on, and answers the time
   * of each. The tenants appear, or disappear with `remove`.
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
  if (socket === undefined) throw new Error("expected the order Connect first")
  return socket
}

const connect = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    socket = createConnection({ host, port, noDelay: true }, resolve)
    socket.on("error", reject)
    // The server stops to read from a client that does not read its replies.
    socket.resume()
  })

const write = (text: string): Promise<void> =>
  new Promise((resolve) => {
    if (connected().write(text)) resolve()
    else connected().once("drain", resolve)
  })

const ECHO = "all messages were taken"

/** Resolves when the server has executed every command that was written before. */
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

/** Milliseconds on the monotonic clock that all processes of a machine share. */
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
    // A busy loop would take a core from the server.
    while (start + at.length * gap > now()) await pause(1)
    at.push(now())
    connected().write(text)
  }
  return at
}

const execute = async (order: Order): Promise<Answer> => {
  switch (order._tag) {
    case "Connect":
      await connect(order.host, order.port)
      return { _tag: "Done" }
    case "Prepare":
      prepared = traffic(order.traffic)
      return { _tag: "Done" }
    case "Flood":
      await flood(order.channel, order.last)
      return { _tag: "Done" }
    case "Paced":
      return { _tag: "Sent", at: await paced(order) }
  }
}

process.on("message", (order: Order) => {
  execute(order).then(
    (answer) => process.send?.(answer),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    }
  )
})
process.on("disconnect", () => process.exit(0))
