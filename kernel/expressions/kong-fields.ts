import { didYouMean, quote } from '../config/config-error.ts'
import { foldSni } from './request-facts.ts'
import type { Field } from './syntax-tree.ts'

/** Of Kong's field names, those that are not a family. */
const fields: readonly Field[] = [
  { name: 'net.protocol', type: 'string', read: ({ request }) => request.scheme },
  { name: 'tls.sni', type: 'string', read: (facts) => facts.sni, fold: foldSni },
  { name: 'http.method', type: 'string', read: ({ request }) => request.method },
  {
    name: 'http.host',
    type: 'string',
    read: (facts) => facts.host,
    fold: (literal) => literal.toLowerCase(),
    role: 'host',
  },
  { name: 'http.path', type: 'string', read: ({ request }) => request.path, role: 'path' },
  { name: 'http.path.segments.len', type: 'integer', read: (facts) => facts.segments.length },
  { name: 'net.src.ip', type: 'address', read: (facts) => facts.clientAddress },
  { name: 'net.src.port', type: 'integer', read: (facts) => facts.clientPort },
  { name: 'net.dst.ip', type: 'address', read: (facts) => facts.localAddress },
  { name: 'net.dst.port', type: 'integer', read: (facts) => facts.localPort },
]

/** Fields that are named after something of the request; they say what is wrong with the rest. */
const families: Readonly<Record<string, (name: string, rest: string) => Field | string>> = {
  'http.path.segments.': segmentField,
  'http.headers.': headerField,
  'http.queries.': (name, rest) =>
    rest === ''
      ? 'wanted the name of a query argument after "http.queries."'
      : { name, type: 'strings', read: (facts) => facts.queryArgument(rest) },
}

const known: ReadonlyMap<string, Field> = new Map(fields.map((field) => [field.name, field]))

/** The field of that name, or a sentence that says why there is none. */
export function findKongField(name: string): Field | string {
  const field = known.get(name)
  if (field !== undefined) return field
  for (const [prefix, find] of Object.entries(families)) {
    if (name.startsWith(prefix)) return find(name, name.slice(prefix.length))
  }
  const names = [...known.keys(), ...Object.keys(families).map((prefix) => `${prefix}*`)]
  const hint = didYouMean(name, names)
  return `unknown field ${quote(name)}${hint === '' ? `; there are ${names.join(', ')}` : hint}`
}

/** How many segments a path can have is bounded by its length; nobody counts further. */
const segmentPattern = /^(0|[1-9][0-9]{0,3})(?:_([1-9][0-9]{0,3}))?$/

function segmentField(name: string, rest: string): Field | string {
  const found = segmentPattern.exec(rest)
  const first = Number(found?.[1])
  const last = found?.[2] === undefined ? first : Number(found[2])
  if (found === null || (found[2] !== undefined && last <= first)) {
    const wanted = 'a segment like "0", several like "0_2", or "len"'
    return `wanted ${wanted} after "http.path.segments.", got ${quote(rest)}`
  }
  if (first === last) {
    return { name, type: 'string', read: ({ segments }) => segments[first] ?? null }
  }
  return {
    name,
    type: 'string',
    read: ({ segments }) =>
      last < segments.length ? segments.slice(first, last + 1).join('/') : null,
  }
}

function headerField(name: string, rest: string): Field | string {
  if (rest === '') return 'wanted the name of a header after "http.headers."'
  const folded = rest.toLowerCase()
  if (folded !== rest) {
    const wanted = quote(`http.headers.${folded}`)
    return `names of headers are written in lower case: wanted ${wanted}, got ${quote(name)}`
  }
  if (rest === 'host') return 'wanted http.host: the Host header is no http.headers.host'
  const header = rest.replaceAll('_', '-')
  return { name, type: 'strings', read: (facts) => facts.header(header) }
}
