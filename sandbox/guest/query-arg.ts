/** The first argument of this name: its value decoded, `true` when it has none, null when missing. */
export function findQueryArg(query: string, wanted: string): string | true | null {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    const name = decode(equals === -1 ? pair : pair.slice(0, equals))
    if (name === wanted && pair !== '') return equals === -1 ? true : decode(pair.slice(equals + 1))
  }
  return null
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  try {
    return decodeURIComponent(spaced)
  } catch {
    return spaced
  }
}
