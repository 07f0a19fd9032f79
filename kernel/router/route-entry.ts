import { compileExpression } from '../expressions/expression.ts'
import type { Expression } from '../expressions/expression.ts'
import { foldSni, RequestFacts } from '../expressions/request-facts.ts'
import type { SafeMatch, SafeRegex } from '../safe-regex.ts'
import { addressRank, findAddress, toAddressRules } from './address-rule.ts'
import type { AddressRule } from './address-rule.ts'
import { findHeader, toHeaderRules } from './header-rule.ts'
import type { HeaderRule } from './header-rule.ts'
import { toHostRules } from './host-rule.ts'
import type { HostRule, RequestHost } from './host-rule.ts'
import type { RouterRequest, RouterRoute, RouterService } from './types.ts'

/** One bit for each attribute by which a route may select; a higher bit weighs more. */
export const attribute = {
  host: 0x40,
  header: 0x20,
  uri: 0x10,
  method: 0x08,
  sni: 0x04,
  src: 0x02,
  dst: 0x01,
} as const

const httpProtocols: ReadonlySet<string> = new Set(['http', 'https', 'grpc', 'grpcs', 'ws', 'wss'])

const settledByIndex = attribute.host | attribute.uri

/** Bonuses inside a category, compared as one number. */
const bonus = { wildcardPort: 0x04, plainHosts: 0x02, regexPath: 0x01 } as const

/**
 * A route as it is matched. A route with several paths has one entry for each, because a short and
 * a long prefix, or a prefix and a regex, are weighed separately.
 */
export interface RouteEntry<R, S> {
  // First what every lookup reads: it waits for memory more than for anything else.
  /** Asks for nothing but host and path, both of which the index settles. */
  readonly isPlain: boolean
  readonly route: R
  readonly service: S | null
  /** As the route spells it, without the `~` of a regex. */
  readonly path: string | null
  readonly regex: SafeRegex | null
  readonly stripPath: boolean
  readonly preserveHost: boolean
  readonly isV1: boolean
  /** The service's path; null when there is no service or it is not HTTP. */
  readonly base: string | null
  readonly attributes: number
  readonly hosts: readonly HostRule[] | null
  readonly headers: readonly HeaderRule[] | null
  readonly methods: ReadonlySet<string> | null
  readonly snis: ReadonlySet<string> | null
  readonly sources: readonly AddressRule[] | null
  readonly destinations: readonly AddressRule[] | null
  readonly vars: Expression | null
  readonly bonuses: number
  readonly regexPriority: number
  readonly pathLength: number
  readonly addressRank: number
  readonly createdAt: number
  /** Places in the list of routes and in the route's paths: the last tie-breaks. */
  readonly position: number
  readonly pathPosition: number
}

export interface EntrySource<R, S> {
  readonly route: R
  readonly service: S | null
  readonly position: number
  readonly compilePath: (pattern: string) => SafeRegex
}

/** The entries of a route; none if it selects by nothing at all. */
export function toEntries<R extends RouterRoute, S extends RouterService>(
  source: EntrySource<R, S>,
): RouteEntry<R, S>[] {
  const { route, service, position } = source
  const hosts = toHostRules(route.hosts)
  const headers = toHeaderRules(route.headers)
  const methods = toSet(route.methods, (method) => method.toUpperCase())
  const snis = toSet(route.snis, foldSni)
  const sources = toAddressRules(route.sources)
  const destinations = toAddressRules(route.destinations)
  const spelledPaths = route.paths ?? []
  const paths: readonly (string | null)[] = spelledPaths.length === 0 ? [null] : spelledPaths
  const shape = {
    stripPath: route.strip_path === true,
    preserveHost: route.preserve_host === true,
    isV1: route.path_handling === 'v1',
    base: baseOf(service),
  }
  const vars = compileExpression(null, route.vars)
  const common = {
    hosts,
    headers,
    methods,
    snis,
    sources,
    destinations,
    vars,
    addressRank: addressRank(sources) + addressRank(destinations),
    createdAt: route.created_at ?? 0,
    position,
  }
  const attributes =
    (hosts === null ? 0 : attribute.host) |
    (headers === null ? 0 : attribute.header) |
    (methods === null ? 0 : attribute.method) |
    (snis === null ? 0 : attribute.sni) |
    (sources === null ? 0 : attribute.src) |
    (destinations === null ? 0 : attribute.dst) |
    (paths[0] === null ? 0 : attribute.uri)
  if (attributes === 0) return []
  return paths.map((spelled, pathPosition) => {
    const isRegex = spelled?.startsWith('~') === true
    const path = isRegex ? spelled.slice(1) : spelled
    return {
      isPlain: (attributes & ~settledByIndex) === 0 && !isRegex && vars === null,
      route,
      service,
      path,
      regex: isRegex && path !== null ? source.compilePath(path) : null,
      ...shape,
      attributes,
      ...common,
      pathPosition,
      bonuses: hostBonus(hosts) | (isRegex ? bonus.regexPath : 0),
      regexPriority: isRegex ? (route.regex_priority ?? 0) : 0,
      pathLength: isRegex ? 0 : (path?.length ?? 0),
    }
  })
}

