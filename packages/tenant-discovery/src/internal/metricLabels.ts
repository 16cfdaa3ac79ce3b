import { Effect, Metric, MetricBoundaries, MetricKey, MetricLabel } from "effect"

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

export type MetricLabels = ReadonlyArray<MetricLabel.MetricLabel>

/** A counter with a label in its own key: `Metric.tagged` looks its series up at each update. */
export const taggedCounter = (name: string, description: string, label: string, value: string) =>
  Metric.fromMetricKey(
    MetricKey.tagged(MetricKey.counter(name, { description, incremental: true }), label, value)
  )

/** The same for a gauge. */
export const taggedGauge = (name: string, description: string, label: string, value: string) =>
  Metric.fromMetricKey(MetricKey.tagged(MetricKey.gauge(name, { description }), label, value))

/** The same for a histogram; `bounds`: the upper bounds of its buckets. */
export const taggedHistogram = (
  name: string,
  description: string,
  bounds: ReadonlyArray<number>,
  label: string,
  value: string
) =>
  Metric.fromMetricKey(
    MetricKey.tagged(
      MetricKey.histogram(name, MetricBoundaries.fromIterable(bounds), description),
      label,
      value
    )
  )
