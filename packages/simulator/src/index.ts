export * as FaultProxy from "./FaultProxy.js"
export * as RedisServer from "./RedisServer.js"
export * as TestCertificates from "./TestCertificates.js"
