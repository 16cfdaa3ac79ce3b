import * as Data from "effect/Data"

export class SimulatorError extends Data.TaggedError("SimulatorError")<{
  /**
   * - `StartFailed`: the HTTP server could not listen
   * - `NoSuchTenant`, `NoSuchAssociation`, `AlreadyExists`: nothing was changed or published
   * - `InvalidRequest`: an invalid tenant ID, or an invalid admin request
   */
  readonly reason:
    | "StartFailed"
    | "NoSuchTenant"
    | "NoSuchAssociation"
    | "AlreadyExists"
    | "InvalidRequest"
  readonly message: string
  readonly cause?: unknown
}> {}
