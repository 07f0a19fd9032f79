import type { QueryArg, QueryValues } from './pdk.ts'

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

/**
 * The first argument of this name: its value decoded, `true` when it has none, null when it is
 * missing. `query` is without the question mark.
 */
export function findQueryArg(query: string, wanted: string): string | true | null {
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const [name, value] = splitPair(pair)
    if (name === wanted) return value
  }
  return null
}

/**
 * All arguments of a query or a form; at most so many are looked at. The object has no prototype, so
 * that an argument called `__proto__` is only an argument.
 */
export function parseQuery(query: string, argsMax: number): QueryValues {
  const values = Object.create(null) as QueryValues
  let left = argsMax
  for (const pair of query.split('&')) {
    if (pair === '') continue
    if (left-- === 0) break
    const [name, value] = splitPair(pair)
    const before = values[name]
    if (before === undefined) values[name] = value
    else if (Array.isArray(before)) before.push(value)
    else values[name] = [before, value]
  }
  return values
}

/** Names are sorted, so that equal arguments give equal queries; `true` is a bare name, `false` none. */
export function encodeQuery(args: Readonly<Record<string, QueryArg>>): string {
  const pairs: string[] = []
  for (const name of Object.keys(args).toSorted()) {
    const value = args[name]!
    for (const one of Array.isArray(value) ? value : [value]) {
      const encoded = encodeURIComponent(name)
      if (one === true) pairs.push(encoded)
      else if (one !== false) pairs.push(`${encoded}=${encodeURIComponent(String(one))}`)
    }
  }
  return pairs.join('&')
}

function splitPair(pair: string): [name: string, value: string | true] {
  const equals = pair.indexOf('=')
  if (equals === -1) return [decodeQueryPart(pair), true]
  return [decodeQueryPart(pair.slice(0, equals)), decodeQueryPart(pair.slice(equals + 1))]
}
