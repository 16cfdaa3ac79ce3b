/** What the fuzz tests use of the library's internals, and the inputs whose size they vary. */
import { Either } from "effect"
import type { Turn } from "../../src/internal/discovery/inputs.js"
import { startList } from "../../src/internal/discovery/lists.js"
import { reduce } from "../../src/internal/discovery/reducer.js"
import { decodeSettings } from "../../src/internal/discovery/settings.js"
import { type Command, initialState, type Now } from "../../src/internal/discovery/state.js"
import { makeEventReader } from "../../src/internal/event/eventReader.js"
import { decodeListing } from "../../src/internal/http/listing.js"
import { failureMessage } from "../../src/internal/redis/failureMessage.js"
import type { Tenant } from "../../src/Tenant.js"
import { TenantListing } from "../../src/TenantListing.js"

export { makeInputs } from "../../src/internal/discovery/inputs.js"
export { makePrefilter } from "../../src/internal/event/decode.js"
export { Element, isActiveStatus } from "../../src/internal/http/listing.js"
export { excerptOf } from "../../src/internal/http/sanitize.js"

export const SERVICE = "ledger"

const now: Now = { mono: 1_000, wall: 1_000, random: 0.5 }

export const listOf = TenantListing.of

/** The event reader and the reducer, without fibers and time: `Live` without tenants. */
export const makeProgram = (duplicateWindow: number, tenants: ReadonlyArray<Tenant> = []) => {
  const settings = decodeSettings("fuzz", { environment: "production", duplicateWindow })
  const readMessage = makeEventReader({ ...settings, service: SERVICE })
  let state = initialState(SERVICE, now)
  const apply = (inputs: Parameters<typeof reduce>[2]): ReadonlyArray<Command> => {
    const reduced = reduce(settings, state, inputs, now)
    state = reduced.state
    return reduced.commands
  }
  const read = (messages: ReadonlyArray<string>) =>
    messages.map((raw) => readMessage({ raw, channel: "tenant-events:production:" }))
  const begin = (): void => {
    state = startList(state, now)
  }
  const listed = (listing: TenantListing): ReadonlyArray<Command> => {
    begin()
    return apply([{ _tag: "Listed", listing }])
  }
  apply([{ _tag: "Subscribed" }])
  listed(listOf(tenants))
  return {
    state: () => state,
    read,
    receive: (messages: ReadonlyArray<string>) => {
      const readings = read(messages)
      const events = readings.flatMap(({ event }) => event ?? [])
      return {
        events,
        logs: readings.flatMap(({ log }) => log ?? []),
        outcomes: readings.map(({ outcome }) => outcome),
        commands: apply([{ _tag: "Events", events }])
      }
    },
    /** Starts a list that is not answered. */
    startList: begin,
    listed
  }
}

/** The tags of the arrivals in these turns. */
export const tagsOf = (turns: ReadonlyArray<Turn>): ReadonlyArray<string> =>
  turns.flat().map(({ _tag }) => _tag)

/** The tenants of a parsed body and what is said of the elements that were skipped, or the error. */
export const readList = (body: unknown) =>
  Either.map(decodeListing(body), (listing) => ({
    tenants: listing.tenants,
    skipped: listing.skipped,
    skippedText: JSON.stringify(listing.firstSkipped ?? null)
  }))

/** The message of a Redis error with this text. */
export const redisMessage = (text: string): string =>
  failureMessage(new Error(text), {
    channel: "c",
    tls: undefined,
    answered: true,
    secrets: ["secret"],
    naming: "options"
  })

const repeated = (part: string) => (size: number) => part.repeat(Math.ceil(size / part.length))
const inside = (part: string) => (size: number) =>
  `{"event_type":"tenant.service.associated","tenant_id":"x",${repeated(part)(size)}"payload":{"service_name":"other"}}`

/** Texts of any size, by what they consist of. */
export const shapes: ReadonlyArray<readonly [string, (size: number) => string]> = [
  ["one long text", (size) => `"${"x".repeat(size)}"`],
  ["quotes", repeated('"')],
  ["backslashes", repeated("\\")],
  ["open arrays", repeated("[")],
  ["arrays in arrays", (size) => "[".repeat(size / 2) + "]".repeat(size / 2)],
  ["objects in objects", (size) => `${'{"a":'.repeat(size / 6)}1${"}".repeat(size / 6)}`],
  ["white space", repeated(" ")],
  ["service_name and white space", inside('"service_name"      ,')],
  ["service_name and a colon", inside('"service_name":      7,')],
  ["the beginning of a type", inside('"tenant.service.":1,')],
  ["duplicate keys", inside('"event_id":"x",')],
  [
    "different keys",
    (size) => inside(Array.from({ length: size / 12 }, (_, n) => `"${n}":1,`).join(""))(1)
  ],
  ["the service's name, nearly", repeated('"ledge')],
  ["one long number", (size) => `[1${"0".repeat(size)}]`],
  ["lone surrogates", repeated("\ud800")]
]

/** Messages, one a line, each with an ID of its own. */
export const manyMessages = (size: number): string =>
  Array.from({ length: size / 100 }, (_, n) =>
    JSON.stringify({ event_type: "tenant.deleted", tenant_id: `t${n}`, event_id: `e${n}` })
  ).join("\n")

/** A list of tenants, a third of them with an invalid ID. */
export const listText = (size: number): string =>
  JSON.stringify(
    Array.from({ length: size / 40 }, (_, n) => ({
      id: n % 3 === 0 ? `a b ${n}` : `tenant-${n}`
    }))
  )
