/**
 * A real HTTP server for one test, on a free port of the loopback interface.
 */
import { type IncomingMessage, type ServerResponse } from "node:http"
import { Effect, type Scope } from "effect"
export interface TestServer {
  readonly url: string
  /** Every request that arrived, oldest first. */
  readonly requests: ReadonlyArray<IncomingMessage>
  /** How many connections were ever opened, and how many are open now. */
  readonly connections: () => {
    readonly opened: number
    readonly open: number
  }
}
export type Handler = (request: IncomingMessage, response: ServerResponse) => void
/** Serves until the scope closes, which cuts every connection. */
export declare const serve: (handler: Handler) => Effect.Effect<TestServer, never, Scope.Scope>
/** Answers with this status, these headers and this body. */
export declare const answer: (
  status: number,
  body?: string,
  headers?: Readonly<Record<string, string>>
) => Handler
/** A URL at which nothing listens: its port was free a moment ago. */
export declare const refusedUrl: Effect.Effect<string>
//# sourceMappingURL=server.d.ts.map
