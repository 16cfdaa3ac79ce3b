import { Effect, Metric, MetricKey, MetricLabel } from "effect"

/**
 * The metric labels in force where a layer is built, and `labels`. The array stays the same for
 * the life of the layer, so that a metric finds its series in a cache.
 */
export const metricLabels = (
  labels: Readonly<Record<string, string>>
): Effect.Effect<ReadonlyArray<MetricLabel.MetricLabel>> =>
  Effect.map(Effect.metricLabels, (inForce) => [
    ...inForce,
    ...Object.entries(labels).map(([key, value]) => MetricLabel.make(key, value))
  ])

/** A counter with a label in its own key: `Metric.tagged` looks its series up at each update. */
export const taggedCounter = (name: string, description: string, label: string, value: string) =>
  Metric.fromMetricKey(
    MetricKey.tagged(MetricKey.counter(name, { description, incremental: true }), label, value)
  )
