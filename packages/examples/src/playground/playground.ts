/** A program over a simulator, with a page on which a visitor plays with the faults. */
import type { HttpServerError } from "@effect/platform"
import type { Simulator } from "@tenant-discovery/simulator"
import { Effect, Layer, type Scope } from "effect"
import { type TenantId, type TenantManager, TenantDiscovery } from "tenant-discovery"
import { makeActions } from "./actions.js"
import { serve } from "./server.js"
import { type WorkFault, WorkFaults, Workers } from "./work.js"

/** Tenants that a page can show: with names, and one without. */
export const TENANTS: ReadonlyArray<Simulator.CreateOptions> = [
  { id: "0193E8F0-C4B8-7C4A-9F3B-2F6F0C1D2E3F", name: "Acme Corp", slug: "acme" },
  { id: "7f3c2b1a-0d4e-4c8b-9a6f-5e1d2c3b4a59", name: "Globex" },
  { id: "0193e8f1-52d0-7b1c-8a44-9c1b7e6f5d20", name: "Vandelay Industries" },
  { id: "5d41402a-bc4b-4a76-b971-9d911017c592", name: "Wayne Enterprises" },
  { id: "9b74c989-7bac-4afe-8b5c-1d2e3f4a5b6c", name: "Massive Dynamic" },
  { id: "e10adc39-49ba-49ab-be56-e057f20f883e", name: "Pied Piper" },
  { id: "tenant-7", name: "Oscorp" },
  { id: "org_01KH" }
]

/**
 * Workers over the discovery, and the page with its actions, until the scope closes. Gives the
 * address of the page.
 */
export const makePlayground = (options: {
  readonly simulator: Simulator.SimulatorService
  /** Default: 9464, or a free one where that is taken. */
  readonly port?: number | undefined
}): Effect.Effect<
  string,
  HttpServerError.ServeError,
  TenantDiscovery | TenantManager | Scope.Scope
> =>
  Effect.gen(function* () {
    const faults = new Map<TenantId, WorkFault>()
    yield* Layer.build(Layer.provide(Workers, Layer.succeed(WorkFaults, faults)))
    const discovery = yield* TenantDiscovery
    const actions = yield* makeActions({ simulator: options.simulator, discovery, faults })
    return yield* serve(actions, options.port)
  })
