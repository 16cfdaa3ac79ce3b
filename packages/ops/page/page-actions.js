/** The buttons of a demo: a program that serves `/demo/actions` names them. */
import { byId, el, nameOf, setText } from "./page-dom.js"
import { problemText, request } from "./page-feed.js"

/** Asks for the actions once; `selectedTenant()` gives the tenant that an action is for. */
export const showActions = async ({ selectedTenant }) => {
  const answer = byId("actions-answer")
  const buttons = []
  const headings = []

  const run = async ({ id, label, needsTenant }) => {
    const tenant = selectedTenant()
    if (needsTenant && tenant === undefined) {
      setText(answer, `${label}: choose a tenant in the list first.`)
      return
    }
    setText(answer, `${label} …`)
    try {
      const response = await request(`demo/actions/${encodeURIComponent(id)}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(needsTenant ? { tenant: tenant.id } : {})
      })
      const text = response.ok ? (await response.json()).text : await problemText(response)
      setText(answer, text ?? `${label}: done.`)
    } catch {
      setText(answer, `${label}: the program does not answer.`)
    }
  }

  /** The groups of actions that need a tenant name the one that they are for. */
  const update = () => {
    const tenant = selectedTenant()
    for (const { heading, title } of headings) {
      setText(heading, `${title}: ${tenant === undefined ? "choose one below" : nameOf(tenant)}`)
    }
    for (const { action, button } of buttons) {
      if (action.needsTenant) button.setAttribute("aria-disabled", String(tenant === undefined))
    }
  }

  const response = await request("demo/actions").catch(() => undefined)
  if (response?.ok !== true) return () => {}
  const groups = Map.groupBy(await response.json(), ({ group }) => group ?? "Actions")
  byId("actions-groups").replaceChildren(
    ...[...groups].map(([title, actions], index) => {
      const heading = el("h3", { id: `actions-${index}` }, title)
      if (actions.some(({ needsTenant }) => needsTenant)) headings.push({ heading, title })
      return el(
        "div",
        { class: "action-group", role: "group", "aria-labelledby": heading.id },
        heading,
        el(
          "div",
          { class: "action-buttons" },
          ...actions.map((action) => {
            const button = el("button", { type: "button", title: action.hint }, action.label)
            button.addEventListener("click", () => void run(action))
            buttons.push({ action, button })
            return button
          })
        )
      )
    })
  )
  byId("actions").hidden = false
  update()
  return update
}
