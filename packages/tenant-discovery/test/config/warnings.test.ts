import { describe, expect, it } from "@effect/vitest"
import { type Wiring, warnings } from "../../src/internal/config/warnings.js"

const quiet: Wiring = {
  url: "https://tm.example",
  redis: { host: "redis.example", tls: true },
  everyEnvironment: false
}

describe("warnings at the start", () => {
  it("are none where all is encrypted and the environment is known", () => {
    expect(warnings(quiet)).toEqual([])
    expect(warnings({ ...quiet, redis: undefined })).toEqual([])
  })

  it("are none for what stays on the machine", () => {
    for (const host of ["localhost", "127.0.0.1", "::1"]) {
      const url = `http://${host === "::1" ? "[::1]" : host}:8080`
      expect(warnings({ ...quiet, url, redis: { host, tls: false } })).toEqual([])
    }
  })

  it("tell http to another host, without what else the URL holds", () => {
    const found = warnings({ ...quiet, url: new URL("http://user:hidden@tm.example:8080/path") })
    expect(found).toEqual([expect.stringMatching(/tm\.example:8080 is called over http:/)])
    expect(found[0]).not.toMatch(/hidden|user/)
  })

  it("tell Redis without TLS on another host, and the variable", () => {
    expect(warnings({ ...quiet, redis: { host: "redis.example", tls: false } })).toEqual([
      expect.stringMatching(/redis\.example is reached without TLS.*MULTI_TENANT_REDIS_TLS=true/)
    ])
  })

  it("tell that every environment is listened to, and the variable", () => {
    expect(warnings({ ...quiet, everyEnvironment: true })).toEqual([
      expect.stringMatching(/no environment is set.*ENVIRONMENT_NAME/)
    ])
  })

  it("are one each", () => {
    const all: Wiring = {
      url: "http://tm.example",
      redis: { host: "redis.example", tls: false },
      everyEnvironment: true
    }
    expect(warnings(all)).toHaveLength(3)
  })

  it("leave a URL that cannot be parsed to the client that refuses it", () => {
    expect(warnings({ ...quiet, url: "https://user:hidden@" })).toEqual([])
  })
})
