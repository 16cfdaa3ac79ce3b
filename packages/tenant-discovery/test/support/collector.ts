/** Collects what a program shows: its logs as each logger writes them, its spans, and values. */
import { Cause, Effect, Logger, LogLevel, Tracer } from "effect"
import { inspect } from "node:util"

/** The texts under which a value can become visible. */
export const shown = (value: unknown, depth = 12): string =>
  [
    inspect(value, { depth, showHidden: true, getters: true, maxStringLength: Infinity }),
    inspect(value),
    String(value),
    JSON.stringify([value], (_key, field: unknown) =>
      typeof field === "bigint" ? String(field) : field
    ),
    value instanceof Error ? `${value.name} ${value.message} ${value.stack ?? ""}` : ""
  ].join("\n")

export interface Collector {
  /** The effect, with its log lines and spans collected. */
  readonly observed: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly add: (value: unknown) => Effect.Effect<void>
  readonly spans: ReadonlyArray<Tracer.Span>
  /** The log lines and the added values so far, as texts. */
  readonly texts: ReadonlyArray<string>
  /** `texts` and the spans. */
  readonly all: () => ReadonlyArray<string>
}

export const makeCollector: Effect.Effect<Collector> = Effect.gen(function* () {
  const texts: Array<string> = []
  const spans: Array<Tracer.Span> = []
  const native = yield* Effect.tracer
  const tracer = Tracer.make({
    span: (...args) => {
      const span = native.span(...args)
      spans.push(span)
      return span
    },
    context: (f, fiber) => native.context(f, fiber)
  })
  const logger = Logger.make((entry) => {
    texts.push(shown(entry), Logger.jsonLogger.log(entry), Logger.logfmtLogger.log(entry))
    texts.push(Cause.pretty(entry.cause, { renderErrorCause: true }))
  })
  return {
    observed: (effect) =>
      effect.pipe(
        Effect.withTracer(tracer),
        Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
        Logger.withMinimumLogLevel(LogLevel.All)
      ),
    add: (value) =>
      Effect.sync(() => {
        texts.push(shown(value))
      }),
    spans,
    texts,
    all: () => [...texts, ...spans.map((span) => shown(span))]
  }
})
