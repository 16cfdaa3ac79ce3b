/**
 * The one reader of the view that a worker has.
 */
import { Effect, type Scope, Stream } from "effect"
import type { TenantChange } from "../../TenantChange.js"
import type { TenantDiscoveryService } from "../../TenantDiscoveryService.js"
import { TenantView } from "../../TenantView.js"

/**
 * Hands over what changed since `seen`, in order, with the revision it led to;
 * until the scope or the discovery closes. Nothing after `seen` is missed, however
 * late the first look.
 */
export const followView = (
  discovery: TenantDiscoveryService,
  seen: TenantView,
  handle: (changes: ReadonlyArray<TenantChange>, revision: number) => Effect.Effect<void>
): Effect.Effect<void, never, Scope.Scope> =>
  discovery.view.changes.pipe(
    Stream.runFoldEffect(seen, (before, view) =>
      Effect.as(handle(TenantView.diff(before, view), view.revision), view)
    ),
    Effect.tapErrorCause((cause) =>
      Effect.logError("a tenant worker no longer follows the view: this is a bug", cause)
    ),
    Effect.interruptible,
    Effect.forkScoped,
    Effect.asVoid
  )