/** Negative when the left entry goes before the right one of the same category. */
export function compareEntries(
  left: RouteEntry<unknown, unknown>,
  right: RouteEntry<unknown, unknown>,
): number {
  return (
    right.bonuses - left.bonuses ||
    (right.headers?.length ?? 0) - (left.headers?.length ?? 0) ||
    right.regexPriority - left.regexPriority ||
    right.pathLength - left.pathLength ||
    right.addressRank - left.addressRank ||
    Number(right.vars !== null) - Number(left.vars !== null) ||
    left.createdAt - right.createdAt ||
    left.position - right.position ||
    left.pathPosition - right.pathPosition
  )
}

/** What stays the same while one request is looked up. */
export interface RouteSearch {
  readonly request: RouterRequest
  readonly host: RequestHost | null
  /** Plain HTTP has no SNI: then a route's `snis` ask for nothing. */
  readonly ignoresSni: boolean
  /** What `vars` and expressions ask; null until one does. */
  facts: RequestFacts | null
  /** The last regex path that matched, and what it found: running it twice would cost the most. */
  regex: SafeRegex | null
  found: SafeMatch | null
}

/** Whether everything holds that the host and path indexes have not settled. */
export function holdsRest(entry: RouteEntry<unknown, unknown>, search: RouteSearch): boolean {
  if (entry.isPlain) return true
  const { request, ignoresSni } = search
  if (entry.methods !== null && !entry.methods.has(request.method)) return false
  if (entry.snis !== null && !ignoresSni && !holdsSni(entry.snis, request.sni)) return false
  if (entry.headers !== null) {
    for (const rule of entry.headers) if (findHeader(request.headers, rule) === null) return false
  }
  const { sources, destinations } = entry
  if (sources !== null && findAddress(sources, request.srcIp, request.srcPort) === null) {
    return false
  }
  if (destinations !== null && findAddress(destinations, request.dstIp, request.dstPort) === null) {
    return false
  }
  if (entry.regex !== null && execPath(entry.regex, search) === null) return false
  if (entry.vars === null) return true
  search.facts ??= new RequestFacts(request)
  return entry.vars.holds(search.facts)
}

/** Runs a regex path, unless it is the one that has just been run. */
export function execPath(regex: SafeRegex, search: RouteSearch): SafeMatch | null {
  if (search.regex === regex) return search.found
  const found = regex.exec(search.request.path)
  if (found === null) return null
  search.regex = regex
  search.found = found
  return found
}

function holdsSni(snis: ReadonlySet<string>, sni: string | null): boolean {
  return sni !== null && snis.has(foldSni(sni))
}

/** Null when there is no service or it is not HTTP. */
export function baseOf(service: RouterService | null): string | null {
  if (service === null || !httpProtocols.has(service.protocol ?? 'http')) return null
  return service.path ?? '/'
}

function hostBonus(hosts: readonly HostRule[] | null): number {
  if (hosts === null) return 0
  const wildcards = hosts.filter((rule) => rule.kind !== 'plain')
  if (wildcards.length === 0) return bonus.plainHosts
  return wildcards.some((rule) => rule.hasPort) ? bonus.wildcardPort : 0
}

function toSet(
  values: readonly string[] | null | undefined,
  fold: (value: string) => string,
): ReadonlySet<string> | null {
  const folded = new Set((values ?? []).map(fold))
  return folded.size === 0 ? null : folded
}
