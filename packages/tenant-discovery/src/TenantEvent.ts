/**
 * The events that the tenant manager publishes: one JSON object a message.
 *
 * @example
 * // On the channel `tenant-events:production:`, on the wire:
 * // {"event_id":"evt-002","event_type":"tenant.service.associated",
 * //  "timestamp":"2026-03-25T10:00:00Z","tenant_id":"t-123","tenant_slug":"acme",
 * //  "environment":"production","payload":{"service_name":"ledger"}}
 * const decoded = TenantEvent.decode(raw)
 * if (Either.isRight(decoded)) TenantEvent.directiveFor(decoded.right, "ledger")
 * // => { _tag: "Add", tenantId: "t-123", cause: { _tag: "Event", ... } }
 */
export { decode, type EnvelopeSummary, type Undecodable } from "./internal/event/decode.js"
export {
  type ConnectionsReason,
  type Directive,
  directiveFor,
  type EventCause
} from "./internal/event/directive.js"
export {
  type TenantEvent,
  TenantEventSchema,
  type TenantEventType
} from "./internal/event/eventSchema.js"
