/**
 * What may be told about a failed call: never the API key, never an object that
 * leads to one.
 */
/** What is kept of an underlying error: the platform's errors carry the request, headers and all. */
export interface TransportCause {
  /** The error's class, such as `SocketError`. */
  readonly name: string
  /** Such as `ECONNREFUSED`, where the runtime gave one. */
  readonly code: string | undefined
}
/**
 * The name and the code of the outermost error in the chain of causes that has a
 * code; without any, the name of the innermost. Both are matched against what
 * such words look like, so that no text of an error message passes.
 */
export declare const transportCause: (error: unknown) => TransportCause
export declare const describeCause: (cause: TransportCause) => string
/** `text` with every spelling of `secret` blotted out. */
export declare const redact: (text: string, secret: string) => string
/** At most 512 bytes from the start of a body, without the secret. */
export declare const excerpt: (body: string, secret: string) => string
//# sourceMappingURL=sanitize.d.ts.map
