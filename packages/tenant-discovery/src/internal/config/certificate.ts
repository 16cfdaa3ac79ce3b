import { Either, Encoding } from "effect"
import { type Parse } from "./parse.js"

const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates of a PEM text, one string a block. Takes linear time. */
export const certificates = (pem: string): ReadonlyArray<string> => pem.match(BLOCK) ?? []

/**
 * PEM, or base64 of PEM, wrapped or not. `\n` in the text counts as a line break. Only the
 * certificates are kept, no private key beside them. `NodeTenantDiscovery` parses them as X.509.
 */
export const caCertificates: Parse<string> = (text) => {
  const trimmed = text.trim()
  const pem = trimmed.includes("-----BEGIN")
    ? Either.right(trimmed)
    : Encoding.decodeBase64String(trimmed.replace(/\s+/g, ""))
  if (Either.isLeft(pem)) return Either.left("PEM, or base64 of PEM: this is neither")
  const blocks = certificates(pem.right.replaceAll("\\n", "\n"))
  return blocks.length === 0
    ? Either.left("PEM, or base64 of PEM, with at least one complete CERTIFICATE block: found none")
    : Either.right(`${blocks.join("\n")}\n`)
}
