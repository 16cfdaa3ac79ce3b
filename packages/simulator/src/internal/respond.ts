import * as Effect from "effect/Effect"
import type { ServerResponse } from "node:http"
import { realTime } from "./realTime.js"
import type { Met } from "./troubles.js"

export interface Answer {
  readonly status: number
  readonly body: Buffer
  readonly headers?: Readonly<Record<string, string>>
}

/** Ends with a line feed, for a terminal. */
export const jsonAnswer = (status: number, value: unknown): Answer => ({
  status,
  body: Buffer.from(`${JSON.stringify(value)}\n`)
})

export const errorAnswer = (status: number, code: string, error: string): Answer =>
  jsonAnswer(status, { code, error })

/** 403 of an association that is not active. */
export const suspendedAnswer = (status: "suspended" | "purged"): Answer =>
  jsonAnswer(403, { code: "TS-SUSPENDED", error: `service is ${status} for this tenant`, status })

const padded = (bytes: number): Buffer => {
  const body = Buffer.alloc(bytes, " ")
  body.write("[")
  body.write("]", Math.max(1, bytes - 1))
  return body
}

/** The answer after the active faults. */
export const troubled = (answer: Answer, met: Met): Answer => {
  if (met.Status !== undefined) {
    const { status, body, retryAfter } = met.Status
    return {
      status,
      body: Buffer.from(body ?? JSON.stringify({ code: "TROUBLE", error: "injected fault" })),
      headers: retryAfter === undefined ? {} : { "retry-after": retryAfter }
    }
  }
  if (met.Suspended !== undefined) return suspendedAnswer(met.Suspended.status)
  if (met.Denied !== undefined) return { status: 403, body: Buffer.from("denied") }
  if (met.Redirect !== undefined) {
    return { status: 307, body: Buffer.alloc(0), headers: { location: met.Redirect.to } }
  }
  if (met.RawBody !== undefined) return { status: 200, body: Buffer.from(met.RawBody.body) }
  if (met.OversizedBody !== undefined) {
    return { status: 200, body: padded(met.OversizedBody.bytes) }
  }
  if (met.TruncatedBody !== undefined) {
    return { ...answer, body: answer.body.subarray(0, Math.floor(answer.body.length / 2)) }
  }
  return answer
}

const written = (response: ServerResponse, chunk: Buffer) =>
  Effect.async<void>((resume) => {
    response.write(chunk, () => resume(Effect.void))
  })

/** Sends an answer with the faults of its transport. Ends when the system has taken it. */
export const send = (response: ServerResponse, answer: Answer, met: Met): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { body } = answer
    response.writeHead(answer.status, {
      "content-type": met.WrongContentType === undefined ? "application/json" : "text/html",
      "content-length": body.length,
      ...answer.headers
    })
    if (met.ResetInBody !== undefined) {
      // At least one byte is missing.
      yield* written(response, body.subarray(0, Math.floor(body.length / 2)))
      response.socket?.resetAndDestroy()
      return
    }
    if (met.Drip !== undefined) {
      for (const byte of body) {
        yield* written(response, Buffer.of(byte))
        yield* Effect.sleep(met.Drip.millis)
      }
    }
    yield* Effect.async<void>((resume) => {
      const done = () => resume(Effect.void)
      if (met.Drip === undefined) response.end(body, done)
      else response.end(done)
    })
  }).pipe(realTime)
