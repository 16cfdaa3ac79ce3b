import { Data, Effect, Schedule } from "effect"

class NotYet extends Data.TaggedError("NotYet")<{ readonly message: string }> {}

/** Ends when `check` gives true; dies after ten seconds. */
export const eventually = <E, R>(what: string, check: Effect.Effect<boolean, E, R>) =>
  check.pipe(
    Effect.orElseSucceed(() => false),
    Effect.repeat({ until: (held) => held, schedule: Schedule.spaced("10 millis") }),
    Effect.timeoutFail({
      duration: "10 seconds",
      onTimeout: () => new NotYet({ message: `not within 10 s: ${what}` })
    }),
    Effect.orDie,
    Effect.asVoid
  )
