#!/usr/bin/env node
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Simulator from "./Simulator.js"

const example = (base: string, operation: string, body: unknown) =>
  `  curl -s -X POST ${base}/admin/${operation} -d '${JSON.stringify(body)}'`

const quoted = (value: string) => (/^[\w./:-]+$/.test(value) ? value : `'${value}'`)

const program = Effect.gen(function* () {
  const simulator = yield* Simulator.make({
    service: process.env["APPLICATION_NAME"] || "ledger",
    environment: process.env["ENVIRONMENT_NAME"] || "local",
    tenants: [
      { id: "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F", name: "Acme Corp", slug: "acme" },
      { id: "org_01KH", slug: "globex" },
      { id: "tenant-3" },
      { id: "tenant-4", name: "Initech", services: [] }
    ]
  })
  const base = `http://127.0.0.1:${simulator.port}`
  const { kind, url } = simulator.redis
  console.log(
    [
      `Tenant manager: ${simulator.url}
Events: channel ${simulator.channel} at ${url} (${kind} server)`,
      "",
      "Environment of a program that uses it:",
      "",
      ...Object.entries(simulator.env).map(([name, value]) => `  export ${name}=${quoted(value)}`),
      "",
      "Operations:",
      "",
      example(base, "associate", { tenantId: "tenant-4" }),
      example(base, "suspend", { tenantId: "org_01KH" }),
      example(base, "reactivate", { tenantId: "org_01KH" }),
      example(base, "rotate", { tenantId: "tenant-3" }),
      example(base, "deleteTenant", { tenantId: "tenant-3" }),
      example(base, "bulkCreate", { count: 100 }),
      example(base, "trouble", { _tag: "Status", status: 503, times: 3, retryAfter: "2" }),
      example(base, "trouble", { _tag: "Withhold", times: 1 }),
      example(base, "clearTrouble", {}),
      `  curl -s ${base}/admin/tenants`,
      "",
      "Press Ctrl+C to stop it."
    ].join("\n")
  )
  return yield* Effect.never
})

NodeRuntime.runMain(Effect.scoped(program))
