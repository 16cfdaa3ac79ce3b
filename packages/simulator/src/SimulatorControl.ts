/** What can be done to a simulator, and asked of it. */
import type * as Effect from "effect/Effect"
import type { ModuleSettings } from "./internal/store.js"
import type { OutgoingEvent } from "./internal/events.js"
import type { SimulatorError } from "./SimulatorError.js"
import type { Trouble } from "./Trouble.js"

export interface CreateOptions {
  /** As the list shall spell it. Default: UUIDs dashed, upper-case and plain, and others, by turns. */
  readonly id?: string | undefined
  /** Without it the list has no `name` for the tenant. */
  readonly name?: string | undefined
  readonly slug?: string | undefined
  /** What it is associated with; default the simulator's service, `[]` for none. */
  readonly services?: ReadonlyArray<string> | undefined
  /** `false` changes the state alone, as if the events had been lost. */
  readonly publish?: boolean | undefined
}

/** `published`: whether Redis took the events. `false` too when trouble withheld them. */
export interface Change {
  /** Canonical. */
  readonly tenantId: string
  readonly published: boolean
}

type Operation = (tenantId: string, service?: string) => Effect.Effect<Change, SimulatorError>

/**
 * Each changes the state and then publishes the contract's event, one operation after the other;
 * the change stands even when Redis is away and the event is lost. A tenant ID may be spelled in
 * any way. Every one that is named after a service's event also takes another service.
 */
export interface SimulatorOperations {
  readonly create: (options?: CreateOptions) => Effect.Effect<Change, SimulatorError>
  readonly bulkCreate: (
    count: number,
    options?: Pick<CreateOptions, "services" | "publish">
  ) => Effect.Effect<
    { readonly tenantIds: ReadonlyArray<string>; readonly published: boolean },
    SimulatorError
  >
  readonly associate: Operation
  readonly suspend: Operation
  readonly reactivate: Operation
  readonly purge: Operation
  readonly disassociate: Operation
  readonly deleteTenant: (tenantId: string) => Effect.Effect<Change, SimulatorError>
  readonly suspendTenant: (tenantId: string) => Effect.Effect<Change, SimulatorError>
  readonly activate: (tenantId: string) => Effect.Effect<Change, SimulatorError>
  readonly update: (
    tenantId: string,
    options: { readonly name: string | undefined }
  ) => Effect.Effect<Change, SimulatorError>
  /** New passwords in `/connections`. */
  readonly rotate: Operation
  readonly updateConnections: (
    tenantId: string,
    options: {
      readonly service?: string | undefined
      /** Default `onboarding`. */
      readonly module?: string | undefined
      readonly settings: ModuleSettings
    }
  ) => Effect.Effect<Change, SimulatorError>
  readonly invalidateCache: Operation
  /** Replaces top-level fields of `/connections`; publishes nothing. */
  readonly overrideConnections: (
    tenantId: string,
    fields: Readonly<Record<string, unknown>>,
    service?: string
  ) => Effect.Effect<void, SimulatorError>
  /** An event of which nothing in the state is true; gives whether it was published. */
  readonly publishEvent: (event: OutgoingEvent) => Effect.Effect<boolean>
  /** Any messages, pipelined, past every trouble; gives whether Redis took all. */
  readonly publishRaw: (channel: string, messages: ReadonlyArray<string>) => Effect.Effect<boolean>
}

export interface LoggedRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headerNames: ReadonlyArray<string>
  readonly traceparent: string | undefined
}

/** The operations, the truth, and trouble: all that the admin API offers over HTTP too. */
export interface SimulatorControl extends SimulatorOperations {
  /** The truth: canonical IDs of the tenants that a right list has, sorted. */
  readonly activeTenantIds: (service?: string) => Effect.Effect<ReadonlyArray<string>>
  /** Requests of the API since the start, oldest first; the last 10 000. */
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
  /** Switches a trouble on; troubles of different kinds add up. */
  readonly trouble: (...troubles: ReadonlyArray<Trouble>) => Effect.Effect<void>
  readonly clearTrouble: Effect.Effect<void>
}
