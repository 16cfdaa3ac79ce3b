/** A line for the log, as data: whoever decides says it, the loop writes it. */
import { Effect } from "effect"

export interface Notice {
  readonly level: "Debug" | "Info" | "Warning" | "Error"
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

const write = ({ level, message }: Notice): Effect.Effect<void> => {
  switch (level) {
    case "Debug":
      return Effect.logDebug(message)
    case "Info":
      return Effect.logInfo(message)
    case "Warning":
      return Effect.logWarning(message)
    case "Error":
      return Effect.logError(message)
  }
}

export const logNotices = (notices: ReadonlyArray<Notice>): Effect.Effect<void> =>
  Effect.forEach(notices, (notice) => Effect.annotateLogs(write(notice), notice.fields), {
    discard: true
  })
