/** Reads a body up to a limit. */
import type { HttpClientResponse } from "@effect/platform"
import { Data, Effect, Stream } from "effect"

type Response = HttpClientResponse.HttpClientResponse

/** The body is longer than the limit. */
export class TooLarge extends Data.TaggedError("TooLarge") {}

/** The connection broke before the body was complete. */
export class Broken extends Data.TaggedError("Broken")<{ readonly error: unknown }> {}

/** The content coding, when it is another than `identity`. */
export const contentCoding = ({ headers }: Response): string | undefined => {
  const coding = headers["content-encoding"]?.trim().toLowerCase() ?? ""
  return coding === "" || coding === "identity" ? undefined : coding
}

/** Of a body with a content coding, the length of the decoded text is unknown. */
const announcedLength = (response: Response): number | undefined => {
  const length = response.headers["content-length"] ?? ""
  return /^\d+$/.test(length) && contentCoding(response) === undefined ? Number(length) : undefined
}

/**
 * The body as text (UTF-8, without a byte order mark), read to its end but never past `limit`
 * bytes. The caller closes the connection.
 */
export const readText = (
  response: Response,
  limit: number
): Effect.Effect<string, TooLarge | Broken> =>
  Effect.suspend(() => {
    const announced = announcedLength(response)
    if (announced === 0) return Effect.succeed("")
    if (announced !== undefined && announced > limit) return new TooLarge()
    const decoder = new TextDecoder()
    let length = 0
    let text = ""
    return response.stream.pipe(
      Stream.mapError((error) => new Broken({ error })),
      Stream.runForEach((bytes) => {
        length += bytes.length
        if (length > limit) return new TooLarge()
        text += decoder.decode(bytes, { stream: true })
        return Effect.void
      }),
      Effect.flatMap(() =>
        // A stream whose connection was lost before it was read may end without an error.
        announced !== undefined && length < announced
          ? new Broken({ error: { name: "IncompleteBody" } })
          : Effect.succeed(text + decoder.decode())
      )
    )
  })
