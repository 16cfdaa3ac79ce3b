import { TenantDiscoveryConfig } from "./subject.js"
const WIDTH = 88
/** `text` broken into comment lines; lines after the first are indented under the first's text. */
const comment = (label, text) => {
  const lines = []
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
const HEADER = `# The environment variables that tenant-discovery reads, all of them.
#
# A blank value counts as unset, except for MULTI_TENANT_API_PREFIX. A value that does
# not parse is an error at the start that names the variable and what was expected.
`
/** `.env.reference`, written out from the table of variables. */
export const render = () => {
  let group
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
//# sourceMappingURL=reference.js.map
