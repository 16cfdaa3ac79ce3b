import { Effect, Stream } from "effect"
/** The body is longer than the limit: reading stopped. */
export class TooLarge {
  _tag = "TooLarge"
}
/** The connection broke before the body was complete. */
export class Broken {
  error
  _tag = "Broken"
  constructor(error) {
    this.error = error
  }
}
const LENGTH = /^\d+$/
/** The announced length; `undefined` where there is none, or where the body arrives encoded. */
const announced = (response) => {
  const length = response.headers["content-length"]
  const encoding = response.headers["content-encoding"] ?? "identity"
  return length !== undefined && LENGTH.test(length) && encoding === "identity"
    ? Number(length)
    : undefined
}
const concat = (chunks, length) => {
  const first = chunks[0]
  if (first !== undefined && chunks.length === 1) return first
  const all = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    all.set(chunk, offset)
    offset += chunk.length
  }
  return all
}
/**
 * The body as text (UTF-8, without a byte order mark), read to its end but never
 * past `limit` bytes. The connection is the caller's to release.
 */
export const readText = (response, limit) =>
  Effect.suspend(() => {
    const expected = announced(response)
    if (expected !== undefined && expected > limit) return Effect.fail(new TooLarge())
    if (expected === 0) return Effect.succeed("")
    const chunks = []
    let length = 0
    const tooLarge = Effect.fail(new TooLarge())
    return response.stream.pipe(
      Stream.mapError((error) => new Broken(error)),
      Stream.runForEachChunk((received) => {
        for (const chunk of received) {
          length += chunk.length
          if (length > limit) return tooLarge
          chunks.push(chunk)
        }
        return Effect.void
      }),
      Effect.flatMap(() => {
        // A stream whose connection went away before it was read ends early without an error.
        if (expected !== undefined && length < expected) {
          return Effect.fail(new Broken(undefined))
        }
        return Effect.sync(() => {
          const all = concat(chunks, length)
          chunks.length = 0
          return new TextDecoder().decode(all)
        })
      })
    )
  })
//# sourceMappingURL=body.js.map
