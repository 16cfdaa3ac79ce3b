/** The options of the scripts. */
export const text = (flag: string): string | undefined => {
  const at = process.argv.indexOf(flag)
  return at < 0 ? undefined : process.argv[at + 1]
}

export const count = (flag: string, otherwise: number): number => {
  const given = Number(text(flag) ?? otherwise)
  if (!Number.isInteger(given)) throw new RangeError(`${flag}: expected an integer`)
  return given
}
