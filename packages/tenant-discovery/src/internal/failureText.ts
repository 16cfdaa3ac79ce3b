/** What a report says about a failure: enough for a person, and no secret. */
import { Cause, Inspectable, Redacted } from "effect"
import { beginning } from "./beginning.js"

const MAX_TEXT = 500
/** The longest text that is searched for secrets. Without them it still fills `MAX_TEXT`. */
const MAX_SEARCHED = 10_000

/** Credentials in a URL, and values under a name that says what they are. */
const URL_CREDENTIALS = /([a-z0-9+.-]{1,20}:\/\/)[^\s"']*@/gi
const NAMED =
  /((?:password|passwd|passphrase|pwd|secret|token|api[-_ ]?key|authorization)["']?\s*[=:]\s*)("[^"]*"?|'[^']*'?|(?:(?:bearer|basic)\s+)?[^\s,;&})\]]+)/gi

/** The texts of all `Redacted` values within a value of connection settings, the longest first. */
export const secretsOf = (settings: unknown): ReadonlyArray<string> => {
  const found = new Set<string>()
  const visit = (value: unknown): void => {
    if (Redacted.isRedacted(value)) {
      const secret = Redacted.value(value)
      if (typeof secret === "string" && secret !== "") found.add(secret)
    } else if (typeof value === "object" && value !== null) Object.values(value).forEach(visit)
  }
  visit(settings)
  return [...found].toSorted((a, b) => b.length - a.length)
}

/**
 * The name and the message of the error that the cause came from, at most 500 characters, without
 * `secrets` and without what looks like one.
 */
export const failureText = (
  cause: Cause.Cause<unknown>,
  secrets: ReadonlyArray<string> = []
): string => {
  try {
    const error = Cause.squash(cause)
    const text =
      error instanceof Error
        ? `${error.name}: ${error.message}`
        : Inspectable.toStringUnknown(error)
    const withoutSecrets = secrets
      .flatMap((secret) => [secret, encodeURIComponent(secret)])
      .reduce((shown, secret) => shown.replaceAll(secret, "***"), text)
    const searched = beginning(withoutSecrets, MAX_SEARCHED)
    return beginning(searched.replace(URL_CREDENTIALS, "$1***@").replace(NAMED, "$1***"), MAX_TEXT)
  } catch {
    return "an error that cannot be shown"
  }
}
