/** Reads a body up to a limit. */
import type { HttpClientResponse } from "@effect/platform"
import { Effect, Stream } from "effect"

/** The body is longer than the limit. */
export class TooLarge {
  readonly _tag = "TooLarge"
}

/** The connection broke before the body was complete. */
export class Broken {
  readonly _tag = "Broken"
  constructor(readonly error: unknown) {}
}

const LENGTH = /^\d+$/

/** The content coding, when it is another than `identity`. */
export const contentCoding = (
  response: HttpClientResponse.HttpClientResponse
): string | undefined => {
  const coding = response.headers["content-encoding"]?.trim().toLowerCase() ?? ""
  return coding === "" || coding === "identity" ? undefined : coding
}

/** Of a body with a content coding, the length of the decoded text is unknown. */
const announcedLength = (response: HttpClientResponse.HttpClientResponse): number | undefined => {
  const length = response.headers["content-length"] ?? ""
  return LENGTH.test(length) && contentCoding(response) === undefined ? Number(length) : undefined
}

/**
 * The body as text (UTF-8, without a byte order mark), read to its end but never past `limit`
 * bytes. The caller closes the connection.
 */
export const readText = (
  response: HttpClientResponse.HttpClientResponse,
  limit: number
): Effect.Effect<string, TooLarge | Broken> =>
  Effect.suspend(() => {
    const announced = announcedLength(response)
    if (announced === 0) return Effect.succeed("")
    if (announced !== undefined && announced > limit) return Effect.fail(new TooLarge())
    const decoder = new TextDecoder()
    let length = 0
    let text = ""
    return response.stream.pipe(
      Stream.mapError((error) => new Broken(error)),
      Stream.runForEach((bytes) => {
        length += bytes.length
        if (length > limit) return Effect.fail(new TooLarge())
        text += decoder.decode(bytes, { stream: true })
        return Effect.void
      }),
      Effect.flatMap(() =>
        // A stream whose connection was lost before it was read may end without an error.
        announced !== undefined && length < announced
          ? Effect.fail(new Broken({ name: "IncompleteBody" }))
          : Effect.succeed(text + decoder.decode())
      )
    )
  })
