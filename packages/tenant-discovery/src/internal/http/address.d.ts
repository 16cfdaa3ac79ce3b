/**
 * Where a call goes, and with which key.
 */
import { Redacted } from "effect"
/**
 * The base URL, without a slash at the end of its path.
 *
 * @throws TypeError where it is none. The message never repeats it: it may hold credentials.
 */
export declare const baseUrl: (input: string | URL) => URL
/** `/v1` however it was written, and empty where it is nothing but slashes. */
export declare const normalizePrefix: (input: string) => string
/**
 * The key, if it can be sent.
 *
 * @throws TypeError where it cannot; clients would answer with an error that quotes it.
 */
export declare const headerValue: (key: Redacted.Redacted) => Redacted.Redacted
//# sourceMappingURL=address.d.ts.map
