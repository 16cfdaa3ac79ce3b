/**
 * The end of `npm run check:packages`, after a build: what `npm pack` would publish. Prints the size
 * of each package; exits with 1 where a package has a file that it must not have, lacks one that its
 * `package.json` names, or has a source map whose source is not in the package.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import { Schema } from "effect"

const packages = join(dirname(fileURLToPath(import.meta.url)), "../../..")

const Manifest = Schema.parseJson(
  Schema.Struct({
    name: Schema.String,
    private: Schema.optional(Schema.Boolean),
    bin: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
    exports: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
  })
)

const Packed = Schema.parseJson(
  Schema.Array(
    Schema.Struct({
      size: Schema.Number,
      unpackedSize: Schema.Number,
      files: Schema.Array(Schema.Struct({ path: Schema.String }))
    })
  )
)

const SourceMap = Schema.parseJson(
  Schema.Struct({
    sourceRoot: Schema.optional(Schema.String),
    sources: Schema.Array(Schema.String),
    sourcesContent: Schema.optional(Schema.Array(Schema.NullOr(Schema.String)))
  })
)

/** Tests, settings of the build and what an editor leaves behind. */
const UNWANTED =
  /(?:^|\/)(?:test|node_modules)\/|\.(?:test\.ts|tsbuildinfo|log|tgz)$|\.env|(?:^|\/)tsconfig/

const REQUIRED = ["package.json", "README.md", "LICENSE"]

/** The paths in a value of `exports`, which nests conditions. */
const targets = (value: unknown): ReadonlyArray<string> =>
  typeof value === "string"
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value).flatMap(targets)
      : []

const problemsOf = (folder: string): ReadonlyArray<string> => {
  const root = join(packages, folder)
  const manifest = Schema.decodeSync(Manifest)(readFileSync(join(root, "package.json"), "utf8"))
  if (manifest.private === true) return []
  const printed = execFileSync("npm", ["pack", "--dry-run", "--json", "--silent"], {
    cwd: root,
    encoding: "utf8"
  })
  const [packed] = Schema.decodeSync(Packed)(printed)
  if (packed === undefined) return [`${manifest.name}: npm pack printed nothing`]
  const paths = new Set(packed.files.map(({ path }) => path))
  const kilobytes = (bytes: number) => `${Math.round(bytes / 1000)} kB`
  console.log(
    `${manifest.name}: ${paths.size} files, ${kilobytes(packed.size)} packed, ${kilobytes(packed.unpackedSize)} unpacked`
  )
  const named = [...targets(manifest.exports), ...targets(manifest.bin)].map((path) =>
    posix.normalize(path)
  )
  return [
    ...[...paths]
      .filter((path) => UNWANTED.test(path))
      .map((path) => `${path} must not be published`),
    ...[...REQUIRED, ...named]
      .filter((path) => !paths.has(path))
      .map((path) => `${path} is missing`),
    ...[...paths]
      .filter((path) => path.endsWith(".map"))
      .flatMap((path) => {
        const map = Schema.decodeSync(SourceMap)(readFileSync(join(root, path), "utf8"))
        return map.sources
          .map((source) => posix.join(posix.dirname(path), map.sourceRoot ?? "", source))
          .filter(
            (source, at) => !paths.has(source) && typeof map.sourcesContent?.[at] !== "string"
          )
          .map((source) => `${path} points to ${source}, which is not published`)
      })
  ].map((problem) => `${manifest.name}: ${problem}`)
}

const problems = readdirSync(packages).flatMap(problemsOf)
for (const problem of problems) console.error(problem)
if (problems.length > 0) process.exitCode = 1
