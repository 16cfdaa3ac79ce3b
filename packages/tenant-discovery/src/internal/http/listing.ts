/**
 * The body of `GET /tenants/active`.
 *
 * {@link Element} is the declared contract of one element. {@link decodeListing}
 * is written by hand, since a schema on 100 000 elements costs more than
 * everything else together; a property test holds the two equal.
 */
import { Effect, Schema } from "effect"
import { type Tenant, TenantId } from "../../Tenant.js"
import { macrotask } from "../macrotask.js"

/** A name that is no string is no name: only the ID decides whether an element counts. */
const Name = Schema.transform(Schema.Unknown, Schema.UndefinedOr(Schema.String), {
  strict: true,
  decode: (name) => (typeof name === "string" ? name : undefined),
  encode: (name) => name
})

/** One element, as the contract has it. Other fields occur and are ignored. */
export const Element = Schema.Struct({
  id: TenantId.schema,
  name: Schema.optional(Name),
  /** Absent, null or empty means active. */
  status: Schema.optional(Schema.Unknown)
})

/** Whether an element with this status belongs in the set. */
export const isActiveStatus = (status: unknown): boolean =>
  status === "active" || status === undefined || status === null || status === ""

/** An element that was passed over. The reason never repeats what was there. */
export interface Skipped {
  readonly index: number
  readonly reason: string
}

/** A listing, and the first few of the elements that it passed over. */
export interface DecodedListing {
  readonly tenants: ReadonlyArray<Tenant>
  readonly skipped: number
  readonly firstSkipped: ReadonlyArray<Skipped>
}

/** How many skipped elements are told one by one. */
export const TOLD_SKIPPED = 10

/** Elements between two turns of the event loop. */
const SLICE = 25_000

const describe = (value: unknown): string =>
  value === null ? "null" : Array.isArray(value) ? "an array" : typeof value

const skipReason = (element: unknown): string => {
  if (typeof element !== "object" || element === null || Array.isArray(element)) {
    return `expected an object, got ${describe(element)}`
  }
  const id: unknown = Reflect.get(element, "id")
  return typeof id === "string"
    ? "id: expected 1 to 256 letters, digits, - and _, or a UUID"
    : `id: expected a string, got ${id === undefined ? "nothing" : describe(id)}`
}

/** What an element of parsed JSON may look like before anything is known of it. */
type Raw = { readonly id?: unknown; readonly name?: unknown; readonly status?: unknown } | null

class Collector {
  private readonly tenants: Array<Tenant> = []
  private readonly firstSkipped: Array<Skipped> = []
  private skipped = 0

  /** Each element is let go of once it has been looked at: a parsed list is as large as what is made of it. */
  add(elements: Array<Raw>, from: number, to: number): void {
    for (let index = from; index < to; index++) {
      const element = elements[index]
      elements[index] = null
      const raw = typeof element === "object" && element !== null ? element.id : undefined
      const id = typeof raw === "string" ? TenantId.canonical(raw) : undefined
      if (id === undefined || element === undefined || element === null) {
        this.skip(element, index)
        continue
      }
      if (!isActiveStatus(element.status)) continue
      const name = element.name
      this.tenants.push({ id, name: typeof name === "string" ? name : undefined })
    }
  }

  result(): DecodedListing {
    return { tenants: this.tenants, skipped: this.skipped, firstSkipped: this.firstSkipped }
  }

  private skip(element: unknown, index: number): void {
    this.skipped++
    if (this.firstSkipped.length < TOLD_SKIPPED) {
      this.firstSkipped.push({ index, reason: skipReason(element) })
    }
  }
}

/**
 * The active tenants in a parsed body, which is used up: an array, or `null` for none.
 * Fails with what was expected where it is neither.
 *
 * A long list is gone through in slices, and the event loop has its turn between
 * them.
 */
export const decodeListing = (body: unknown): Effect.Effect<DecodedListing, string> =>
  Effect.suspend(() => {
    const collected = new Collector()
    if (body === null) return Effect.succeed(collected.result())
    if (!Array.isArray(body)) {
      return Effect.fail(`expected an array of tenants or null, got ${describe(body)}`)
    }
    const elements: Array<Raw> = body
    if (elements.length <= SLICE) {
      collected.add(elements, 0, elements.length)
      return Effect.succeed(collected.result())
    }
    return Effect.gen(function* () {
      for (let from = 0; from < elements.length; from += SLICE) {
        yield* macrotask
        collected.add(elements, from, Math.min(from + SLICE, elements.length))
      }
      return collected.result()
    })
  })
