/** A line for the log, as data: whoever decides says it, the loop writes it. */
import { type Cause, Effect } from "effect"

export interface Notice {
  readonly level: "Debug" | "Info" | "Warning" | "Error"
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
  readonly cause?: Cause.Cause<unknown>
}

const write = ({ cause, level, message }: Notice): Effect.Effect<void> => {
  switch (level) {
    case "Debug":
      return Effect.logDebug(message)
    case "Info":
      return Effect.logInfo(message)
    case "Warning":
      return Effect.logWarning(message)
    case "Error":
      return cause === undefined ? Effect.logError(message) : Effect.logError(message, cause)
  }
}

export const logNotices = (notices: Iterable<Notice>): Effect.Effect<void> =>
  Effect.forEach(notices, (notice) => Effect.annotateLogs(write(notice), notice.fields), {
    discard: true
  })
