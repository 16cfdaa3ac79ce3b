/** All Effect metrics of the process in the text format of Prometheus. */
import { Metrics, Resource } from "@effect/opentelemetry"
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus"
import { Effect } from "effect"

/** `version=0.0.4` is the version of the format. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

/** Reads the metrics at each run. */
export const makeMetricsText: Effect.Effect<Effect.Effect<string>> = Effect.gen(function* () {
  const producer = yield* Metrics.makeProducer
  // Without `target_info` and the labels of the instrumentation scope: they say nothing here.
  const serializer = new PrometheusSerializer(undefined, false, undefined, true, true)
  return Effect.map(
    Effect.promise(() => producer.collect()),
    ({ resourceMetrics }) => serializer.serialize(resourceMetrics)
  )
}).pipe(Effect.provide(Resource.layerEmpty))
