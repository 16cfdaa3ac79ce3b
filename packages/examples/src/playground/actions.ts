/** What a visitor can do to the servers and to the program. */
import type { Simulator } from "@tenant-discovery/simulator"
import { Data, Effect, Either, FiberSet, Random, type Scope } from "effect"
import { TenantId, type TenantDiscovery } from "tenant-discovery"
import type { WorkFault } from "./work.js"

/** Nothing was done; the message says why. */
export class ActionFailed extends Data.TaggedError("ActionFailed")<{ readonly message: string }> {}

interface About {
  readonly id: string
  readonly group: "Tenants" | "Workers" | "Redis" | "Tenant manager"
  readonly label: string
  /** What the visitor sees after it. */
  readonly hint: string
}

/** `run` gives a sentence for the visitor. */
export type Action = About &
  (
    | { readonly needsTenant: false; readonly run: Effect.Effect<string, ActionFailed> }
    | {
        readonly needsTenant: true
        readonly run: (tenant: string) => Effect.Effect<string, ActionFailed>
      }
  )

const COMPANIES = [
  "Hooli",
  "Umbrella",
  "Stark Industries",
  "Wonka",
  "Cyberdyne",
  "Soylent",
  "Tyrell"
]

const orFailed = <A, E extends { readonly message: string }>(effect: Effect.Effect<A, E>) =>
  Effect.mapError(effect, ({ message }) => new ActionFailed({ message }))

export interface Stage {
  readonly simulator: Simulator.SimulatorService
  readonly discovery: TenantDiscovery["Type"]
  readonly faults: Map<TenantId, WorkFault>
}

const act = (about: About, run: Effect.Effect<string, { readonly message: string }>): Action => ({
  ...about,
  needsTenant: false,
  run: orFailed(run)
})

const actOn = (
  about: About,
  run: (tenant: string) => Effect.Effect<string, { readonly message: string }>
): Action => ({ ...about, needsTenant: true, run: (tenant) => orFailed(run(tenant)) })

export const makeActions = (
  stage: Stage
): Effect.Effect<ReadonlyArray<Action>, never, Scope.Scope> =>
  Effect.map(FiberSet.make<void>(), (fibers) => actionsOn(stage, fibers))

