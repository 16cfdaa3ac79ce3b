/**
 * Where a call goes, and with which key.
 */
import { Redacted } from "effect"
/**
 * The base URL, without a slash at the end of its path.
 *
 * @throws TypeError where it is none. The message never repeats it: it may hold credentials.
 */
export const baseUrl = (input) => {
  if (!URL.canParse(String(input))) {
    throw new TypeError("TenantManager url: expected an absolute URL")
  }
  const url = new URL(input)
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new TypeError("TenantManager url: expected an http or https URL")
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new TypeError("TenantManager url: expected no credentials, no query and no fragment")
  }
  url.pathname = url.pathname.replace(/\/+$/, "")
  return url
}
/** `/v1` however it was written, and empty where it is nothing but slashes. */
export const normalizePrefix = (input) => {
  const inner = input
    .trim()
    .split("/")
    .filter((segment) => segment !== "")
    .join("/")
  return inner === "" ? "" : `/${inner}`
}
/** What may stand in a header: visible ASCII, with spaces and tabs between. */
const HEADER_VALUE = /^[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*$/
/**
 * The key, if it can be sent.
 *
 * @throws TypeError where it cannot; clients would answer with an error that quotes it.
 */
export const headerValue = (key) => {
  if (!HEADER_VALUE.test(Redacted.value(key))) {
    throw new TypeError(
      "TenantManager apiKey: expected visible ASCII characters, none at all is no key"
    )
  }
  return key
}
//# sourceMappingURL=address.js.map
