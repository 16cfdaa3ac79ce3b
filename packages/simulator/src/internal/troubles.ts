import type { Trouble } from "../Trouble.js"

/** The fault of each kind that applies to one request or event. */
export type Met = { readonly [Tag in Trouble["_tag"]]?: Extract<Trouble, { readonly _tag: Tag }> }

/** The active faults in the order of their activation. */
export class Troubles {
  private active: Array<{ readonly trouble: Trouble; left: number }> = []

  add(trouble: Trouble): void {
    this.active.push({ trouble, left: trouble.times ?? Number.POSITIVE_INFINITY })
  }

  clear(): void {
    this.active = []
  }

  /** Takes the first fault of each kind for which `applies` holds, and counts its use. */
  meet(applies: (trouble: Trouble) => boolean): Met {
    const met: Record<string, Trouble> = {}
    for (const entry of this.active) {
      if (entry.left <= 0 || met[entry.trouble._tag] !== undefined || !applies(entry.trouble)) {
        continue
      }
      entry.left--
      met[entry.trouble._tag] = entry.trouble
    }
    this.active = this.active.filter((entry) => entry.left > 0)
    return met
  }
}

const eventTags: ReadonlySet<string> = new Set([
  "Withhold",
  "Duplicate",
  "Reorder",
  "Malformed",
  "UnknownType",
  "OtherEnvironment",
  "OtherService",
  "OldChannel"
])
const listTags: ReadonlySet<string> = new Set([
  "NullList",
  "EmptyList",
  "PartialList",
  "MalformedElements",
  "InactiveElements"
])

export const isForEvents = (trouble: Trouble): boolean => eventTags.has(trouble._tag)

export const isForRequest =
  (what: "list" | "connections") =>
  (trouble: Trouble): boolean =>
    !isForEvents(trouble) &&
    (what === "list" || !listTags.has(trouble._tag)) &&
    (!("on" in trouble) || trouble.on === undefined || trouble.on === what)
