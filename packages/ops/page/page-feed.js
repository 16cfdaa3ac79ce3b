/** Requests with the bearer token, and the stream of `/events` with its reconnects. */
import { clock } from "./page-dom.js"

const TOKEN_KEY = "tenant-discovery.token"
const FIRST_WAIT = 500
const LONGEST_WAIT = 10_000
/** The server sends something at least every 5 s. */
const SILENCE = 20_000

let memory

/** In `sessionStorage`; in memory where the browser refuses storage. */
export const token = {
  get: () => {
    try {
      return sessionStorage.getItem(TOKEN_KEY) ?? memory
    } catch {
      return memory
    }
  },
  set: (value) => {
    memory = value
    try {
      sessionStorage.setItem(TOKEN_KEY, value)
    } catch {
      // Kept in memory.
    }
  }
}

export const request = async (path, init = {}) => {
  const headers = new Headers(init.headers)
  const value = token.get()
  if (value !== undefined && value !== null) headers.set("Authorization", `Bearer ${value}`)
  const response = await fetch(path, { ...init, headers, cache: "no-store" })
  clock.learn(response.headers.get("Date"))
  return response
}

/** The reason of a problem answer (RFC 9457), for a person. */
export const problemText = async (response) => {
  try {
    const { detail, title } = await response.json()
    return detail ?? title ?? `The server answered ${response.status}.`
  } catch {
    return `The server answered ${response.status}.`
  }
}

/** Splits a stream of server-sent events; `onEvent` gets the event's name and its decoded JSON. */
const makeParser = (onEvent) => {
  let buffer = ""
  let name = "message"
  let data = []
  const line = (text) => {
    if (text === "") {
      if (data.length > 0) onEvent(name, JSON.parse(data.join("\n")))
      name = "message"
      data = []
    } else if (text.startsWith("event:")) name = text.slice(6).trim()
    else if (text.startsWith("data:")) data.push(text.slice(5))
  }
  return (chunk) => {
    let searched = buffer.length
    buffer += chunk
    let start = 0
    for (;;) {
      const end = buffer.indexOf("\n", searched)
      if (end < 0) break
      line(buffer.slice(start, end).replace(/\r$/, ""))
      start = end + 1
      searched = start
    }
    buffer = buffer.slice(start)
  }
}

/**
 * Follows `/events` for ever. `onState` gets `connecting`, `open`, `token` (the server wants
 * another token) and `lost` (with the reason and the time of the next attempt).
 */
export const followEvents = ({ onState, onEvent }) => {
  let wake = () => {}
  let attempt = 0
  let abort = new AbortController()

  const pause = (millis) =>
    new Promise((resolve) => {
      const timer = millis === undefined ? undefined : setTimeout(resolve, millis)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })

  const read = async (response) => {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parse = makeParser((name, data) => {
      if (name === "snapshot") attempt = 0
      onEvent(name, data)
    })
    let timer
    try {
      for (;;) {
        clearTimeout(timer)
        timer = setTimeout(() => abort.abort(), SILENCE)
        const { done, value } = await reader.read()
        if (done) return
        parse(value)
      }
    } finally {
      clearTimeout(timer)
    }
  }

  /** One connection; gives why it ended and how long to wait at least. */
  const connect = async () => {
    abort = new AbortController()
    try {
      const response = await request("events", {
        signal: abort.signal,
        headers: { Accept: "text/event-stream" }
      })
      if (response.status === 401) return { state: "token" }
      if (!response.ok) {
        const after = Number(response.headers.get("Retry-After"))
        return { reason: await problemText(response), wait: after > 0 ? after * 1000 : 0 }
      }
      onState({ state: "open" })
      await read(response)
      return { reason: "The program ended the connection." }
    } catch (error) {
      if (abort.signal.aborted) return { reason: "The program fell silent." }
      return error instanceof SyntaxError
        ? { reason: "The program sent what this page cannot read." }
        : { reason: "The program does not answer." }
    } finally {
      abort.abort()
    }
  }

  const loop = async () => {
    for (;;) {
      onState({ state: "connecting" })
      const { reason, state, wait = 0 } = await connect()
      if (state === "token") {
        onState({ state })
        await pause()
      } else {
        const backoff = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** attempt)
        const millis = Math.max(wait, backoff * (0.8 + 0.4 * Math.random()))
        attempt += 1
        onState({ state: "lost", reason, retryAt: Date.now() + millis })
        await pause(millis)
      }
    }
  }

  const retry = () => {
    attempt = 0
    wake()
  }
  addEventListener("online", retry)
  void loop()
  return { retry }
}
