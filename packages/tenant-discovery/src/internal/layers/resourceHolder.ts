import { Context, type Effect } from "effect"

export class ResourceHolder extends Context.Reference<ResourceHolder>()(
  "tenant-discovery/ResourceHolder",
  {
    defaultValue: (): { readonly revoke: Effect.Effect<void> | undefined } => ({
      revoke: undefined
    })
  }
) {}
