/**
 * Ways to break the core: twelve that break a law each, and faults that were in it
 * once. Each is an edit of the sources, and the kept story that it breaks.
 */

export interface Mutant {
  readonly what: string
  /** The name of a story in `stories.ts` that breaks with it. */
  readonly story: string
  readonly edits: ReadonlyArray<{
    /** In `src`; `from` is there exactly once. */
    readonly file: string
    readonly from: string
    readonly to: string
  }>
}

const discovery = "internal/discovery.ts"
const machine = "internal/machine.ts"
const schedule = "internal/listSchedule.ts"
const guard = "internal/massRemoval.ts"

const mutant = (what: string, story: string, file: string, from: string, to: string): Mutant => ({
  what,
  story,
  edits: [{ file, from, to }]
})

export const twelve: ReadonlyArray<Mutant> = [
  {
    what: "lists before it subscribes",
    story: "an event between the list and the subscription",
    edits: [
      {
        file: discovery,
        from: "    yield* events.subscribe(inbox)\n",
        to: "    const listing = yield* listAtStart\n    yield* events.subscribe(inbox)\n"
      },
      {
        file: discovery,
        from: '    const listing = yield* listAtStart\n    machine.accept([{ _tag: "Listed"',
        to: '    machine.accept([{ _tag: "Listed"'
      },
      {
        file: machine,
        from: "    this.reconciled = false\n    this.schedule.want(now.mono)\n",
        to: "    this.reconciled = this.subscription === 1\n    if (!this.reconciled) this.schedule.want(now.mono)\n"
      }
    ]
  },
  mutant(
    "no list after the subscription is back",
    "a change while the subscription is lost",
    machine,
    "    this.reconciled = false\n    this.schedule.want(now.mono)\n",
    "    this.reconciled = true\n"
  ),
  mutant(
    "no memory of what events said during a list",
    "an event during a list",
    machine,
    "decided: list.decided,",
    "decided: new Set(),"
  ),
  mutant(
    "an add is told twice",
    "a tenant is added",
    "TenantView.ts",
    "    return diffTables(from.table, to.table)\n",
    '    return diffTables(from.table, to.table).flatMap((change) =>\n      change._tag === "Added" ? [change, change] : [change]\n    )\n'
  ),
  mutant("no guard", "an empty list", guard, "  missing > 0 &&\n", "  missing < 0 &&\n"),
  mutant(
    "a good list does not end the doubt",
    "lists that are empty, full and empty",
    machine,
    "this.doubted = judgement.doubted\n",
    "this.doubted = judgement.doubted ?? this.doubted\n"
  ),
  mutant(
    "Live with any list, from before the subscription too",
    "the subscription comes back during a list",
    machine,
    "if (this.subscribed && list.subscription === this.subscription)",
    "if (this.subscribed)"
  ),
  mutant(
    "as fresh as the answer, not as the question",
    "a slow list",
    machine,
    "this.knownAsOf(list.startedAt, now)",
    "this.knownAsOf(now.mono, now)"
  ),
  mutant(
    "no list at an interval",
    "an event is lost",
    machine,
    "if (interval > 0) this.schedule.want",
    "if (interval < 0) this.schedule.want"
  ),
  mutant(
    "two lists at once",
    "a refresh during a list",
    machine,
    "return this.under === undefined\n",
    "return this.under === undefined || this.waiters.length > 0\n"
  ),
  mutant(
    "a failed list is not tried again",
    "a list fails after the subscription is back",
    schedule,
    "    this.want(now)\n",
    ""
  ),
  mutant(
    "still subscribed after a loss",
    "the subscription is lost",
    machine,
    "    if (!this.subscribed) return\n    this.subscribed = false\n",
    "    if (!this.subscribed) return\n"
  )
]

/** Faults that were in the core until a story or a test found them, and others of their kind. */
export const once: ReadonlyArray<Mutant> = [
  mutant(
    "a list that lacks many vouches for one that lacks them all",
    "an empty list after one that lacked others",
    guard,
    "isMass(unconfirmed.length, size - confirmed.length, settings)",
    "isMass(unconfirmed.length, size, settings)"
  ),
  mutant(
    "an event from before a retry of the start undoes its list",
    "an event before the start is tried again",
    discovery,
    "        machine.accept(inbox.drain(), now())\n        machine.listStarted(now())\n",
    "        machine.listStarted(now())\n"
  ),
  mutant(
    "heartbeats prove something while a list is in doubt",
    "a heartbeat while a list is in doubt",
    machine,
    " && this.doubted === undefined) this.knownAsOf",
    ") this.knownAsOf"
  ),
  mutant(
    "a list in doubt serves a refresh",
    "a refresh that is answered with an empty list",
    machine,
    "      this.held = list.waiters\n",
    "      for (const waiter of list.waiters) this.effects.settled.push({ waiter, error: undefined })\n"
  ),
  mutant(
    "no backoff",
    "the tenant manager is away for long",
    schedule,
    "bound * this.random()",
    "0 * this.random()"
  ),
  mutant(
    "a list for each time that the subscription comes back",
    "the subscription comes and goes",
    schedule,
    "Math.max(this.wantedAt, spaced, ",
    "Math.max(this.wantedAt, "
  ),
  mutant(
    "no heed to what the tenant manager asks",
    "a list is answered 429",
    schedule,
    "this.notBefore = now + asked",
    "this.notBefore = now"
  ),
  mutant(
    "an event that comes twice counts twice",
    "an old event comes again",
    machine,
    "settings.environment, settings.duplicateWindow)",
    "settings.environment, 0)"
  ),
  mutant(
    "a list that failed forgets who waits for it",
    "a refresh whose list fails",
    machine,
    "    for (const waiter of list.waiters) this.effects.settled.push({ waiter, error })\n",
    ""
  ),
  {
    what: "a reader has a queue without a bound",
    story: "a burst that a reader does not see",
    edits: [
      {
        file: "TenantDiscovery.ts",
        from: 'import { make } from "./internal/discovery.js"\n',
        to: 'import { Stream } from "effect"\nimport { make } from "./internal/discovery.js"\n'
      },
      {
        file: "TenantDiscovery.ts",
        from: "Layer.scoped(TenantDiscovery, make(options))",
        to: 'Layer.scoped(TenantDiscovery, Effect.map(make(options), (service) => ({ ...service, changes: Stream.buffer(service.changes, { capacity: "unbounded" }) })))'
      }
    ]
  }
]
