import { sanitisePostfix, escapePath } from './uri.ts'
import { findAddress } from './address-rule.ts'
import { findHeader } from './header-rule.ts'
import { holdsHost } from './host-rule.ts'
import type { RequestHost } from './host-rule.ts'
import type { RouteEntry } from './route-entry.ts'
import type { RouteMatch, RouteMatches, RouterRequest, UriCaptures } from './types.ts'
import type { RouterRoute, RouterService } from './types.ts'
import { toUpstreamPath } from './upstream-path.ts'
import type { SafeMatch } from '../safe-regex.ts'

const httpProtocols: ReadonlySet<string> = new Set(['http', 'https', 'grpc', 'grpcs', 'ws', 'wss'])

export interface MatchFacts {
  readonly request: RouterRequest
  readonly host: RequestHost | null
  readonly ignoresSni: boolean
}

/** Describes the entry that won: what matched, and what goes upstream. */
export function toRouteMatch<R extends RouterRoute, S extends RouterService>(
  entry: RouteEntry<R, S>,
  facts: MatchFacts,
): RouteMatch<R, S> {
  const { route, service } = entry
  const { request } = facts
  const found = entry.regex === null ? null : entry.regex.exec(request.path)
  const isHttp = service !== null && httpProtocols.has(service.protocol ?? 'http')
  const cut = entry.path === null ? null : (found?.captures[0]?.length ?? entry.path.length)
  const stripPath = route.strip_path === true
  return {
    route,
    service,
    prefix: isHttp && stripPath && cut !== null ? request.path.slice(0, cut) : null,
    matches: toMatches(entry, facts, found),
    upstreamPath: isHttp
      ? escapePath(
          toUpstreamPath({
            base: service.path ?? '/',
            path: request.path,
            postfix: cut === null ? null : sanitisePostfix(request.path.slice(cut)),
            stripPath,
            isV1: route.path_handling === 'v1',
          }),
        )
      : '',
    upstreamHost: isHttp && route.preserve_host === true ? (request.host ?? request.sni) : null,
  }
}

function toMatches(
  entry: RouteEntry<unknown, unknown>,
  facts: MatchFacts,
  found: SafeMatch | null,
): RouteMatches {
  const { request, host } = facts
  const source = entry.sources && findAddress(entry.sources, request.srcIp, request.srcPort)
  const { destinations } = entry
  const destination = destinations && findAddress(destinations, request.dstIp, request.dstPort)
  return {
    host: host === null ? null : spelledHost(entry, host),
    uri: entry.path,
    uriCaptures: found === null || found.captures.length < 2 ? null : toCaptures(found, request),
    method: entry.methods === null ? null : request.method,
    headers: entry.headers === null ? null : toHeaders(entry, request),
    sni: entry.snis === null || facts.ignoresSni ? null : request.sni,
    srcIp: source?.ip ?? null,
    srcPort: source?.port ?? null,
    dstIp: destination?.ip ?? null,
    dstPort: destination?.port ?? null,
  }
}

// A plain host goes before a wildcard, and one with the written port before one without.
function spelledHost(entry: RouteEntry<unknown, unknown>, host: RequestHost): string | null {
  if (entry.hosts === null) return null
  const holding = entry.hosts.filter((rule) => holdsHost(rule, host))
  const exact = holding.find((rule) => rule.kind === 'plain' && rule.key === host.written)
  const best = exact ?? holding.find((rule) => rule.kind === 'plain') ?? holding[0]
  return best?.spelled ?? null
}

function toCaptures(found: SafeMatch, request: RouterRequest): UriCaptures {
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
