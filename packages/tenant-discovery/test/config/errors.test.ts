import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect } from "effect"
import { inspect } from "node:util"
import {
  complete,
  errorOf,
  load,
  problems,
  reference,
  type Variables,
  withVariable
} from "./subject.js"
import { test } from "../support/live.js"

const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
const base64 = (text: string) => Buffer.from(text).toString("base64")

/** Each variable that can be invalid, what the error says was expected, and invalid texts. */
const table = `
MULTI_TENANT_ENABLED | one of true, false, t, f, 1, 0, yes, no, on, off | maybe | 2 | tr | enabled | truefalse
MULTI_TENANT_URL | an absolute URL such as https:// | tm.example | localhost:8080 | /internal | ftp://tm.example
MULTI_TENANT_URL | an absolute URL such as https:// | https:// | https:///x | https:tm | http://[::1 | https://a b
MULTI_TENANT_URL | a URL without a user name or password: | https://u@h/ | https://u:p@h/?q
MULTI_TENANT_URL | a URL without a query or fragment | https://h/? | https://h/?a=b | https://h#f
MULTI_TENANT_URL | https; | http://tm.example | HTTP://10.0.0.1:80 | http://128.0.0.1
MULTI_TENANT_URL | https; http to a host that is not loopback needs MULTI_TENANT_ALLOW_INSECURE_HTTP=true | http://127.evil.example | http://[::2]
MULTI_TENANT_ALL_ENVIRONMENTS | one of true, false | all | *
${["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"]
  .map((name) => `${name} | an http or https URL | proxy:3128 | socks5://proxy:1080 | http://`)
  .join("\n")}
