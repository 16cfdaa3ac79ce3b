import { TenantDiscoveryConfig } from "./subject.js"

const WIDTH = 88

/** `text` broken into comment lines; later lines are indented to the first one's text. */
const comment = (label: string, text: string): string => {
  const lines: Array<string> = []
  let line = `# ${label}`
  for (const word of text.split(" ")) {
    if (line.length + 1 + word.length > WIDTH && line.trim() !== "#") {
      lines.push(line.trimEnd())
      line = `#${" ".repeat(label.length + 1)}`
    }
    line += line.endsWith(" ") ? word : ` ${word}`
  }
  return [...lines, line].join("\n")
}

const HEADER = `# All environment variables that tenant-discovery reads.
#
# A blank value counts as unset, except for MULTI_TENANT_API_PREFIX. A value that does
# not parse is an error at the start that names the variable and what was expected; so are
# quotes around a value. Seconds and counts are plain decimal numbers, without a unit.
`

/** `.env.reference`, from the table of variables. */
export const render = (): string => {
  let group: string | undefined
  const blocks = TenantDiscoveryConfig.variables.map((variable) => {
    const heading = variable.group === group ? "" : `\n# ---- ${variable.group} ----\n`
    group = variable.group
    return [
      heading,
      comment("", variable.meaning),
      comment("type:    ", variable.type),
      comment("default: ", variable.default),
      `# ${variable.name}=${variable.example}`,
      ""
    ].join("\n")
  })
  return `${HEADER}${blocks.join("")}`
}
