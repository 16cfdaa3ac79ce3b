/**
 * The tenants: a listbox that keeps only the visible rows in the document. The list is sorted by ID
 * and filtered by a search text; the selection follows the focus.
 */
import { byId, count, el, nameOf, setText } from "./page-dom.js"

/** As `.list .row` in page.css. */
const ROW_HEIGHT = 54
/** Rows that are kept above and below the visible ones. */
const OVERSCAN = 6

const sortedIndex = (ids, id) => {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ids[middle] < id) low = middle + 1
    else high = middle
  }
  return low
}

/** `ownerLabel(tenant)` gives the text of the owner, or `undefined` where there is none to show. */
export const makeTenantList = ({ ownerLabel, onSelect }) => {
  const box = byId("tenants")
  const search = byId("search")
  const empty = byId("tenants-empty")
  const spacer = el("div", { class: "spacer", role: "presentation" })
  box.append(spacer)

  const tenants = new Map()
  let ids = []
  let shown = ids
  let query = ""
  let selected
  let loaded = false
  const rows = new Map()
  let fresh = new Set()

  const matches = ({ id, name }) =>
    id.toLowerCase().includes(query) || (name ?? "").toLowerCase().includes(query)

  const makeRow = (tenant) => {
    const owner = ownerLabel(tenant)
    const row = el(
      "div",
      { class: fresh.has(tenant.id) ? "row fresh" : "row", role: "option" },
      el(
        "span",
        { class: "row-text" },
        el("span", { class: tenant.name === null ? "row-name mono" : "row-name" }, nameOf(tenant)),
        tenant.name === null ? undefined : el("span", { class: "row-id mono" }, tenant.id)
      ),
      owner === undefined ? undefined : el("span", { class: "chip" }, owner)
    )
    row.addEventListener("click", () => select(tenant.id, "pointer"))
    return row
  }

  const render = () => {
    spacer.style.height = `${shown.length * ROW_HEIGHT}px`
    const first = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - OVERSCAN)
    const last = Math.min(
      shown.length,
      Math.ceil((box.scrollTop + box.clientHeight) / ROW_HEIGHT) + OVERSCAN
    )
    const visible = new Set(shown.slice(first, last))
    for (const [id, { row, tenant }] of rows) {
      if (!visible.has(id) || tenants.get(id) !== tenant) {
        row.remove()
        rows.delete(id)
      }
    }
    let active
    let before = spacer.firstChild
    for (let index = first; index < last; index += 1) {
      const id = shown[index]
      const tenant = tenants.get(id)
      const known = rows.get(id)
      const row = known?.row ?? makeRow(tenant)
      if (known === undefined) rows.set(id, { row, tenant })
      row.id = `tenant-${index}`
      row.setAttribute("aria-posinset", String(index + 1))
      row.setAttribute("aria-setsize", String(shown.length))
      row.setAttribute("aria-selected", String(id === selected))
      row.style.transform = `translateY(${index * ROW_HEIGHT}px)`
      if (id === selected) active = row.id
      // The order in the document is the order on the screen: screen readers follow it.
      if (row === before) before = row.nextSibling
      else spacer.insertBefore(row, before)
    }
    if (active === undefined) box.removeAttribute("aria-activedescendant")
    else box.setAttribute("aria-activedescendant", active)
    fresh = new Set()

    box.hidden = shown.length === 0
    empty.hidden = !loaded || shown.length > 0
    setText(empty, ids.length === 0 ? "No tenant is active." : "No tenant matches the search.")
    setText(
      byId("tenants-count"),
      !loaded
        ? ""
        : query === ""
          ? count(ids.length)
          : `${count(shown.length)} of ${count(ids.length)}`
    )
  }

  let scheduled = false
  const schedule = () => {
    if (scheduled) return
    scheduled = true
    requestAnimationFrame(() => {
      scheduled = false
      render()
    })
  }

  const filter = () => {
    shown = query === "" ? ids : ids.filter((id) => matches(tenants.get(id)))
    schedule()
  }

  const reveal = (index) => {
    const top = index * ROW_HEIGHT
    if (top < box.scrollTop) box.scrollTop = top
    else if (top + ROW_HEIGHT > box.scrollTop + box.clientHeight) {
      box.scrollTop = top + ROW_HEIGHT - box.clientHeight
    }
  }

  const select = (id, by = "program") => {
    if (selected === id && by !== "pointer") return
    selected = id
    if (id !== undefined) {
      const index = shown.indexOf(id)
      if (index >= 0) reveal(index)
    }
    schedule()
    onSelect(id, by)
  }

  const move = (index) => {
    if (shown.length === 0) return
    select(shown[Math.min(shown.length - 1, Math.max(0, index))], "keyboard")
  }

  box.addEventListener("keydown", (event) => {
    const at = shown.indexOf(selected)
    const page = Math.max(1, Math.floor(box.clientHeight / ROW_HEIGHT) - 1)
    const target = {
      ArrowDown: at + 1,
      ArrowUp: at < 0 ? 0 : at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: shown.length - 1
    }[event.key]
    if (target !== undefined && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault()
      move(target)
    } else if (event.key === "Enter" && selected !== undefined) {
      event.preventDefault()
      onSelect(selected, "pointer")
    }
  })
  box.addEventListener("scroll", schedule, { passive: true })
  new ResizeObserver(schedule).observe(box)

  search.addEventListener("input", () => {
    query = search.value.trim().toLowerCase()
    box.scrollTop = 0
    filter()
    setText(
      byId("search-result"),
      query === "" ? "" : `${count(shown.length)} of ${count(ids.length)} tenants match`
    )
  })
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && shown.length > 0) {
      event.preventDefault()
      box.focus()
      move(0)
    }
  })

  const put = (tenant) => {
    if (!tenants.has(tenant.id)) ids.splice(sortedIndex(ids, tenant.id), 0, tenant.id)
    tenants.set(tenant.id, tenant)
    fresh.add(tenant.id)
  }

  return {
    select,
    get: (id) => tenants.get(id),
    all: () => tenants.values(),
    snapshot: (all) => {
      loaded = true
      tenants.clear()
      for (const tenant of all) tenants.set(tenant.id, tenant)
      ids = [...tenants.keys()].sort((a, b) => (a < b ? -1 : 1))
      filter()
    },
    apply: ({ added, removed, updated }) => {
      ids = ids.slice()
      for (const id of removed) {
        if (tenants.delete(id)) ids.splice(sortedIndex(ids, id), 1)
      }
      for (const tenant of [...added, ...updated]) put(tenant)
      filter()
    },
    /** Draws all rows anew: what `ownerLabel` gives has changed. */
    redraw: () => {
      for (const { row } of rows.values()) row.remove()
      rows.clear()
      schedule()
    }
  }
}
