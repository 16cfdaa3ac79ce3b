import { describe, expect, it } from "@effect/vitest"
import { type Wiring, warnings } from "../../src/internal/config/warnings.js"
import { complete, loadMulti } from "./subject.js"
import { test } from "../support/live.js"

const quiet: Wiring = {
  naming: "options",
  url: new URL("https://tm.example"),
  redis: { host: "redis.example", port: 6379, tls: {} },
  everyEnvironment: false,
  noProxy: undefined
}

describe("warnings at the start", () => {
  it("are absent when all traffic is encrypted and the environment is set", () => {
    expect(warnings(quiet)).toEqual([])
    const redis = { duplicate: () => expect.fail("not used") }
    expect(warnings({ ...quiet, redis, noProxy: "localhost, .svc" })).toEqual([])
  })

  it("are absent for loopback hosts", () => {
    const hosts = ["localhost", "127.0.0.1", "::1"]
    for (const host of hosts) {
      const url = new URL(`http://${host === "::1" ? "[::1]" : host}:8080`)
      expect(warnings({ ...quiet, url, redis: { host, port: 1 } })).toEqual([])
    }
  })

  it("name the host that is called over http", () => {
    expect(warnings({ ...quiet, url: new URL("http://tm.example:8080/path") })).toEqual([
      expect.stringMatching(/tm\.example:8080 is called over http:/)
    ])
  })

  it("name the option by which the program is configured, or the variable", () => {
    const wiring: Wiring = {
      ...quiet,
      redis: { cluster: ["localhost", "redis.example"].map((host) => ({ host, port: 1 })) },
      everyEnvironment: true,
      noProxy: "localhost,10.0.0.0/8"
    }
    expect(warnings(wiring)).toEqual([
      expect.stringMatching(
        /redis\.example is reached without TLS.*; redis\.tls: \{\} turns TLS on/
      ),
      expect.stringMatching(/no environment is set.*set discovery\.environment/),
      expect.stringMatching(/^transport\.noProxy has networks.*: 10\.0\.0\.0\/8$/)
    ])
    expect(warnings({ ...wiring, naming: "environment" })).toEqual([
      expect.stringContaining("MULTI_TENANT_REDIS_TLS=true turns TLS on"),
      expect.stringContaining("set ENVIRONMENT_NAME"),
      expect.stringMatching(/^NO_PROXY has networks/)
    ])
  })
})

describe("warnings of the settings", () => {
  test("name each secret with quotes around it or a line feed at its end, without its value", function* () {
    expect((yield* loadMulti(complete)).warnings).toEqual([])
    const { warnings } = yield* loadMulti({
      ...complete,
      MULTI_TENANT_SERVICE_API_KEY: "hidden\n",
      MULTI_TENANT_REDIS_PASSWORD: "'hidden'"
    })
    expect(warnings).toEqual([
      "MULTI_TENANT_SERVICE_API_KEY ends in a line feed: it is removed",
      "MULTI_TENANT_REDIS_PASSWORD has quotes around it: they are used as part of it"
    ])
  })
})
