/**
 * Each run tests the same random cases, so that a failure comes from a change. `PROPERTY_SEED`
 * selects others; `npm run test:model` and `npm run test:fuzz` take new seeds.
 */
import * as FastCheck from "effect/FastCheck"

FastCheck.configureGlobal({ seed: Number(process.env["PROPERTY_SEED"] ?? "20261124") })
