/**
 * The run that a resource is built for: how a pool ends it when the resource must close.
 */
import { Context, type Effect } from "effect"

/**
 * A worker provides this around each run, so that every layer which is built within the
 * run sees it, however the layers are merged or nested.
 */
export class ResourceHolder extends Context.Reference<ResourceHolder>()(
  "tenant-discovery/ResourceHolder",
  { defaultValue: (): ResourceHolderShape => ({ revoke: undefined }) }
) {}

export interface ResourceHolderShape {
  /**
   * Interrupts the run and returns at once; `undefined` outside of a run. The worker
   * starts the run again if its tenant is still active.
   */
  readonly revoke: Effect.Effect<void> | undefined
}
