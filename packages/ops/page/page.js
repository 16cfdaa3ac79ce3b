/** The page of a program: follows `/events` and shows what arrives. */
import { byId, clockTime, count, duration, el, MODES, setText, STATUSES, tick } from "./page-dom.js"
import { showActions } from "./page-actions.js"
import { makeDetail } from "./page-detail.js"
import { followEvents, request, token } from "./page-feed.js"
import { drawReplicas, drawStatus } from "./page-status.js"
import { makeTenantList } from "./page-tenants.js"
import { makeTimeline } from "./page-timeline.js"

let status
let self
let selected
let updateActions = () => {}

/** For screen readers. The last messages stay, so that one does not cut off the one before. */
const announce = (text) => {
  const announcer = byId("announcer")
  announcer.append(el("p", {}, text))
  while (announcer.childElementCount > 3) announcer.firstElementChild.remove()
}

/* Theme */

const THEMES = ["automatic", "light", "dark"]
const THEME_KEY = "tenant-discovery.theme"

const setTheme = (theme) => {
  document.documentElement.dataset.theme = theme
  setText(byId("theme"), `Theme: ${theme}`)
}

const storedTheme = () => {
  try {
    return localStorage.getItem(THEME_KEY)
  } catch {
    return null
  }
}

setTheme(THEMES.includes(storedTheme()) ? storedTheme() : "automatic")
byId("theme").addEventListener("click", () => {
  const theme = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length]
  setTheme(theme)
  try {
    localStorage.setItem(THEME_KEY, theme)
  } catch {
    // It lasts until the page is left.
  }
})

/* Tenants */

const hasReplicas = () => status !== undefined && status.assignment.members.length > 0

const ownerLabel = ({ owned, owner }) => {
  if (!hasReplicas()) return undefined
  if (owned || (owner !== null && owner === self)) return "this replica"
  return owner ?? "no owner"
}

const list = makeTenantList({
  ownerLabel,
  onSelect: (id, by) => {
    selected = id === undefined ? undefined : (list.get(id) ?? { id, name: null })
    history.replaceState(null, "", id === undefined ? "#" : `#tenant=${encodeURIComponent(id)}`)
    detail.show(selected)
    updateActions()
    if (by === "pointer" && matchMedia("(max-width: 760px)").matches) detail.focus()
  }
})

const detail = makeDetail({
  hasReplicas,
  onUnauthorized: () => askToken(),
  onClose: () => {
    list.select(undefined)
    byId("tenants").focus()
  }
})

const timeline = makeTimeline({
  known: (id) => list.get(id),
  onTenant: ({ id }) => list.select(id, "pointer")
})

const selectFromAddress = () => {
  const id = new URLSearchParams(location.hash.slice(1)).get("tenant")
  if (id !== null && id !== selected?.id) list.select(id)
}
addEventListener("hashchange", selectFromAddress)

/* Status */

let membersKnown = ""

/** Only a program with an assignment has `/members`. */
const learnSelf = async () => {
  const known = JSON.stringify(status.assignment.members.map(({ address }) => address))
  if (known === membersKnown) return
  membersKnown = known
  if (hasReplicas()) {
    const response = await request("members").catch(() => undefined)
    if (response?.ok === true) self = (await response.json()).self
  }
  list.redraw()
  drawMembers()
}

const drawMembers = () => {
  if (!hasReplicas()) {
    byId("replicas").hidden = true
    return
  }
  const owned = new Map()
  for (const { owner } of list.all()) owned.set(owner, (owned.get(owner) ?? 0) + 1)
  drawReplicas(status.assignment, self, (address) => owned.get(address) ?? 0)
}

const setStatus = (next) => {
  const before = status
  status = next
  drawStatus(next)
  drawMembers()
  void learnSelf()
  setText(
    byId("subtitle"),
    next.health.status === "up"
      ? "All checks are up"
      : `Health: ${STATUSES[next.health.status].word.toLowerCase()}`
  )
  document.title = `${next.mode} · ${count(next.activeTenants)} · ${next.service || "tenants"}`
  if (before?.mode !== next.mode) {
    announce(`Mode ${next.mode}. ${MODES[next.mode]?.meaning ?? ""}`)
  } else if (before.health.status !== next.health.status) {
    announce(`Health: ${STATUSES[next.health.status].word}`)
  }
}

