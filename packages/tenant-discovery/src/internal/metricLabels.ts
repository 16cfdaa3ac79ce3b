import { Effect, FiberRef, Metric, MetricLabel } from "effect"

/** Adds labels to a metric. */
export type Labelled = <Type, In, Out>(
  metric: Metric.Metric<Type, In, Out>
) => Metric.Metric<Type, In, Out>

/**
 * Captures the metric labels in force where a layer is built (`Effect.tagMetrics` does not reach
 * a forked fiber otherwise) and adds `labels` to them.
 */
export const metricLabels = (labels: Readonly<Record<string, string>>): Effect.Effect<Labelled> =>
  Effect.map(FiberRef.get(FiberRef.currentMetricLabels), (inForce) => {
    const own = Object.entries(labels).map(([key, value]) => MetricLabel.make(key, value))
    return (metric) => Metric.taggedWithLabels(metric, [...inForce, ...own])
  })