MULTI_TENANT_CA_CERT | PEM, or base64 of PEM | /etc/ssl/ca.pem | ${base64("hello")}
MULTI_TENANT_ALLOW_INSECURE_HTTP | one of true, false | y | -1 | http
MULTI_TENANT_SERVICE_API_KEY | a key that fits into an HTTP header | a\nb | a\u0000b | schl\u00fcssel | \u0fff
MULTI_TENANT_API_PREFIX | a URL path such as /v1 | /v1?x | v1#x | /v 1 | //a//b
MULTI_TENANT_TIMEOUT | a number of seconds greater than 0 | 0 | -1 | 30s | 1e3 | NaN | Infinity
MULTI_TENANT_CIRCUIT_BREAKER_THRESHOLD | a whole number, 0 or more | -1 | 1.5 | x
MULTI_TENANT_CIRCUIT_BREAKER_TIMEOUT_SEC | a number of seconds, 0 or more | -1 | 30 s | 0x10 | .
MULTI_TENANT_REDIS_HOST | a host name or an address, alone or as host:port | redis://h:6379 | rediss://u:p@h | u:p@h | h/0 | a b | :6379
MULTI_TENANT_REDIS_HOST | a host name or an address, alone or as host:port | h: | h:0 | h:65536 | h:x | [::1 | [h]:1 | [::1]: | 1:2:3
MULTI_TENANT_REDIS_PORT | a port: a whole number from 1 to 65535 | 0 | 65536 | -1 | 6379.0 | 0x1 | redis | 6379,6380
MULTI_TENANT_REDIS_SENTINELS | hosts as | a b | a,,b | h:0 | redis://h
MULTI_TENANT_REDIS_SENTINEL_NAME | a non-empty name without white space | my master
MULTI_TENANT_REDIS_CLUSTER_NODES | hosts as | a b | , | h:x
MULTI_TENANT_REDIS_TLS | one of true, false | tls | TLSv1.2 | none
MULTI_TENANT_REDIS_CA_CERT | PEM, or base64 of PEM | not base64! | /etc/ssl/ca.pem | abc | ${base64("hello")} | ${pem.slice(0, 40)}
MULTI_TENANT_REDIS_CA_CERT | PEM, or base64 of PEM, with at least one complete CERTIFICATE block | ${base64("hi")} | ${base64(pem.replace("END", "FIN"))}
MULTI_TENANT_RECONCILE_INTERVAL_SEC | a number of seconds, 0 or more | -1 | 60s | PT1M | 1,5
MULTI_TENANT_CACHE_TTL_SEC | a number of seconds, 0 or more | -1 | 12h | ${"9".repeat(400)}
MULTI_TENANT_MAX_TENANT_POOLS | a whole number, 0 or more | -1 | 1.5 | 1e2
MULTI_TENANT_CONNECTIONS_CHECK_INTERVAL_SEC | a number of seconds, 0 or more | -1 | never
MULTI_TENANT_IDLE_TIMEOUT_SEC | a number of seconds, 0 or more | -1 | five | +5
${"APPLICATION_NAME MULTI_TENANT_SERVICE_NAME ENVIRONMENT_NAME ENV_NAME MULTI_TENANT_REDIS_USERNAME"
  .split(" ")
  .map(
    (name) => `${name} | a non-empty name without white space | a b | a\tb | a\u0000b | a\u200bb`
  )
  .join("\n")}`

const wrong = table
  .trim()
  .split(/\n(?=[A-Za-z_]{8,} \|)/)
  .map((row) => row.split(" | "))

/** Any text is valid for these. */
const freeText = [
  "MULTI_TENANT_REDIS_PASSWORD",
  "MULTI_TENANT_REDIS_PASSWORD_FILE",
  "MULTI_TENANT_REDIS_SENTINEL_PASSWORD",
  "MULTI_TENANT_SERVICE_API_KEY_FILE",
  "NO_PROXY",
  "no_proxy"
]

describe("a value that does not parse", () => {
  it("is tried for every variable", () => {
    const tried = new Set([...wrong.map(([name]) => name), ...freeText])
    expect(tried).toEqual(new Set(reference.map(({ name }) => name)))
  })

  for (const [variable = "", expected = "", ...texts] of wrong) {
    test(`${variable}: expected ${expected}`, function* () {
      for (const text of texts) {
        const found = problems(yield* errorOf(load(withVariable(variable, text))))
        const message = expect.stringContaining(`expected ${expected}`)
        expect(found, text).toEqual([{ kind: "Invalid", variable, message }])
      }
    })
  }

  test("is refused for quotes around it, unless it is a secret", function* () {
    expect(reference.filter(({ isSecret }) => isSecret)).toHaveLength(7)
    for (const { example, isSecret, name } of reference) {
      if (isSecret) continue
      for (const quote of ['"', "'"]) {
        const texts = withVariable(name, `${quote}${example}${quote}`)
        const found = problems(yield* errorOf(load(texts)))
        const message = expect.stringContaining("without quotes")
        expect(found).toEqual([{ kind: "Invalid", variable: name, message }])
      }
    }
  })

  test("is refused where two variables exclude each other", function* () {
    const exclusive: ReadonlyArray<readonly [string, string, string]> = [
      ["MULTI_TENANT_SERVICE_API_KEY_FILE", "/key", "MULTI_TENANT_SERVICE_API_KEY"],
      ["MULTI_TENANT_REDIS_SENTINELS", "sentinel.example", "MULTI_TENANT_REDIS_HOST"],
      ["MULTI_TENANT_REDIS_CLUSTER_NODES", "node.example", "MULTI_TENANT_REDIS_HOST"]
    ]
    for (const [variable, text, other] of exclusive) {
      const found = problems(yield* errorOf(load({ ...complete, [variable]: text })))
      expect(found).toEqual([
        { kind: "Invalid", variable, message: `expected that only one of it and ${other} is set` }
      ])
    }
  })

  test("is reported with all others, each once, in the order of the reference", function* () {
    const bad: Variables = {
      MULTI_TENANT_URL: "tm",
      MULTI_TENANT_TIMEOUT: "x",
      MULTI_TENANT_REDIS_HOST: "redis://h",
      MULTI_TENANT_REDIS_PORT: "0",
      MULTI_TENANT_REDIS_CA_CERT: "!",
      MULTI_TENANT_RECONCILE_INTERVAL_SEC: "x",
      MULTI_TENANT_IDLE_TIMEOUT_SEC: "x"
    }
    const found = problems(yield* errorOf(load(bad)))
    expect(found.map(({ kind, variable }) => `${kind} ${variable}`)).toEqual([
      "Missing APPLICATION_NAME",
      "Missing ENVIRONMENT_NAME",
      "Invalid MULTI_TENANT_URL",
      "Missing MULTI_TENANT_SERVICE_API_KEY",
      "Invalid MULTI_TENANT_TIMEOUT",
      "Invalid MULTI_TENANT_REDIS_HOST",
      "Invalid MULTI_TENANT_REDIS_PORT",
      "Invalid MULTI_TENANT_REDIS_CA_CERT",
      "Invalid MULTI_TENANT_RECONCILE_INTERVAL_SEC",
      "Invalid MULTI_TENANT_IDLE_TIMEOUT_SEC"
    ])
  })

  test("names the port variable where the host's port differs from it", function* () {
    const variable = "MULTI_TENANT_REDIS_HOST"
    const texts = { [variable]: "redis.example:6380", MULTI_TENANT_REDIS_PORT: "6379" }
    const message = expect.stringContaining("6380, MULTI_TENANT_REDIS_PORT says 6379")
    const found = problems(yield* errorOf(load({ ...complete, ...texts })))
    expect(found).toEqual([{ kind: "Invalid", variable, message }])
  })
})

describe("a missing variable", () => {
  const expected: Readonly<Record<string, ReadonlyArray<string>>> = {
    APPLICATION_NAME: ["name of the service", "MULTI_TENANT_SERVICE_NAME"],
    ENVIRONMENT_NAME: ["name of the environment", "ENV_NAME", "MULTI_TENANT_ALL_ENVIRONMENTS=true"],
    MULTI_TENANT_URL: ["base URL"],
    MULTI_TENANT_SERVICE_API_KEY: ["API key"],
    MULTI_TENANT_REDIS_HOST: ["host of the Redis"]
  }

  for (const [variable, words] of Object.entries(expected)) {
    test(`${variable}: unset, empty or blank, enabled or not set so`, function* () {
      const { [variable]: _, ...others } = complete
      const ways: ReadonlyArray<Variables> = [
        {},
        { [variable]: "" },
        { [variable]: " \n" },
        { MULTI_TENANT_ENABLED: "true" }
      ]
      for (const way of ways) {
        const error = yield* errorOf(load({ ...others, ...way }))
        expect(problems(error)).toMatchObject([{ kind: "Missing", variable }])
        // What a program prints that does not handle the error.
        for (const word of [variable, ...words, "MULTI_TENANT_ENABLED=false is the way"]) {
          expect(Cause.pretty(Cause.fail(error))).toContain(word)
        }
      }
    })
  }

  test("is reported with all others, one a line, and last the way to single-tenant mode", function* () {
    const error = yield* errorOf(load({}))
    expect(problems(error).map(({ variable }) => variable)).toEqual(Object.keys(expected))
    const lines = Cause.pretty(Cause.fail(error)).split("\n")
    expect(lines.slice(1, -1).map((line) => line.split(" ")[0])).toEqual(Object.keys(expected))
    expect(lines.at(-1)).toContain("MULTI_TENANT_ENABLED=false is the way to single-tenant mode")
    expect(lines).toHaveLength(7)
  })
})

describe("an error never repeats a value", () => {
  const SECRET = "s3cr3t-marked"

  /** Every way in which an error is usually printed. */
  const printed = (error: unknown): string =>
    [
      Cause.pretty(Cause.fail(error)),
      JSON.stringify(error),
      inspect(error, { depth: null, showHidden: true })
    ].join()

  test("of any variable that holds a secret by mistake", function* () {
    for (const { name } of reference) {
      for (const text of [`${SECRET}\n!`, `https://user:${SECRET}@tm.example/x?y`]) {
        // The second load always fails, so that there is a text to search.
        const texts = { ...complete, MULTI_TENANT_REDIS_HOST: "", [name]: text }
        const error = yield* errorOf(load(texts).pipe(Effect.zipRight(load({}))))
        expect(printed(error), name).toContain("MULTI_TENANT_")
        expect(printed(error), name).not.toContain(SECRET)
      }
    }
  })

  test("of base64 that holds no certificate", function* () {
    for (const text of [base64(SECRET), SECRET, `-----BEGIN PRIVATE KEY-----\n${SECRET}\n`]) {
      const error = yield* errorOf(load({ ...complete, MULTI_TENANT_REDIS_CA_CERT: text }))
      expect(printed(error)).not.toContain(SECRET)
      expect(printed(error)).not.toContain(base64(SECRET))
    }
  })

  test("and the settings show no secret", function* () {
    const key = `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`
    const settings = yield* load({
      ...complete,
      MULTI_TENANT_SERVICE_API_KEY: SECRET,
      MULTI_TENANT_REDIS_PASSWORD: SECRET,
      MULTI_TENANT_REDIS_CA_CERT: base64(key + pem)
    })
    expect(printed(settings)).toContain("redis.example")
    expect(printed(settings)).not.toContain(SECRET)
  })
})