const handlers = {
  snapshot: (snapshot) => {
    list.snapshot(snapshot.tenants)
    setStatus(snapshot.status)
    timeline.snapshot(snapshot.timeline)
    byId("main").setAttribute("aria-busy", "false")
    selectFromAddress()
    void detail.refresh()
  },
  changes: (changes) => {
    list.apply(changes)
    drawMembers()
    // A name can arrive after its ID.
    selected = list.get(selected?.id) ?? selected
    updateActions()
    const { added, removed, updated } = changes
    const id = detail.selectedId()
    if (removed.includes(id) || [...added, ...updated].some((tenant) => tenant.id === id)) {
      void detail.refresh()
    }
  },
  timeline: (entries) => timeline.add(entries),
  status: setStatus
}

/* Connection */

let link = { state: "connecting" }
/** When the connection was lost; `undefined` while it is open, or was never open. */
let lostAt
let opened = false

const LINK_TEXTS = {
  connecting: "Connecting",
  open: "Following",
  lost: "Connection lost",
  token: "Token needed"
}

const drawLink = () => {
  byId("link").dataset.state =
    link.state === "connecting" && lostAt !== undefined ? "lost" : link.state
  setText(byId("link-text"), LINK_TEXTS[byId("link").dataset.state])
  document.body.dataset.link = byId("link").dataset.state
  byId("banner").hidden =
    link.state === "open" || (link.state === "connecting" && lostAt === undefined)
  if (link.state === "token") {
    setText(byId("banner-text"), "The program answers with a token only.")
    setText(byId("banner-button"), "Enter the token")
  } else {
    const known = opened
      ? `Connection lost at ${clockTime(lostAt ?? Date.now())}; this page shows what was known then.`
      : "No connection to the program yet."
    const next =
      link.retryAt === undefined || link.retryAt <= Date.now()
        ? "Trying again now."
        : `Trying again in ${duration(link.retryAt - Date.now() + 999)}.`
    setText(byId("banner-text"), `${known} ${link.reason ?? ""} ${next}`)
    setText(byId("banner-button"), "Try now")
  }
}

const feed = followEvents({
  onEvent: (name, data) => {
    handlers[name]?.(data)
  },
  onState: (next) => {
    if (next.state === "lost" && lostAt === undefined) {
      lostAt = Date.now()
      if (opened) announce("Connection lost. The page shows what was known before.")
    }
    if (next.state === "open") {
      if (lostAt !== undefined) announce("Connected again.")
      lostAt = undefined
      opened = true
    }
    // While it connects again, the reason of the loss stays.
    link = next.state === "connecting" ? { ...link, state: "connecting", retryAt: undefined } : next
    drawLink()
    if (next.state === "token") askToken()
  }
})

/* Token */

const dialog = byId("token-dialog")
let refused = false

function askToken() {
  if (dialog.open) return
  setText(byId("token-error"), refused ? "The program did not accept this token." : "")
  byId("token-input").value = ""
  dialog.showModal()
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault()
  const value = byId("token-input").value.trim()
  if (value === "") return
  token.set(value)
  refused = true
  dialog.close()
  feed.retry()
  void detail.refresh()
})
byId("token-cancel").addEventListener("click", () => dialog.close())
byId("banner-button").addEventListener("click", () => {
  if (link.state === "token") askToken()
  else feed.retry()
})

/* Keys, clock and demo */

addEventListener("keydown", (event) => {
  if (dialog.open || event.ctrlKey || event.metaKey || event.altKey) return
  const typing = event.target instanceof HTMLInputElement && event.target.type !== "radio"
  if (event.key === "/" && !typing) {
    event.preventDefault()
    byId("search").focus()
  } else if (event.key === "Escape" && !typing && selected !== undefined) {
    list.select(undefined)
    byId("tenants").focus()
  }
})

setInterval(() => {
  tick()
  if (link.state !== "open") drawLink()
}, 1000)

if (new URLSearchParams(location.search).has("demo")) {
  updateActions = await showActions({ selectedTenant: () => selected })
}
