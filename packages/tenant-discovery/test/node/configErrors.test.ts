import { describe, expect } from "@effect/vitest"
import { TestCertificates } from "@tenant-discovery/simulator"
import { ConfigError, Effect } from "effect"
import { inspect } from "node:util"
import { NodeTenantDiscovery } from "../../src/node.js"
import { complete, errorOf, problems, type Variables } from "../config/subject.js"
import { build, networkUseOf } from "./support.js"
import { live } from "../support/live.js"

const base64 = (text: string) => Buffer.from(text).toString("base64")

/** The problems of these variables, found without any use of the network. */
const wrongWith = (variables: Variables, layer = NodeTenantDiscovery.layerConfig) =>
  Effect.gen(function* () {
    const [error, network] = yield* networkUseOf(errorOf(build(layer, variables)))
    expect(network).toEqual([])
    if (!ConfigError.isConfigError(error)) return yield* Effect.dieMessage(inspect(error))
    return problems(error)
  })

describe("layerConfig", () => {
  live("fails with every missing variable at once, before any use of the network", function* () {
    const found = yield* wrongWith({})
    expect(found.map(({ kind, variable }) => `${kind} ${variable}`)).toEqual([
      "Missing APPLICATION_NAME",
      "Missing ENVIRONMENT_NAME",
      "Missing MULTI_TENANT_URL",
      "Missing MULTI_TENANT_SERVICE_API_KEY",
      "Missing MULTI_TENANT_REDIS_HOST"
    ])
  })

  live("requires no address of Redis where the program brings its own connection", function* () {
    const layer = NodeTenantDiscovery.layerConfigWith({
      redis: () => {
        throw new Error("called before the variables are valid")
      }
    })
    const found = yield* wrongWith({ MULTI_TENANT_REDIS_PORT: "x" }, layer)
    expect(found.map(({ variable }) => variable)).toEqual([
      "APPLICATION_NAME",
      "ENVIRONMENT_NAME",
      "MULTI_TENANT_URL",
      "MULTI_TENANT_SERVICE_API_KEY"
    ])
  })

  live("refuses a PEM block that is no certificate, and names it", function* () {
    const block = `-----BEGIN CERTIFICATE-----\n${base64("hidden")}\n-----END CERTIFICATE-----\n`
    for (const variable of ["MULTI_TENANT_CA_CERT", "MULTI_TENANT_REDIS_CA_CERT"]) {
      const found = yield* wrongWith({
        ...complete,
        [variable]: base64(TestCertificates.ca + block)
      })
      expect(found).toEqual([
        {
          kind: "Invalid",
          variable,
          message: "expected X.509 certificates: one block cannot be read as one"
        }
      ])
    }
  })
})
