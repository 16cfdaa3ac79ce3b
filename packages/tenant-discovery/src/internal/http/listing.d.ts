/**
 * The body of `GET /tenants/active`.
 *
 * {@link Element} is the declared contract of one element. {@link decodeListing}
 * is written by hand, since a schema on 100 000 elements costs more than
 * everything else together; a property test holds the two equal.
 */
import { Effect, Schema } from "effect"
import { type Tenant, TenantId } from "../../Tenant.js"
/** One element, as the contract has it. Other fields occur and are ignored. */
export declare const Element: Schema.Struct<{
  id: Schema.Schema<TenantId, string, never>
  name: Schema.optional<
    Schema.transform<typeof Schema.Unknown, Schema.UndefinedOr<typeof Schema.String>>
  >
  /** Absent, null or empty means active. */
  status: Schema.optional<typeof Schema.Unknown>
}>
/** Whether an element with this status belongs in the set. */
export declare const isActiveStatus: (status: unknown) => boolean
/** An element that was passed over. The reason never repeats what was there. */
export interface Skipped {
  readonly index: number
  readonly reason: string
}
/** A listing, and the first few of the elements that it passed over. */
export interface DecodedListing {
  readonly tenants: ReadonlyArray<Tenant>
  readonly skipped: number
  readonly firstSkipped: ReadonlyArray<Skipped>
}
/** How many skipped elements are told one by one. */
export declare const TOLD_SKIPPED = 10
/**
 * The active tenants in a parsed body: an array, or `null` for none. Fails with
 * what was expected where it is neither.
 *
 * A long list is gone through in slices, and the event loop has its turn between
 * them.
 */
export declare const decodeListing: (body: unknown) => Effect.Effect<DecodedListing, string>
//# sourceMappingURL=listing.d.ts.map
