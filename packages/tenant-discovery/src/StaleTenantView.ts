import { Data, Duration } from "effect"
import type { DiscoveryMode } from "./TenantView.js"

/** The view was last known to be right longer ago than the caller allows. */
export class StaleTenantView extends Data.TaggedError("StaleTenantView")<{
  readonly age: Duration.Duration
  readonly maxAge: Duration.Duration
  readonly mode: DiscoveryMode
}> {
  override get message(): string {
    return (
      `the tenants were last known to be right ${Duration.format(this.age)} ago, and at most ` +
      `${Duration.format(this.maxAge)} is allowed (mode ${this.mode}); see the discovery's status`
    )
  }
}
