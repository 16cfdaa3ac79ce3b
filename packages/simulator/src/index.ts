export * as RedisServer from "./RedisServer.js"
export * as TestCertificates from "./TestCertificates.js"
