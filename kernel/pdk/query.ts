/** A name or value of a query, decoded; what cannot be decoded is kept as it came. */
export function decodeQueryPart(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
