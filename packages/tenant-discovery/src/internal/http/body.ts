/**
 * Reading a body up to a limit.
 */
import type { HttpClientResponse } from "@effect/platform"
import { Effect, Stream } from "effect"
import { textOf } from "./text.js"

/** The body is longer than the limit: reading stopped. */
export class TooLarge {
  readonly _tag = "TooLarge"
}

/** The connection broke before the body was complete. */
export class Broken {
  readonly _tag = "Broken"
  constructor(readonly error: unknown) {}
}

const LENGTH = /^\d+$/

/** The announced length; `undefined` where there is none, or where the body arrives encoded. */
const announced = (response: HttpClientResponse.HttpClientResponse): number | undefined => {
  const length = response.headers["content-length"]
  const encoding = response.headers["content-encoding"] ?? "identity"
  return length !== undefined && LENGTH.test(length) && encoding === "identity"
    ? Number(length)
    : undefined
}

const concat = (chunks: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
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

/** Chunk by chunk, with the limit checked at each. */
const readChunks = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<Uint8Array, TooLarge | Broken> =>
  Effect.suspend(() => {
    const chunks: Array<Uint8Array> = []
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
      Effect.map(() => concat(chunks, length))
    )
  })

/**
 * In one go, where the announced length is within the limit: the protocol ends
 * such a body there, and this takes half the time of a stream.
 */
const readAnnounced = (
  response: HttpClientResponse.HttpClientResponse,
  length: number
): Effect.Effect<Uint8Array, TooLarge | Broken> =>
  response.arrayBuffer.pipe(
    Effect.mapError((error) => new Broken(error)),
    Effect.flatMap((buffer): Effect.Effect<Uint8Array, TooLarge | Broken> => {
      if (buffer.byteLength > length) return Effect.fail(new TooLarge())
      // A stream whose connection went away before it was read may end early without an error.
      if (buffer.byteLength < length) return Effect.fail(new Broken({ name: "IncompleteBody" }))
      return Effect.succeed(new Uint8Array(buffer))
    })
  )

/**
 * The body as text (UTF-8, without a byte order mark), read to its end but never
 * past `limit` bytes. The connection is the caller's to release.
 */
export const readText = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<string, TooLarge | Broken> =>
  Effect.suspend(() => {
    const length = announced(response)
    if (length === 0) return Effect.succeed("")
    if (length !== undefined && length > limit) return Effect.fail(new TooLarge())
    const bytes =
      length === undefined ? readChunks(response, limit) : readAnnounced(response, length)
    return Effect.map(bytes, textOf)
  })
