/**
 * The body of `GET /tenants/active`.
 *
 * {@link Element} is the declared contract of one element. {@link decodeListing}
 * is written by hand, since a schema on 100 000 elements costs more than
 * everything else together; a property test holds the two equal.
 */
import { Effect, Schema } from "effect"
import { TenantId } from "../../Tenant.js"
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
export const isActiveStatus = (status) =>
  status === "active" || status === undefined || status === null || status === ""
/** How many skipped elements are told one by one. */
export const TOLD_SKIPPED = 10
/** Elements between two turns of the event loop. */
const SLICE = 25_000
/** Lets timers and sockets have their turn; `Effect.yieldNow` alone stays within microtasks. */
const nextTurn = Effect.async((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 0)
  return Effect.sync(() => clearTimeout(timer))
})
const describe = (value) =>
  value === null ? "null" : Array.isArray(value) ? "an array" : typeof value
const skipReason = (element) => {
  if (typeof element !== "object" || element === null || Array.isArray(element)) {
    return `expected an object, got ${describe(element)}`
  }
  const id = Reflect.get(element, "id")
  return typeof id === "string"
    ? "id: expected 1 to 256 letters, digits, - and _, or a UUID"
    : `id: expected a string, got ${id === undefined ? "nothing" : describe(id)}`
}
class Collector {
  tenants = []
  firstSkipped = []
  skipped = 0
  seen = new Set()
  add(elements, from, to) {
    for (let index = from; index < to; index++) {
      const element = elements[index]
      const raw = typeof element === "object" && element !== null ? element.id : undefined
      const id = typeof raw === "string" ? TenantId.canonical(raw) : undefined
      if (id === undefined || element === undefined || element === null) {
        this.skip(element, index)
        continue
      }
      const before = this.seen.size
      if (!isActiveStatus(element.status) || this.seen.add(id).size === before) continue
      const name = element.name
      this.tenants.push({ id, name: typeof name === "string" ? name : undefined })
    }
  }
  /** What was collected, without the set of what was seen. */
  result() {
    return { tenants: this.tenants, skipped: this.skipped, firstSkipped: this.firstSkipped }
  }
  skip(element, index) {
    this.skipped++
    if (this.firstSkipped.length < TOLD_SKIPPED) {
      this.firstSkipped.push({ index, reason: skipReason(element) })
    }
  }
}
/**
 * The active tenants in a parsed body: an array, or `null` for none. Fails with
 * what was expected where it is neither.
 *
 * A long list is gone through in slices, and the event loop has its turn between
 * them.
 */
export const decodeListing = (body) =>
  Effect.suspend(() => {
    const collected = new Collector()
    if (body === null) return Effect.succeed(collected.result())
    if (!Array.isArray(body)) {
      return Effect.fail(`expected an array of tenants or null, got ${describe(body)}`)
    }
    const elements = body
    if (elements.length <= SLICE) {
      collected.add(elements, 0, elements.length)
      return Effect.succeed(collected.result())
    }
    return Effect.gen(function* () {
      for (let from = 0; from < elements.length; from += SLICE) {
        yield* nextTurn
        collected.add(elements, from, Math.min(from + SLICE, elements.length))
      }
      return collected.result()
    })
  })
//# sourceMappingURL=listing.js.map
