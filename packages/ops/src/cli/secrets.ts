/** Secrets of the settings: how they are read, and how they are kept out of texts. */
import { Effect, Redacted } from "effect"
import { readFile } from "node:fs/promises"
import type { TenantDiscoveryConfig } from "tenant-discovery"

/** A file is read at each use, since it may be rewritten. One line feed at its end is no part of the secret. */
export const credential = (
  secret: TenantDiscoveryConfig.Secret
): Redacted.Redacted | Effect.Effect<Redacted.Redacted, unknown> =>
  Redacted.isRedacted(secret)
    ? secret
    : Effect.map(
        Effect.tryPromise(() => readFile(secret.file, "utf8")),
        (text) => Redacted.make(text.replace(/\r?\n$/, ""))
      )

/** Replaces the secrets, as they are and as a URL or JSON has them. */
export const cleaner = (
  secrets: ReadonlyArray<Redacted.Redacted | undefined>
): ((text: string) => string) => {
  const spellings = new Set(
    secrets.flatMap((secret) => {
      const value = secret === undefined ? "" : Redacted.value(secret)
      return value === ""
        ? []
        : [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]
    })
  )
  // One secret may begin with another.
  const longestFirst = [...spellings].sort((a, b) => b.length - a.length)
  return (text) =>
    longestFirst.reduce((rest, spelling) => rest.replaceAll(spelling, "<redacted>"), text)
}
