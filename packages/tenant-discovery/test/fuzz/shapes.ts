/** Inputs of any size, for what has to be in proportion to it. */
import type { Circumstances } from "../../src/internal/redis/failureMessage.js"

const repeated = (part: string) => (size: number) => part.repeat(Math.ceil(size / part.length))
const inside = (part: string) => (size: number) =>
  `{"event_type":"tenant.service.associated","tenant_id":"x",${repeated(part)(size)}"payload":{"service_name":"other"}}`

/** Texts of any size, by what they are made of. */
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

/** A list of tenants, a third of them with an ID that is none. */
export const list = (size: number): string =>
  JSON.stringify(
    Array.from({ length: size / 40 }, (_, n) => ({
      id: n % 3 === 0 ? `a b ${n}` : `tenant-${n}`
    }))
  )

/** Where an error that has to be explained occurred. */
export const circumstances: Circumstances = {
  channel: "c",
  tls: undefined,
  answered: true,
  secrets: ["secret"],
  naming: "options"
}
