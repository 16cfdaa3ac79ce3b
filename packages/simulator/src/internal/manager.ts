import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Change, CreateOptions, SimulatorOperations } from "../SimulatorControl.js"
import { SimulatorError } from "../SimulatorError.js"
import type { OutgoingEvent, Outbox } from "./events.js"
import type { Message, Publisher } from "./publisher.js"
import { canonicalId, inventId, type Association, type Store, type TenantRecord } from "./store.js"

export interface ManagerOptions {
  readonly store: Store
  readonly outbox: Outbox
  readonly publisher: Publisher
  readonly service: string
}

/** Each operation changes the state, then publishes; operations run one at a time. */
export const makeManager = (options: ManagerOptions): Effect.Effect<SimulatorOperations> =>
  Effect.gen(function* () {
    const { outbox, publisher, store } = options
    const lock = yield* Effect.makeSemaphore(1)

    const publish = (events: ReadonlyArray<OutgoingEvent>) =>
      Effect.gen(function* () {
        const now = yield* Clock.currentTimeMillis
        const messages: Array<Message> = []
        for (const event of events) messages.push(...outbox.messages(event, now))
        const taken = yield* publisher.publish(messages)
        return taken && (messages.length > 0 || events.length === 0)
      })

    const tenant = (id: string) =>
      Effect.suspend(() => {
        const record = store.find(id)
        return record === undefined
          ? Effect.fail(
              new SimulatorError({ reason: "NoSuchTenant", message: `tenant ${id} does not exist` })
            )
          : Effect.succeed(record)
      })

    /** Changes a tenant, then publishes the event. */
    const onTenant = (
      id: string,
      eventType: string,
      change: (record: TenantRecord, now: number) => void
    ): Effect.Effect<Change, SimulatorError> =>
      Effect.gen(function* () {
        const record = yield* tenant(id)
        change(record, yield* Clock.currentTimeMillis)
        store.changed()
        const published = yield* publish([eventOf(record, eventType)])
        return { tenantId: record.id, published }
      }).pipe(lock.withPermits(1))

    /** The same for an association; the payload has the service's name. */
    const onAssociation = (
      id: string,
      service: string | undefined,
      eventType: string,
      change: (
        association: Association,
        record: TenantRecord,
        service: string
      ) => Readonly<Record<string, unknown>>
    ): Effect.Effect<Change, SimulatorError> =>
      Effect.gen(function* () {
        const name = service ?? options.service
        const record = yield* tenant(id)
        const association = record.associations.get(name)
        if (association === undefined) {
          return yield* new SimulatorError({
            reason: "NoSuchAssociation",
            message: `tenant ${id} has no association with ${name}`
          })
        }
        const payload = change(association, record, name)
        association.updatedAt = yield* Clock.currentTimeMillis
        store.changed()
        const published = yield* publish([
          eventOf(record, eventType, { service_name: name, ...payload })
        ])
        return { tenantId: record.id, published }
      }).pipe(lock.withPermits(1))

    const setStatus =
      (status: Association["status"]) =>
      (association: Association): Readonly<Record<string, unknown>> => {
        const previous = association.status
        association.status = status
        return { previous_status: previous }
      }

    const add = (create: CreateOptions, index: number, now: number) => {
      const storedId = create.id ?? inventId(index)
      const id = canonicalId(storedId)
      if (id === undefined) {
        return new SimulatorError({
          reason: "InvalidRequest",
          message: `the tenant ID ${storedId} is invalid`
        })
      }
      if (store.tenants.has(id)) {
        return new SimulatorError({
          reason: "AlreadyExists",
          message: `tenant ${storedId} already exists`
        })
      }
      const record: TenantRecord = {
        storedId,
        id,
        name: create.name,
        slug: create.slug ?? `tenant-${index + 1}`,
        status: "active",
        associations: new Map()
      }
      store.add(record)
      for (const service of create.services ?? [options.service]) {
        store.associate(record, service, now)
      }
      return record
    }

    const created = (record: TenantRecord) => [
      eventOf(record, "tenant.created"),
      ...[...record.associations.keys()].map((service) =>
        eventOf(record, "tenant.service.associated", associatedPayload(record, service))
      )
    ]

    return {
      create: (create = {}) =>
        Effect.gen(function* () {
          const record = add(create, store.tenants.size, yield* Clock.currentTimeMillis)
          if (record instanceof SimulatorError) return yield* record
          const published = create.publish === false ? false : yield* publish(created(record))
          return { tenantId: record.id, published }
        }).pipe(lock.withPermits(1)),
      bulkCreate: (count, bulk = {}) =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          const records: Array<TenantRecord> = []
          const first = store.tenants.size
          for (let index = first; index < first + count; index++) {
            const record = add({ services: bulk.services }, index, now)
            if (record instanceof SimulatorError) return yield* record
            records.push(record)
            // A million tenants must not block the other fibers of this process.
            if (index % 1_000 === 999) yield* Effect.yieldNow()
          }
          const published =
            bulk.publish === false ? false : yield* publish(records.flatMap(created))
          return { tenantIds: records.map((record) => record.id), published }
        }).pipe(lock.withPermits(1)),
      associate: (id, service) =>
        Effect.gen(function* () {
          const name = service ?? options.service
          const record = yield* tenant(id)
          store.associate(record, name, yield* Clock.currentTimeMillis)
          const published = yield* publish([
            eventOf(record, "tenant.service.associated", associatedPayload(record, name))
          ])
          return { tenantId: record.id, published }
        }).pipe(lock.withPermits(1)),
      suspend: (id, service) =>
        onAssociation(id, service, "tenant.service.suspended", setStatus("suspended")),
      reactivate: (id, service) =>
        onAssociation(id, service, "tenant.service.reactivated", (association, record, name) => ({
          ...setStatus("active")(association),
          re_provisioned: false,
          secret_paths: secretPaths(record, name)
        })),
      purge: (id, service) =>
        onAssociation(id, service, "tenant.service.purged", (association) => {
          association.status = "purged"
          return {}
        }),
      disassociate: (id, service) =>
        onAssociation(id, service, "tenant.service.disassociated", (_, record, name) => {
          record.associations.delete(name)
          return { preserve_data: true }
        }),
      deleteTenant: (id) => onTenant(id, "tenant.deleted", (record) => store.delete(record.id)),
      suspendTenant: (id) =>
        onTenant(id, "tenant.suspended", (record) => {
          record.status = "suspended"
        }),
      activate: (id) =>
        onTenant(id, "tenant.activated", (record) => {
          record.status = "active"
        }),
      update: (id, { name }) =>
        onTenant(id, "tenant.updated", (record) => {
          record.name = name
        }),
      rotate: (id, service) =>
        onAssociation(id, service, "tenant.credentials.rotated", (association, record, name) => {
          association.generation++
          return {
            credential_type: "postgresql",
            new_secret_path: `tenants/${record.slug}/${name}/postgresql/${association.generation}`
          }
        }),
      updateConnections: (id, { module = "onboarding", service, settings }) =>
        onAssociation(id, service, "tenant.connections.updated", (association) => {
          const next = { ...association.modules.get(module), ...settings }
          association.modules = new Map([...association.modules, [module, next]])
          return {
            module,
            max_open_conns: next.maxOpenConns,
            max_idle_conns: next.maxIdleConns,
            statement_timeout: next.statementTimeout
          }
        }),
      invalidateCache: (id, service) =>
        onAssociation(id, service, "tenant.cache.invalidate", () => ({ reason: "manual" })),
      overrideConnections: (id, overrides, service) =>
        Effect.gen(function* () {
          const name = service ?? options.service
          const association = (yield* tenant(id)).associations.get(name)
          if (association === undefined) {
            return yield* new SimulatorError({
              reason: "NoSuchAssociation",
              message: `tenant ${id} has no association with ${name}`
            })
          }
          association.overrides = overrides
        }),
      publishEvent: (event) => lock.withPermits(1)(publish([event])),
      publishRaw: (channel, messages) =>
        publisher.publish(messages.map((message) => ({ channel, message })))
    }
  })

const eventOf = (
  record: TenantRecord,
  eventType: string,
  payload?: Readonly<Record<string, unknown>>
): OutgoingEvent => ({
  eventType,
  tenantId: record.storedId,
  tenantSlug: record.slug,
  payload
})

const secretPaths = (record: TenantRecord, service: string) => ({
  onboarding: { postgresql: `tenants/${record.slug}/${service}/postgresql` }
})

const associatedPayload = (record: TenantRecord, service: string) => ({
  service_name: service,
  isolation_mode: "isolated",
  modules: ["onboarding"],
  secret_paths: secretPaths(record, service),
  messaging_config: { rabbitmq_secret_path: `tenants/${record.slug}/${service}/rabbitmq` },
  connection_settings: { max_open_conns: 20, max_idle_conns: 10, statement_timeout: "30s" }
})
