/** A pool whose resource is the password of the tenant's PostgreSQL. */
import { Context, Effect, Layer } from "effect"
import * as TenantLayers from "../../../src/TenantLayers.js"
import { textOf } from "./world.js"

export class Db extends Context.Tag("test/Db")<Db, { readonly password: string }>() {}

export class TenantDb extends TenantLayers.Service<TenantDb>()("test/TenantDb", {
  lookup: (connections) =>
    Layer.effect(
      Db,
      Effect.map(connections.postgresql(), ({ password }) => ({ password: textOf(password) }))
    )
}) {}
