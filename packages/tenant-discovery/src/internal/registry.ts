/** What runs in this process for a service, so that a report about the service finds it. */
import { Context, Effect, type Scope } from "effect"
import { TenantDiscovery } from "../TenantDiscovery.js"

interface Registered<A> {
  readonly service: string
  readonly entry: A
}

export interface Registry<A> {
  /** Registers an entry for the service of the discovery, until the scope closes. */
  readonly register: (entry: A) => Effect.Effect<void, never, TenantDiscovery | Scope.Scope>
  /** The entries of the service of the discovery, in the order of their registration. */
  readonly entries: Effect.Effect<ReadonlyArray<A>, never, TenantDiscovery>
}

const serviceName = Effect.flatMap(TenantDiscovery, ({ status }) =>
  Effect.map(status.get, ({ service }) => service)
)

/** One registry for the whole process; `key` names it. */
export const makeRegistry = <A>(key: string): Registry<A> => {
  class All extends Context.Reference<All>()(key, {
    defaultValue: (): Array<Registered<A>> => []
  }) {}
  return {
    register: (entry) =>
      Effect.gen(function* () {
        const all = yield* All
        const registered = { service: yield* serviceName, entry }
        yield* Effect.acquireRelease(
          Effect.sync(() => all.push(registered)),
          () => Effect.sync(() => all.splice(all.indexOf(registered), 1))
        )
      }),
    entries: Effect.gen(function* () {
      const service = yield* serviceName
      return (yield* All).flatMap((one) => (one.service === service ? [one.entry] : []))
    })
  }
}
