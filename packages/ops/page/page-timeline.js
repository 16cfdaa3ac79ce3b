/** What happened: newest first, at most 300 entries. */
import { byId, clockTime, el, fullTime, nameOf } from "./page-dom.js"

const KEPT = 300

const KINDS = {
  added: { sign: "+", tone: "up", group: "tenant", word: "Added" },
  removed: { sign: "−", tone: "removed", group: "tenant", word: "Removed" },
  connections: { sign: "⟳", tone: "info", group: "tenant", word: "Connections changed" },
  updated: { sign: "✎", tone: "info", group: "tenant", word: "Updated" },
  list: { sign: "≡", tone: "neutral", group: "list", word: "List" },
  "list-failed": { sign: "!", tone: "degraded", group: "list problem", word: "List failed" },
  lost: { sign: "✕", tone: "down", group: "problem", word: "Lost" },
  mode: { sign: "◆", tone: "info", group: "problem", word: "Mode" },
  "worker-failed": { sign: "!", tone: "down", group: "tenant problem", word: "Worker failed" },
  omitted: { sign: "…", tone: "neutral", group: "problem", word: "Omitted" }
}
const OTHER = { sign: "•", tone: "neutral", group: "", word: "" }

const capitalized = (text) => text.slice(0, 1).toUpperCase() + text.slice(1)

/** `known(id)` gives the tenant as it is now, if it is active: a name can arrive after its ID. */
export const makeTimeline = ({ known, onTenant }) => {
  const list = byId("timeline")

  /** The sentence, with a button in place of the tenant's ID. */
  const sentence = (text, tenant) => {
    const at = tenant === null ? -1 : text.indexOf(tenant.id)
    if (at < 0) return [capitalized(text)]
    const link = el(
      "button",
      { type: "button", class: "tenant-link" },
      nameOf(known(tenant.id) ?? tenant)
    )
    link.addEventListener("click", () => onTenant(tenant))
    return [capitalized(text.slice(0, at)), link, text.slice(at + tenant.id.length)]
  }

  const makeEntry = ({ at, kind, tenant, text }) => {
    const { group, sign, tone, word } = KINDS[kind] ?? OTHER
    return el(
      "li",
      { "data-group": group, "data-kind": kind, "data-tone": tone },
      el("span", { class: "sign", "aria-hidden": "true" }, sign),
      el(
        "div",
        { class: "entry" },
        el(
          "p",
          { class: "entry-head" },
          el("span", { class: "kind" }, word),
          el("time", { datetime: at, title: fullTime(at) }, clockTime(at))
        ),
        el("p", { class: "entry-text" }, ...sentence(text, tenant))
      )
    )
  }

  const prepend = (entries) => {
    for (const entry of entries.slice(-KEPT)) {
      // Lists in a row are one entry.
      const first = list.firstElementChild
      if (entry.kind === "list" && first?.dataset.kind === "list") first.remove()
      list.prepend(makeEntry(entry))
    }
    while (list.childElementCount > KEPT) list.lastElementChild.remove()
    byId("timeline-empty").hidden = list.childElementCount > 0
  }

  byId("timeline-filter").addEventListener("change", (event) => {
    list.dataset.filter = event.target.value
    byId("timeline-scroll").scrollTop = 0
  })

  return {
    snapshot: (entries) => {
      list.replaceChildren()
      prepend(entries)
    },
    add: prepend
  }
}
