/**
 * @module @tenant-discovery/cluster
 */
export * as ClusterAssignment from "./ClusterAssignment.js"
export * from "./ClusterAssignmentError.js"
