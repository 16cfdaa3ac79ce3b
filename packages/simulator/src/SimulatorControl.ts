/** The operations and the state of a simulator. */
import type * as Effect from "effect/Effect"
import type { ModuleSettings } from "./internal/store.js"
import type { OutgoingEvent } from "./internal/events.js"
import type { SimulatorError } from "./SimulatorError.js"
import type { Trouble } from "./Trouble.js"

export interface CreateOptions {
  /** The spelling in lists. Default: in turn a dashed, an upper-case, a plain UUID and another ID. */
  readonly id?: string | undefined
  /** Default: lists have no `name` for the tenant. */
  readonly name?: string | undefined
  readonly slug?: string | undefined
  /** The associated services. Default: the simulator's service. */
  readonly services?: ReadonlyArray<string> | undefined
  /** `false` changes the state and publishes nothing, as a lost event. Default true. */
  readonly publish?: boolean | undefined
}

/** `published`: whether Redis took the events; `false` where a fault withheld them. */
export interface Change {
  /** Canonical. */
  readonly tenantId: string
  readonly published: boolean
}

type Operation = (tenantId: string, service?: string) => Effect.Effect<Change, SimulatorError>

/**
 * Each operation changes the state, then publishes its event; operations run one at a time. The
 * change stays where Redis is unreachable and the event is lost. Every spelling of a tenant ID is
 * accepted. `service` defaults to the simulator's service.
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
  /** Publishes any event without a change of the state; gives whether Redis took it. */
  readonly publishEvent: (event: OutgoingEvent) => Effect.Effect<boolean>
  /** Publishes any messages, pipelined, without faults; gives whether Redis took them all. */
  readonly publishRaw: (channel: string, messages: ReadonlyArray<string>) => Effect.Effect<boolean>
}

export interface LoggedRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headerNames: ReadonlyArray<string>
  readonly traceparent: string | undefined
}

/** The operations, the state and the faults; the admin API offers the same over HTTP. */
export interface SimulatorControl extends SimulatorOperations {
  /** Sorted canonical IDs of the active tenants: what a correct list has. */
  readonly activeTenantIds: (service?: string) => Effect.Effect<ReadonlyArray<string>>
  /** The last 10 000 requests of the API, oldest first. */
  readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
  /** Switches faults on; faults of different kinds combine. */
  readonly trouble: (...troubles: ReadonlyArray<Trouble>) => Effect.Effect<void>
  readonly clearTrouble: Effect.Effect<void>
}