const actionsOn = (
  { discovery, faults, simulator }: Stage,
  fibers: FiberSet.FiberSet<void>
): ReadonlyArray<Action> => {
  const published = (change: Simulator.Change, done: string) =>
    change.published ? `${done} An event was published.` : `${done} Its event is lost.`

  /** A list at once, since the next one may be a minute away. Its failure is what the page shows. */
  const list = FiberSet.run(fibers, Effect.ignore(discovery.refresh))

  const workGoesWrong = (tenant: string, fault: WorkFault) =>
    Either.match(TenantId.parse(tenant), {
      onLeft: (message) => Effect.fail(new ActionFailed({ message })),
      onRight: (id) => Effect.sync(() => faults.set(id, fault))
    })

  return [
    act(
      { id: "create", group: "Tenants", label: "New tenant", hint: "An event adds it at once." },
      Effect.gen(function* () {
        const company = COMPANIES[yield* Random.nextIntBetween(0, COMPANIES.length)]
        const name = `${company} ${yield* Random.nextIntBetween(10, 100)}`
        return published(yield* simulator.create({ name }), `${name} was associated.`)
      })
    ),
    act(
      {
        id: "create-many",
        group: "Tenants",
        label: "100 new tenants",
        hint: "A hundred events in a row."
      },
      Effect.as(simulator.bulkCreate(100), "100 tenants were associated.")
    ),
    actOn(
      { id: "suspend", group: "Tenants", label: "Suspend it", hint: "Its workers stop." },
      (tenant) =>
        Effect.map(simulator.suspend(tenant), (change) => published(change, "It was suspended."))
    ),
    actOn(
      { id: "reactivate", group: "Tenants", label: "Reactivate it", hint: "Its workers start." },
      (tenant) =>
        Effect.map(simulator.reactivate(tenant), (change) =>
          published(change, "It was reactivated.")
        )
    ),
    actOn(
      {
        id: "rotate",
        group: "Tenants",
        label: "Rotate its credentials",
        hint: "Its pool is replaced."
      },
      (tenant) =>
        Effect.map(simulator.rotate(tenant), (change) =>
          published(change, "Its credentials were rotated.")
        )
    ),
    actOn(
      {
        id: "work-fails",
        group: "Workers",
        label: "Fail its work",
        hint: "It backs off; the other tenants go on."
      },
      (tenant) => Effect.as(workGoesWrong(tenant, "fails"), "Its work fails from now on.")
    ),
    actOn(
      {
        id: "work-hangs",
        group: "Workers",
        label: "Hang its work",
        hint: "The workers are degraded after a while."
      },
      (tenant) => Effect.as(workGoesWrong(tenant, "hangs"), "Its work hangs from now on.")
    ),
    act(
      {
        id: "work-repaired",
        group: "Workers",
        label: "Repair all work",
        hint: "The work of all tenants succeeds again."
      },
      Effect.sync(() => {
        faults.clear()
        return "The work of all tenants succeeds again; backoffs end by themselves."
      })
    ),
    act(
      { id: "redis-kill", group: "Redis", label: "Kill Redis", hint: "The mode: BootstrapOnly." },
      Effect.as(simulator.redis.kill, "Redis was killed. Lists alone keep the view up to date.")
    ),
    act(
      {
        id: "redis-start",
        group: "Redis",
        label: "Start Redis",
        hint: "Subscribed again, and listed."
      },
      Effect.as(simulator.redis.start, "Redis runs. The program subscribes, then lists.")
    ),
    act(
      {
        id: "lose-event",
        group: "Redis",
        label: "Lose the next event",
        hint: "The next list finds the change that it reported."
      },
      Effect.as(
        simulator.trouble({ _tag: "Withhold", times: 1 }),
        "The next event is lost. Change a tenant, then list."
      )
    ),
    act(
      {
        id: "malformed-event",
        group: "Redis",
        label: "Send a malformed event",
        hint: "It is counted and changes nothing."
      },
      Effect.map(
        simulator.publishRaw(simulator.channel ?? "", ['{"event_type": "tenant.ser']),
        (ok) => (ok ? "Half of an event was published." : "Redis did not take it.")
      )
    ),
    act(
      {
        id: "list",
        group: "Tenant manager",
        label: "List now",
        hint: "A list outside of its turn."
      },
      Effect.as(list, "A list was asked for.")
    ),
    act(
      {
        id: "lists-fail",
        group: "Tenant manager",
        label: "Lists fail",
        hint: "The tenants stay; the tenant manager is degraded after a while."
      },
      Effect.zipRight(simulator.trouble({ _tag: "Status", status: 503, on: "list" }), list).pipe(
        Effect.as("Lists are answered with 503.")
      )
    ),
    act(
      {
        id: "lists-slow",
        group: "Tenant manager",
        label: "Slow lists",
        hint: "Events still arrive meanwhile."
      },
      Effect.zipRight(simulator.trouble({ _tag: "Delay", millis: 8000, on: "list" }), list).pipe(
        Effect.as("Lists take eight seconds.")
      )
    ),
    act(
      {
        id: "list-partial",
        group: "Tenant manager",
        label: "A list lacks most tenants",
        hint: "No tenant is removed: a second list must confirm it."
      },
      Effect.zipRight(simulator.trouble({ _tag: "PartialList", drop: 0.8, times: 1 }), list).pipe(
        Effect.as("One list lacks four of five tenants. A second one must confirm it.")
      )
    ),
    act(
      {
        id: "repair",
        group: "Tenant manager",
        label: "Repair",
        hint: "Ends all faults of lists and events."
      },
      Effect.zipRight(simulator.clearTrouble, list).pipe(
        Effect.as("All faults of lists and events ended.")
      )
    )
  ]
}
