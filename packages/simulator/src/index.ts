/**
 * @module @tenant-discovery/simulator
 */
export * as FaultProxy from "./FaultProxy.js"
export * as RedisServer from "./RedisServer.js"
export * as Simulator from "./Simulator.js"
export * as TestCertificates from "./TestCertificates.js"
export type { EventTrouble, HttpTrouble, Trouble } from "./Trouble.js"
