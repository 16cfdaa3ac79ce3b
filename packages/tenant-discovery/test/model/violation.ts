/** How a law reports that it is broken. */
import type { TenantId } from "../../src/index.js"

export class LawViolation extends Error {
  constructor(law: string, detail: string) {
    super(`${law}: ${detail}`)
  }
}

/** Throws unless the condition is true. */
export const require = (law: string, condition: boolean, detail: () => string): void => {
  if (!condition) throw new LawViolation(law, detail())
}

export const sorted = (ids: Iterable<TenantId>): string => [...ids].sort().join(" ") || "no tenant"
