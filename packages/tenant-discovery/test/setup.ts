/**
 * The same cases in each run of `npm test`, so that a change is judged by what it
 * changed. `PROPERTY_SEED` gives others; `npm run test:model` and `test:fuzz` look
 * further, each time elsewhere.
 */
import * as FastCheck from "effect/FastCheck"

FastCheck.configureGlobal({ seed: Number(process.env["PROPERTY_SEED"] ?? "20261124") })
