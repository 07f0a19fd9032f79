import { sanitisePostfix, escapePath } from './uri.ts'
import { findAddress } from './address-rule.ts'
import { findHeader } from './header-rule.ts'
import { holdsHost } from './host-rule.ts'
import type { HostRule, RequestHost } from './host-rule.ts'
import { execPath } from './route-entry.ts'
import type { RouteEntry, RouteSearch } from './route-entry.ts'
import type { RouteMatch, RouteMatches, RouterRequest, UriCaptures } from './types.ts'
import type { RouterRoute, RouterService } from './types.ts'
import { toUpstreamPath } from './upstream-path.ts'
import type { SafeMatch } from '../safe-regex.ts'

/** Describes the entry that won: what matched, and what goes upstream. */
export function toRouteMatch<R extends RouterRoute, S extends RouterService>(
  entry: RouteEntry<R, S>,
  search: RouteSearch,
): RouteMatch<R, S> {
  const { path } = search.request
  const found = entry.regex === null ? null : execPath(entry.regex, search)
  const cut = entry.path === null ? null : (found?.captures[0]?.length ?? entry.path.length)
  const isStripped = entry.base !== null && entry.stripPath && cut !== null
  return new FoundRoute(entry, search, {
    found,
    prefix: isStripped ? path.slice(0, cut) : null,
    upstreamPath: entry.base === null ? '' : toEscapedPath(entry, entry.base, { path, cut }),
    upstreamHost: entry.base !== null && entry.preserveHost ? hostToPreserve(search) : null,
  })
}

interface FoundParts {
  readonly found: SafeMatch | null
  readonly prefix: string | null
  readonly upstreamPath: string
  readonly upstreamHost: string | null
}

/** What was found. By what it matched is only made out when somebody asks. */
class FoundRoute<R, S> implements RouteMatch<R, S> {
  readonly route: R
  readonly service: S | null
  readonly prefix: string | null
  readonly upstreamPath: string
  readonly upstreamHost: string | null
  #open: { entry: RouteEntry<R, S>; search: RouteSearch; found: SafeMatch | null } | null
  #matches: RouteMatches | null = null

  constructor(entry: RouteEntry<R, S>, search: RouteSearch, parts: FoundParts) {
    this.route = entry.route
    this.service = entry.service
    this.prefix = parts.prefix
    this.upstreamPath = parts.upstreamPath
    this.upstreamHost = parts.upstreamHost
    this.#open = { entry, search, found: parts.found }
  }

  get matches(): RouteMatches {
    if (this.#open !== null) {
      const { entry, search, found } = this.#open
      this.#matches = toMatches(entry, search, found)
      // Who remembers the answer does not keep the request.
      this.#open = null
    }
    return this.#matches!
  }
}

export function toEscapedPath(
  entry: Pick<RouteEntry<unknown, unknown>, 'stripPath' | 'isV1'>,
  base: string,
  { path, cut }: { path: string; cut: number | null },
): string {
  const { stripPath, isV1 } = entry
  const postfix = cut === null ? null : sanitisePostfix(path.slice(cut))
  return escapePath(toUpstreamPath({ base, path, postfix, stripPath, isV1 }))
}

export function hostToPreserve({ request }: Pick<RouteSearch, 'request'>): string | null {
  return request.host ?? request.sni
}

function toMatches(
  entry: RouteEntry<unknown, unknown>,
  search: RouteSearch,
  found: SafeMatch | null,
): RouteMatches {
  const { request, host } = search
  const source = entry.sources && findAddress(entry.sources, request.srcIp, request.srcPort)
  const { destinations } = entry
  const destination = destinations && findAddress(destinations, request.dstIp, request.dstPort)
  return {
    host: host === null ? null : spelledHost(entry, host),
    uri: entry.path,
    uriCaptures: found === null || found.captures.length < 2 ? null : toCaptures(found, request),
    method: entry.methods === null ? null : request.method,
    headers: entry.headers === null ? null : toHeaders(entry, request),
    sni: entry.snis === null || search.ignoresSni ? null : request.sni,
    srcIp: source?.ip ?? null,
    srcPort: source?.port ?? null,
    dstIp: destination?.ip ?? null,
    dstPort: destination?.port ?? null,
  }
}

// A plain host goes before a wildcard, and one with the written port before one without.
function spelledHost(entry: RouteEntry<unknown, unknown>, host: RequestHost): string | null {
  if (entry.hosts === null) return null
  let best: HostRule | null = null
  for (const rule of entry.hosts) {
    if (rule.kind === 'plain' && rule.key === host.written) return rule.spelled
    const isBetter = best === null || (best.kind !== 'plain' && rule.kind === 'plain')
    if (isBetter && holdsHost(rule, host)) best = rule
  }
  return best?.spelled ?? null
}

export function toCaptures(found: SafeMatch, request: RouterRequest): UriCaptures {
  const positional = Array.from(found.captures, (capture) => capture ?? null)
  positional[0] = request.path
  const named: Record<string, string | null> = Object.create(null)
  for (const [name, capture] of Object.entries(found.groups ?? {})) named[name] = capture ?? null
  return { positional, named }
}

function toHeaders(
  entry: RouteEntry<unknown, unknown>,
  request: RouterRequest,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = Object.create(null)
  for (const rule of entry.headers ?? []) {
    headers[rule.name] = findHeader(request.headers, rule) ?? ''
  }
  return headers
}
