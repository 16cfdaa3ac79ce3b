/** How a law says that it was broken. */
import type { TenantId } from "../../src/index.js"

export class LawBroken extends Error {
  constructor(
    readonly law: string,
    what: string
  ) {
    super(`${law}: ${what}`)
  }
}

export const hold = (law: string, held: boolean, what: () => string): void => {
  if (!held) throw new LawBroken(law, what())
}

export const sorted = (ids: Iterable<TenantId>): string => [...ids].sort().join(" ") || "nobody"
