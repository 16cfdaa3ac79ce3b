/** Why a replica cannot join its cluster. */
import { Data } from "effect"

/** The database cannot be reached, or refused a statement. */
export class ClusterDatabaseError extends Data.TaggedError("ClusterDatabaseError")<{
  readonly message: string
  readonly cause: unknown
}> {}

/** Tables with this prefix exist and belong to something else. */
export class ClusterPrefixTaken extends Data.TaggedError("ClusterPrefixTaken")<{
  readonly message: string
  readonly prefix: string
  /** The table that is in the way. */
  readonly table: string
}> {}

/** The replicas of a cluster must agree about a setting, and this one differs. */
export class ClusterSettingMismatch extends Data.TaggedError("ClusterSettingMismatch")<{
  readonly message: string
  readonly setting: "shards" | "expiration"
  /** What this replica is configured with; `expiration` in seconds. */
  readonly configured: number
  /** What the cluster was created with; `expiration` in seconds. */
  readonly stored: number
}> {}

export type ClusterAssignmentError =
  | ClusterDatabaseError
  | ClusterPrefixTaken
  | ClusterSettingMismatch
