/** Elements, times and words of the page. Text enters the document as text nodes only. */

export const byId = (id) => document.getElementById(id)

/** Creates an element. `class` and attributes come from `attributes`; strings become text. */
export const el = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) {
      element.setAttribute(name, value === true ? "" : String(value))
    }
  }
  element.append(...children.filter((child) => child !== undefined && child !== null))
  return element
}

/** Sets the text only where it differs, so that a selection or a live region is left alone. */
export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text
}

/** The server's clock, as far as its `Date` headers tell: they have whole seconds. */
export const clock = {
  offset: 0,
  now: () => Date.now() + clock.offset,
  learn: (header) => {
    const server = Date.parse(header ?? "")
    if (Number.isNaN(server)) return
    const offset = server + 500 - Date.now()
    clock.offset = Math.abs(offset) < 2000 ? 0 : offset
  }
}

export const duration = (millis) => {
  const seconds = Math.max(0, Math.floor(millis / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60)
    return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

const ageOf = (at) => duration(clock.now() - Date.parse(at))

/** The time since `at`, which `tick` keeps current. */
export const age = (at) =>
  at === null
    ? "an unknown time"
    : el("time", { datetime: at, "data-age": true, title: fullTime(at) }, ageOf(at))

export const tick = () => {
  for (const element of document.querySelectorAll("time[data-age]")) {
    setText(element, ageOf(element.dateTime))
  }
}

const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" })
const dateAndTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" })

/** The time of the day, in the browser's zone. */
export const clockTime = (at) => time.format(new Date(at))
export const fullTime = (at) => dateAndTime.format(new Date(at))

const numbers = new Intl.NumberFormat("en-US")
export const count = (value) => numbers.format(value).replaceAll(",", "\u2009")

export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`

export const MODES = {
  Live: {
    tone: "up",
    meaning:
      "Every change arrives as an event, and a list has confirmed the view. Nothing is missing."
  },
  Resyncing: {
    tone: "degraded",
    meaning: "Events arrive. A list is on its way to find what was missed before."
  },
  BootstrapOnly: {
    tone: "degraded",
    meaning: "No events arrive. Lists alone keep the view up to date, so changes are seen late."
  },
  SingleTenant: {
    tone: "neutral",
    meaning: "The program was given its tenants. There are no lists and no events to follow."
  }
}

/** A status is never told by its color alone. */
export const STATUSES = {
  up: { word: "Up", sign: "✓" },
  degraded: { word: "Degraded", sign: "!" },
  down: { word: "Down", sign: "✕" },
  skipped: { word: "Not used", sign: "–" }
}

export const badge = (tone, text) => el("span", { class: "badge", "data-tone": tone }, text)

/** "Acme Corp", or the ID where the tenant has no name. */
export const nameOf = (tenant) => tenant.name ?? tenant.id
