/**
 * The first `length` characters of a text, as a copy: a slice would keep the whole text in memory.
 * Half of a surrogate pair becomes U+FFFD.
 */
export const beginning = (text: string, length: number): string =>
  text.length <= length
    ? text
    : new TextDecoder("utf-8", { ignoreBOM: true }).decode(
        new TextEncoder().encode(text.slice(0, length))
      )
