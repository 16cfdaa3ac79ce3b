/**
 * Hostile texts from a seed: valid ones, ones with a changed structure, ones with changed
 * characters, and random bytes.
 */

/** How many cases a test runs: `FUZZ_CASES`, default 20 000. */
export const cases = Number(process.env["FUZZ_CASES"] ?? "20000")

/** The same `FUZZ_SEED` repeats a run. */
export const seed = Number(process.env["FUZZ_SEED"] ?? "20261124")

/** Cases between two turns of the event loop: the runner ends a process that is silent for a minute. */
export const TURN = 10_000

/** A value that no log line, error or status may hold. */
export const SECRET = "S3CR3T-that-is-never-shown-at-all"

export type Json =
  | null
  | boolean
  | number
  | string
  | ReadonlyArray<Json>
  | { readonly [key: string]: Json }

/** A seeded random generator of 32 bits (mulberry32). */
export class SeededRandom {
  constructor(private state: number) {}

  /** 0 up to, not with, 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<A>(from: readonly [A, ...ReadonlyArray<A>]): A {
    return from[this.below(from.length)] ?? from[0]
  }
}

type Texts = readonly [string, ...ReadonlyArray<string>]

const deep = (depth: number, open: string, close: string) =>
  open.repeat(depth) + close.repeat(depth)

/** Values as JSON texts: `JSON.stringify` cannot write all of them. */
const values: Texts = [
  "null",
  ..."true 0 -0 9007199254740993 1e999 -1e-999 123456789012345678901234567890".split(" "),
  ...'"" "\\ud800" "\\udfff\\ud800x" "\\u0000" "__proto__" "constructor" "İ" [] {} [null]'.split(
    " "
  ),
  '" "',
  '{"__proto__":{"event_type":"tenant.deleted"}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"length":3}',
  `"${SECRET}"`,
  `{"password":"${SECRET}"}`,
  `["${SECRET}"]`,
  '{"toString":null}',
  deep(50, "[", "]"),
  deep(50, '{"a":', "}").replace('{"a":}', '{"a":1}')
]

const keys: Texts = [
  "__proto__",
  ..."constructor prototype toString hasOwnProperty event_type tenant_id service_name".split(" "),
  ..."payload id status name length then toJSON".split(" "),
  "\u0000",
  ""
]

/** Tenant IDs, valid and invalid; several are spellings of one tenant. */
export const ids: Texts = [
  "acme",
  ..."globex constructor toString hasOwnProperty __proto__ -".split(" "),
  "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F",
  "0193e8f0c4b87c4a9f3b2f6f0c1d2e3f",
  "0193e8f0-C4B8-7c4a-9f3b-2f6f0c1d2e3f",
  "urn:uuid:0193e8f0-c4b8-7c4a-9f3b-2f6f0c1d2e3f",
  "{0193e8f0-c4b8-7c4a-9f3b-2f6f0c1d2e3f}",
  "",
  "a b",
  "x".repeat(256),
  "x".repeat(257)
]

/** Nested deeper than any stack. */
const deepTexts: Texts = [
  deep(100_000, "[", "]"),
  deep(100_000, '{"__proto__":', "}").replace(":}", ":1}")
]

/** Marks the place of a deep text. */
const MARK = '"here"'

/** `value` as JSON; about one in `1 / rate` of its parts is changed. */
const written = (
  value: Json,
  random: SeededRandom,
  rate: number,
  others: Texts = values
): string => {
  if (random.chance(rate)) return random.pick(others)
  if (Array.isArray(value)) {
    return `[${value.map((item: Json) => written(item, random, rate, others)).join(",")}]`
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members: Array<string> = []
  for (const [key, member] of Object.entries(value)) {
    if (random.chance(rate)) continue
    const name = random.chance(rate) ? random.pick(keys) : key
    members.push(`${quoted(name, random)}:${written(member, random, rate, others)}`)
    // A duplicate key, before or after the first.
    if (random.chance(rate)) members.unshift(`${quoted(key, random)}:${random.pick(others)}`)
    if (random.chance(rate))
      members.push(`${quoted(key, random)}:${written(member, random, rate, others)}`)
  }
  if (random.chance(rate))
    members.push(`${quoted(random.pick(keys), random)}:${random.pick(values)}`)
  const space = random.chance(0.1) ? random.pick([" ", "\n", "\t \r"]) : ""
  return `{${space}${members.join(`${space},`)}${space}}`
}

/** A key; sometimes one of its letters is an escape. */
const quoted = (key: string, random: SeededRandom): string => {
  const text = JSON.stringify(key)
  if (key === "" || !random.chance(0.02)) return text
  const at = random.below(key.length)
  const code = key.charCodeAt(at).toString(16).padStart(4, "0")
  return `"${key.slice(0, at)}\\u${code}${key.slice(at + 1)}"`
}

const characters: Texts = ['"', ...Array.from("\\{}[]:,\u0000\u2028é0e "), "\ud800", "\udc00"]

/** Shorter than the secret, so that no change moves the secret to a field that is logged. */
const LONGEST_SLICE = 12

const garbled = (text: string, random: SeededRandom): string => {
  let result = text
  for (let changes = 1 + random.below(3); changes > 0; changes--) {
    const at = random.below(result.length + 1)
    const length = random.below(LONGEST_SLICE)
    switch (random.below(4)) {
      case 0:
        result = result.slice(0, at) + random.pick(characters) + result.slice(at + 1)
        break
      case 1:
        result = result.slice(0, at) + result.slice(at + length)
        break
      case 2:
        result = result.slice(0, at) + result.slice(at, at + length) + result.slice(at)
        break
      default:
        result = random.chance(0.5) ? result.slice(0, at) : result.slice(at)
    }
  }
  return result
}

/** Random bytes, decoded as UTF-8. */
const bytes = (random: SeededRandom): string => {
  const size = random.below(200)
  const raw = Buffer.alloc(size)
  for (let index = 0; index < size; index++) raw[index] = random.below(256)
  return raw.toString("utf8")
}

/** A text with a deep value in a random place. */
const deepened = (valid: Json, random: SeededRandom): string => {
  const marked = written(valid, random, 0.2, [MARK])
  return (marked.includes(MARK) ? marked : MARK).replace(MARK, () => random.pick(deepTexts))
}

/** One hostile text, made from a valid value. */
export const hostile = (valid: Json, random: SeededRandom): string => {
  if (random.chance(1 / 4_000)) return deepened(valid, random)
  switch (random.below(5)) {
    case 0:
      return JSON.stringify(valid)
    case 1:
      return written(valid, random, 0.05)
    case 2:
      return written(valid, random, 0.2)
    case 3:
      return garbled(JSON.stringify(valid), random)
    default:
      return random.chance(0.2) ? bytes(random) : garbled(written(valid, random, 0.1), random)
  }
}

/** The parsed text; `undefined` if it is not JSON. */
export const parsed = (text: string): { readonly value: Json } | undefined => {
  try {
    return { value: json(text) }
  } catch {
    return undefined
  }
}

export const json = (text: string): Json => JSON.parse(text)
