/**
 * Context references that connect a pool and the work that uses the resources of the pool.
 */
import { Context, type Effect } from "effect"

/**
 * The run that resources are built for. A worker provides this around each run, so that
 * every layer that is built within the run sees it, however the layers are merged or nested.
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
  /** The pools in which the run waits for a place; `undefined` outside of a run. */
  readonly waits?: Set<{ readonly pool: string }> | undefined
}

/**
 * The innermost resource in use whose pool isolates services, such as an open transaction.
 * The isolated services belong to this resource. `undefined` if no such resource is in use.
 */
export class IsolatedResource extends Context.Reference<IsolatedResource>()(
  "tenant-discovery/IsolatedResource",
  { defaultValue: (): object | undefined => undefined }
) {}
