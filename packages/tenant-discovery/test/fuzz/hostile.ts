/**
 * Hostile texts, by a seed: right ones, ones whose structure was changed here and there,
 * ones whose text was, and bytes.
 */

/** `FUZZ_CASES` says how many; 20 000 without it. */
export const cases = Number(process.env["FUZZ_CASES"] ?? "20000")

/** `FUZZ_SEED` repeats a run. */
export const seed = Number(process.env["FUZZ_SEED"] ?? "20261124")

/**
 * Between so many cases the event loop has its turn: the runner takes a process that says
 * nothing for a minute for dead.
 */
export const TURN = 10_000

/** Never in anything that may be told: types, IDs and names of services alone are. */
export const SECRET = "S3CR3T-that-is-told-to-nobody"

export type Json =
  | null
  | boolean
  | number
  | string
  | ReadonlyArray<Json>
  | { readonly [key: string]: Json }

/** A generator of 32 bits that a seed repeats (mulberry32). */
export class Dice {
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

/** Texts of values, since not every one of them can be written by `JSON.stringify`. */
const values: Texts = [
  "null",
  "true",
  "0",
  "-0",
  "9007199254740993",
  "1e999",
  "-1e-999",
  "123456789012345678901234567890",
  '""',
  '"\\ud800"',
  '"\\udfff\\ud800x"',
  '"\\u0000"',
  '"__proto__"',
  '"constructor"',
  '" "',
  '"İ"',
  "[]",
  "{}",
  "[null]",
  '{"__proto__":{"event_type":"tenant.deleted"}}',
  '{"constructor":{"prototype":{"polluted":true}}}',
  '{"length":3}',
  `"${SECRET}"`,
  `{"password":"${SECRET}"}`,
  `["${SECRET}"]`,
  deep(50, "[", "]"),
  deep(50, '{"a":', "}").replace('{"a":}', '{"a":1}')
]

const keys: Texts = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "hasOwnProperty",
  "event_type",
  "tenant_id",
  "service_name",
  "payload",
  "id",
  "status",
  "name",
  "length",
  "then",
  "toJSON",
  "\u0000",
  ""
]

/** Deeper than any stack. */
const abysses: Texts = [
  deep(100_000, "[", "]"),
  deep(100_000, '{"__proto__":', "}").replace(":}", ":1}")
]

/** Stands where an abyss may be. */
const MARK = '"here"'

/** `value` as JSON, with something done to about one in `1 / rate` of its parts. */
const written = (value: Json, dice: Dice, rate: number, others: Texts = values): string => {
  if (dice.chance(rate)) return dice.pick(others)
  if (Array.isArray(value)) {
    return `[${value.map((item: Json) => written(item, dice, rate, others)).join(",")}]`
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  const members: Array<string> = []
  for (const [key, member] of Object.entries(value)) {
    if (dice.chance(rate)) continue
    const name = dice.chance(rate) ? dice.pick(keys) : key
    members.push(`${quoted(name, dice)}:${written(member, dice, rate, others)}`)
    // Twice, with the same or another value; before or after the first.
    if (dice.chance(rate)) members.unshift(`${quoted(key, dice)}:${dice.pick(others)}`)
    if (dice.chance(rate))
      members.push(`${quoted(key, dice)}:${written(member, dice, rate, others)}`)
  }
  if (dice.chance(rate)) members.push(`${quoted(dice.pick(keys), dice)}:${dice.pick(values)}`)
  const space = dice.chance(0.1) ? dice.pick([" ", "\n", "\t \r"]) : ""
  return `{${space}${members.join(`${space},`)}${space}}`
}

/** A key, one of its letters now and then spelled as an escape. */
const quoted = (key: string, dice: Dice): string => {
  const text = JSON.stringify(key)
  if (key === "" || !dice.chance(0.02)) return text
  const at = dice.below(key.length)
  const code = key.charCodeAt(at).toString(16).padStart(4, "0")
  return `"${key.slice(0, at)}\\u${code}${key.slice(at + 1)}"`
}

const characters: Texts = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ":",
  ",",
  "\u0000",
  "\ud800",
  "\udc00",
  "\u2028",
  "é",
  "0",
  "e",
  " "
]

/** Longer than what a change moves about, so that no secret gets where it may be told. */
const LONGEST_SLICE = 12

const garbled = (text: string, dice: Dice): string => {
  let result = text
  for (let changes = 1 + dice.below(3); changes > 0; changes--) {
    const at = dice.below(result.length + 1)
    const length = dice.below(LONGEST_SLICE)
    switch (dice.below(4)) {
      case 0:
        result = result.slice(0, at) + dice.pick(characters) + result.slice(at + 1)
        break
      case 1:
        result = result.slice(0, at) + result.slice(at + length)
        break
      case 2:
        result = result.slice(0, at) + result.slice(at, at + length) + result.slice(at)
        break
      default:
        result = dice.chance(0.5) ? result.slice(0, at) : result.slice(at)
    }
  }
  return result
}

/** Bytes as a client reads them: as UTF-8, whatever they are. */
const bytes = (dice: Dice): string => {
  const size = dice.below(200)
  const raw = Buffer.alloc(size)
  for (let index = 0; index < size; index++) raw[index] = dice.below(256)
  return raw.toString("utf8")
}

/** An abyss in one place of many; a few such texts will do, for the time that they take. */
const abysmal = (right: Json, dice: Dice): string => {
  const marked = written(right, dice, 0.2, [MARK])
  return (marked.includes(MARK) ? marked : MARK).replace(MARK, () => dice.pick(abysses))
}

/** One hostile text, made from something right. */
export const hostile = (right: Json, dice: Dice): string => {
  if (dice.chance(1 / 4_000)) return abysmal(right, dice)
  switch (dice.below(5)) {
    case 0:
      return JSON.stringify(right)
    case 1:
      return written(right, dice, 0.05)
    case 2:
      return written(right, dice, 0.2)
    case 3:
      return garbled(JSON.stringify(right), dice)
    default:
      return dice.chance(0.2) ? bytes(dice) : garbled(written(right, dice, 0.1), dice)
  }
}

/** What JSON says, or nothing. */
export const parsed = (text: string): { readonly value: Json } | undefined => {
  try {
    return { value: json(text) }
  } catch {
    return undefined
  }
}

/** What was written as JSON. */
export const json = (text: string): Json => JSON.parse(text)
