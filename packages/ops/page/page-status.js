/** The status: mode, figures, health checks, notices, workers and replicas. */
import { age, byId, clockTime, count, el, MODES, plural, setText, STATUSES } from "./page-dom.js"

const CHECKS = {
  redis: "Events",
  tenant_manager: "Tenant manager",
  view: "View",
  workers: "Workers"
}

const WORK_STATES = [
  ["Running", "running", "up"],
  ["Waiting", "waiting", "neutral"],
  ["BackingOff", "backing off", "degraded"],
  ["Draining", "draining", "info"],
  ["Ended", "ended", "faint"]
]

const figure = (name, value, tone) =>
  el("div", { "data-tone": tone }, el("dt", {}, name), el("dd", {}, ...value))

const ageOr = (at, never) => [at === null ? never : age(at)]

const drawFigures = (status) => {
  const view = status.health.checks.view.status
  byId("figures").replaceChildren(
    figure(
      "Age of the view",
      ageOr(status.viewAsOf, "never listed"),
      view === "up" || view === "skipped" ? undefined : view
    ),
    figure("Active tenants", [count(status.activeTenants)]),
    figure("Since the last list", ageOr(status.lastListedAt, "none yet")),
    figure("Since the last event", ageOr(status.lastEventAt, "none yet"))
  )
}

const drawHealth = ({ checks }) => {
  byId("health").replaceChildren(
    ...Object.entries(CHECKS).map(([key, title]) => {
      const { reason, since, status } = checks[key]
      const { sign, word } = STATUSES[status]
      return el(
        "li",
        { class: "card check", "data-tone": status },
        el("span", { class: "sign", "aria-hidden": "true" }, sign),
        el(
          "div",
          {},
          el("h3", {}, title, el("span", { class: "check-status" }, word)),
          el("p", { class: "check-reason" }, reason),
          el("p", { class: "faint" }, "for ", age(since))
        )
      )
    })
  )
}

const ERRORS = {
  ListFailed: "A list failed",
  ListIncomplete: "A list could not be read completely",
  SubscriptionLost: "The subscription was lost"
}

const drawNotices = ({ assignment, awaitingRemoval, lastError, lastListedAt, mode }) => {
  const notices = []
  if (awaitingRemoval > 0) {
    notices.push(
      el(
        "li",
        { "data-tone": "degraded" },
        `${plural(awaitingRemoval, "tenant")} would be removed by the last list. They stay until another list confirms it.`
      )
    )
  }
  if (assignment.problem !== null) {
    notices.push(el("li", { "data-tone": "degraded" }, `Assignment: ${assignment.problem}`))
  }
  if (lastError !== null) {
    const over =
      mode === "Live" &&
      lastListedAt !== null &&
      Date.parse(lastListedAt) > Date.parse(lastError.at)
    notices.push(
      el(
        "li",
        { "data-tone": over ? "neutral" : "degraded" },
        el("strong", {}, `${ERRORS[lastError.kind] ?? "An error"} `),
        age(lastError.at),
        ` ago${over ? " and is repaired" : ""}: ${lastError.message}`
      )
    )
  }
  byId("notices").hidden = notices.length === 0
  byId("notices").replaceChildren(...notices)
}

const segment = (amount, tone) => {
  const part = el("span", { "data-tone": tone })
  part.style.flexGrow = String(amount)
  return part
}

const drawWorkers = (workers) => {
  const entries = Object.entries(workers)
  setText(byId("workers-count"), entries.length === 0 ? "" : count(entries.length))
  byId("workers-empty").hidden = entries.length > 0
  byId("workers").replaceChildren(
    ...entries.map(([name, states]) => {
      const present = WORK_STATES.filter(([state]) => states[state] > 0)
      const notes = [
        [states.longRunning, "taking longer than expected"],
        [states.waitsForPool, "waiting for a pool"]
      ].filter(([amount]) => amount > 0)
      return el(
        "li",
        {},
        el("h3", {}, name),
        el(
          "div",
          { class: "bar", "aria-hidden": "true" },
          ...present.map(([state, , tone]) => segment(states[state], tone))
        ),
        el(
          "ul",
          { class: "legend", "aria-label": `Tenants of ${name} by state` },
          ...(present.length === 0 ? [el("li", {}, "nothing to do at present")] : []),
          ...present.map(([state, words, tone]) =>
            el("li", { "data-tone": tone }, el("strong", {}, count(states[state])), ` ${words}`)
          ),
          ...notes.map(([amount, words]) =>
            el("li", { "data-tone": "degraded" }, el("strong", {}, count(amount)), ` ${words}`)
          )
        )
      )
    })
  )
}

/** `self`: the address of this replica where it is known; `tenantsOf` counts a replica's tenants. */
export const drawReplicas = ({ description, members, ownedTenants }, self, tenantsOf) => {
  byId("replicas").hidden = false
  setText(byId("replicas-count"), count(members.length))
  setText(
    byId("replicas-text"),
    `This replica works for ${description}: ${plural(ownedTenants, "tenant")} at present.`
  )
  byId("replicas-list").replaceChildren(
    ...members.map(({ address, since, version }) =>
      el(
        "li",
        {},
        el(
          "p",
          { class: "item-head" },
          el("span", { class: "mono" }, address),
          address === self ? el("span", { class: "chip" }, "this replica") : undefined
        ),
        el(
          "p",
          { class: "faint" },
          plural(tenantsOf(address), "tenant"),
          version === null ? "" : ` · version ${version}`,
          ...(since === null ? [] : [" · for ", age(since)])
        )
      )
    )
  )
}

export const drawStatus = (status) => {
  const mode = MODES[status.mode] ?? { tone: "neutral", meaning: "" }
  setText(byId("service"), status.service === "" ? "Tenants" : status.service)
  setText(byId("mode-name"), status.mode)
  setText(byId("mode-meaning"), mode.meaning)
  byId("mode").dataset.tone = mode.tone
  byId("mode-since").replaceChildren(
    `Since ${clockTime(status.modeSince)}, for `,
    age(status.modeSince)
  )
  setText(
    byId("version"),
    `tenant-discovery ${status.version} · revision ${count(status.revision)} · ${status.assignment.description}`
  )
  drawFigures(status)
  drawHealth(status.health)
  drawNotices(status)
  drawWorkers(status.workers)
}
