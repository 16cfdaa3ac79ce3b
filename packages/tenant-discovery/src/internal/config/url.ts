import { Either } from "effect"
import { type Parse } from "./parse.js"

const ABSOLUTE = /^https?:\/\/[^/]/i

/**
 * An absolute `http` or `https` URL without credentials, query or fragment; a
 * path is kept. Whether `http` is acceptable depends on another variable.
 */
export const baseUrl: Parse<URL> = (text) => {
  const trimmed = text.trim()
  if (!ABSOLUTE.test(trimmed) || !URL.canParse(trimmed)) {
    return Either.left("an absolute URL such as https://tenant-manager.example")
  }
  const url = new URL(trimmed)
  if (url.username !== "" || url.password !== "") {
    return Either.left(
      "a URL without a user name or password in it: the API key goes into MULTI_TENANT_SERVICE_API_KEY"
    )
  }
  if (trimmed.includes("?") || trimmed.includes("#")) {
    return Either.left("a URL without a query or fragment")
  }
  return Either.right(url)
}
