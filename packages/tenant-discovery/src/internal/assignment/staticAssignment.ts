/** Tenants spread over a fixed number of replicas. */
import { Config, ConfigError, Effect, Either, Schema } from "effect"
import type { TenantId } from "../../Tenant.js"
import { count, decodeOptions } from "../options.js"
import { makeLeases } from "./leases.js"
import type { TenantAssignmentService, TenantReplica } from "./assignmentService.js"

export interface StaticAssignmentOptions {
  /** The number of this replica, from 0. */
  readonly ordinal: number
  /** How many replicas there are. Every replica must be given the same number. */
  readonly replicas: number
}

const Options = Schema.Struct({ ordinal: count(0), replicas: count(1) }).pipe(
  Schema.filter(({ ordinal, replicas }) =>
    ordinal < replicas
      ? undefined
      : {
          path: ["ordinal"],
          message: `expected a number below replicas, which is ${replicas}; got ${ordinal}`
        }
  )
)

/** @throws RangeError for a bad option, which it names. */
export const decodeStatic = (options: StaticAssignmentOptions): StaticAssignmentOptions =>
  decodeOptions("TenantAssignment.layerStatic", Options, options)

/** FNV-1a, then the finalizer of MurmurHash3. It is part of the contract between the replicas. */
const hash = (text: string): number => {
  let h = 0x811c9dc5
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Rendezvous hashing: another number of replicas moves only the tenants that must move. */
export const ordinalOf = (id: TenantId, replicas: number): number => {
  let owner = 0
  let highest = -1
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    const weight = hash(`${ordinal}/${id}`)
    if (weight <= highest) continue
    owner = ordinal
    highest = weight
  }
  return owner
}

export const makeStatic = ({ ordinal, replicas }: StaticAssignmentOptions) =>
  Effect.gen(function* () {
    let cordoned = false
    const leases = yield* makeLeases({
      isAssigned: (id) => ordinalOf(id, replicas) === ordinal,
      isCordoned: () => cordoned,
      fenceOf: () => undefined
    })
    const replica = (n: number): TenantReplica => ({
      address: `replica-${n}`,
      version: undefined,
      since: undefined
    })
    const setCordoned = (value: boolean) =>
      Effect.suspend(() => {
        cordoned = value
        return leases.changed
      })
    return {
      description: `the tenants of replica ${ordinal} of ${replicas}`,
      view: leases.view,
      hold: leases.hold,
      members: Effect.succeed(Array.from({ length: replicas }, (_, n) => replica(n))),
      ownerOf: (id) => Effect.succeed(replica(ordinalOf(id, replicas))),
      cordon: setCordoned(true),
      uncordon: setCordoned(false),
      problem: Effect.succeed(undefined)
    } satisfies TenantAssignmentService
  })

const ordinalOfHostName = Config.string("HOSTNAME").pipe(
  Config.mapOrFail((name) => {
    const digits = /-(\d+)$/.exec(name)?.[1]
    return digits === undefined
      ? Either.left(ConfigError.InvalidData(["HOSTNAME"], NO_ORDINAL))
      : Either.right(Number(digits))
  })
)

const NO_ORDINAL =
  "expected a name that ends in -<number>, as that of a StatefulSet's pod does; " +
  "set MULTI_TENANT_REPLICA_ORDINAL otherwise"

/**
 * `MULTI_TENANT_REPLICAS`, and `MULTI_TENANT_REPLICA_ORDINAL` or the number at the end of
 * `HOSTNAME`.
 */
export const staticConfig: Config.Config<StaticAssignmentOptions> = Config.all({
  ordinal: Config.orElseIf(Config.integer("MULTI_TENANT_REPLICA_ORDINAL"), {
    if: ConfigError.isMissingDataOnly,
    orElse: () => ordinalOfHostName
  }),
  replicas: Config.integer("MULTI_TENANT_REPLICAS")
}).pipe(
  Config.mapOrFail((options) =>
    Either.try({
      try: () => decodeStatic(options),
      catch: (error) => ConfigError.InvalidData(["MULTI_TENANT_REPLICAS"], String(error))
    })
  )
)
