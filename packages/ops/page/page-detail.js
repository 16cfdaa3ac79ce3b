/** The selected tenant: `GET /tenants/:id`, asked again every two seconds while it is selected. */
import { age, badge, byId, el, nameOf, setText } from "./page-dom.js"
import { problemText, request } from "./page-feed.js"

const REFRESH = 2000

const STATE_TONES = {
  Running: "up",
  Ready: "up",
  Waiting: "neutral",
  Building: "neutral",
  Draining: "neutral",
  Closing: "neutral",
  Ended: "neutral",
  BackingOff: "degraded",
  Failed: "down"
}

const STATE_WORDS = { BackingOff: "Backing off" }

const ADDED_BY = {
  Listing: "Added by a list of the tenant manager",
  Event: "Added by an event",
  Program: "Given by the program"
}

const changeText = ({ _tag, by, cause }) => {
  if (_tag === "Added") return ADDED_BY[by] ?? "Added"
  if (cause._tag === "Listing") return "Removed: a list of the tenant manager no longer has it"
  return cause._tag === "Event" ? `Removed by the event ${cause.eventType}` : "Removed"
}

const failure = (last) =>
  last === null || last === undefined
    ? undefined
    : el(
        "p",
        { class: "failure" },
        el("span", { class: "failure-head" }, "Last failure ", age(last.at), " ago"),
        el("span", { class: "mono" }, last.message)
      )

const fact = (name, ...value) => el("div", {}, el("dt", {}, name), el("dd", {}, ...value))

const item = (name, state, facts, last) =>
  el(
    "li",
    {},
    el(
      "div",
      { class: "item-head" },
      el("span", { class: "item-name" }, name),
      badge(STATE_TONES[state] ?? "neutral", STATE_WORDS[state] ?? state)
    ),
    el("p", { class: "faint" }, ...facts),
    failure(last)
  )

const workerFacts = ({ longRunning, restarts, since, state, waitsForPool }) => [
  STATE_WORDS[state] ?? state,
  " for ",
  age(since),
  restarts > 0 ? ` · ${restarts} failed or restarted in a row` : "",
  longRunning ? " · takes longer than expected" : "",
  waitsForPool === null ? "" : ` · waits for a place in pool ${waitsForPool}`
]

const part = (title, items, none) =>
  el(
    "div",
    { class: "part" },
    el("h3", {}, title),
    items.length === 0 ? el("p", { class: "faint" }, none) : el("ul", { class: "items" }, ...items)
  )

const connectionsText = (connections) =>
  connections === null
    ? ["This program has not read its settings"]
    : [
        ...(connections.loadedAt === null
          ? ["Never loaded"]
          : ["Loaded ", age(connections.loadedAt), " ago"]),
        connections.stale ? " · out of date, read again at the next use" : ""
      ]

const ownerText = ({ owner, ownedByThisReplica }) => [
  ...(owner === null ? ["Not known"] : [el("span", { class: "mono" }, owner.address)]),
  ownedByThisReplica ? " · this replica" : "",
  owner?.version === null || owner?.version === undefined ? "" : ` · version ${owner.version}`
]

/** `hasReplicas()` tells whether owners are worth showing. */
export const makeDetail = ({ hasReplicas, onClose, onUnauthorized }) => {
  const panel = byId("detail")
  const body = byId("detail-body")
  let selected
  let drawn
  let timer
  let abort = new AbortController()

  /** Someone marks text of it, to copy it. */
  const isSelecting = () => {
    const selection = getSelection()
    return selection !== null && !selection.isCollapsed && selection.containsNode(body, true)
  }

  const draw = (report) => {
    const text = JSON.stringify(report)
    if (text === drawn || isSelecting()) return
    drawn = text
    setText(byId("detail-title"), nameOf(report))
    body.replaceChildren(
      el("p", { class: "detail-id mono" }, report.id),
      el(
        "p",
        { class: "detail-state" },
        badge(report.active ? "up" : "neutral", report.active ? "Active" : "Not active"),
        el("span", { class: "faint" }, "for ", age(report.since))
      ),
      el(
        "dl",
        { class: "facts" },
        fact("Last change", changeText(report.lastChange)),
        hasReplicas() ? fact("Owner", ...ownerText(report)) : undefined,
        fact(
          "Connection settings",
          ...connectionsText(report.connections),
          failure(report.connections?.lastFailure) ?? ""
        )
      ),
      part(
        "Workers",
        Object.entries(report.workers).map(([name, worker]) =>
          item(name, worker.state, workerFacts(worker), worker.lastFailure)
        ),
        "No worker has anything to do for it at present."
      ),
      part(
        "Pools",
        report.pools.map(({ holders, lastFailure, pool, state }) =>
          item(pool, state, [holders === 1 ? "1 holder" : `${holders} holders`], lastFailure)
        ),
        "It holds no resources in a pool."
      )
    )
  }

  const say = (text) => {
    drawn = undefined
    body.replaceChildren(el("p", { class: "empty" }, text))
  }

  const refresh = async () => {
    clearTimeout(timer)
    abort.abort()
    if (selected === undefined) return
    const current = new AbortController()
    abort = current
    try {
      const response = await request(`tenants/${encodeURIComponent(selected.id)}`, {
        signal: current.signal
      })
      if (response.status === 401) onUnauthorized()
      else if (response.ok) {
        const report = await response.json()
        if (!current.signal.aborted) draw(report)
      } else say(await problemText(response))
    } catch {
      // Lost: the banner says so, and what is known stays.
    }
    if (!current.signal.aborted) timer = setTimeout(refreshVisible, REFRESH)
  }

  const refreshVisible = () => {
    if (document.hidden) timer = setTimeout(refreshVisible, REFRESH)
    else void refresh()
  }

  byId("detail-close").addEventListener("click", onClose)

  return {
    refresh,
    selectedId: () => selected?.id,
    /** Shows a tenant, or nothing. */
    show: (tenant) => {
      if (tenant?.id !== selected?.id) {
        drawn = undefined
        body.replaceChildren()
      }
      selected = tenant
      panel.hidden = tenant === undefined
      if (tenant !== undefined) setText(byId("detail-title"), nameOf(tenant))
      void refresh()
    },
    /** Brings it into view where it is below the list, as on a phone. */
    focus: () => {
      byId("detail-title").focus({ preventScroll: true })
      panel.scrollIntoView({ block: "nearest" })
    }
  }
}
