import { quote } from './config-error.ts'
import type { Entities, Route } from './entities.ts'
import type { Issue } from './validate.ts'

/** By what a route may select, besides an expression. */
export const ROUTE_MATCHERS = [
  'methods',
  'hosts',
  'headers',
  'paths',
  'snis',
  'sources',
  'destinations',
] as const
type Matcher = (typeof ROUTE_MATCHERS)[number]

/** Protocols that one route may mix, and what a request of each can be told apart by. */
const GROUPS: readonly Readonly<Record<string, readonly Matcher[]>>[] = [
  {
    http: ['methods', 'hosts', 'headers', 'paths'],
    https: ['methods', 'hosts', 'headers', 'paths', 'snis'],
  },
  { grpc: ['hosts', 'headers', 'paths'], grpcs: ['hosts', 'headers', 'paths', 'snis'] },
  {
    tcp: ['sources', 'destinations'],
    udp: ['sources', 'destinations'],
    tls: ['sources', 'destinations', 'snis'],
  },
  { tls_passthrough: ['snis'] },
]

/** What only some protocols know, and which to name to whoever uses it elsewhere. */
const WANTED: Partial<Record<Matcher, string>> = {
  snis: 'protocols has "https"',
  sources: 'protocols is "tcp", "tls" or "udp"',
  destinations: 'protocols is "tcp", "tls" or "udp"',
}

const isEmpty = (value: object | null) => value === null || Object.keys(value).length === 0

/** Kong's rules about the protocols of a route: what goes together, and what selects by what. */
export function routeProtocolIssues(route: Route): Issue[] {
  const { protocols } = route
  const groups = GROUPS.filter((group) => protocols.some((name) => Object.hasOwn(group, name)))
  if (groups.length > 1) {
    const kinds = GROUPS.map((group) => Object.keys(group).join(' and ')).join('; ')
    return [{ path: ['protocols'], message: `cannot be mixed: ${kinds}, got ${quote(protocols)}` }]
  }
  const [group] = groups
  if (group === undefined) return []
  const usable = ROUTE_MATCHERS.filter((matcher) =>
    protocols.some((name) => group[name]?.includes(matcher) === true),
  )
  const misplaced = ROUTE_MATCHERS.filter(
    (field) => !usable.includes(field) && !isEmpty(route[field]),
  )
  const issues: Issue[] = misplaced.map((field) => {
    const wanted =
      WANTED[field] ?? `protocols is not ${protocols.map((name) => quote(name)).join(', ')}`
    return { path: [field], message: `can only match when ${wanted}` }
  })
  if (route.expression !== null || usable.some((field) => !isEmpty(route[field]))) return issues
  const names =
    usable.length === 1 ? usable[0] : `${usable.slice(0, -1).join(', ')} or ${usable.at(-1)}`
  return [...issues, { path: [], message: `must have at least one of ${names}, or an expression` }]
}

export const isGrpc = (protocol: unknown) => protocol === 'grpc' || protocol === 'grpcs'

/** GRPC is HTTP/2, which no listener speaks yet: such a route answers 426, as Kong to HTTP/1.1. */
export function grpcWarnings({ routes }: Entities): string[] {
  return routes
    .filter(({ protocols }) => protocols.some(isGrpc))
    .map(
      ({ name, id }) =>
        `route ${quote(name ?? id)}: HTTP/2 is not served yet: every request on a gRPC route gets 426`,
    )
}
