import { setHeader } from '@sallyport/sdk'
import type { ServiceUpstream } from './balancer/upstreams.ts'
import type { Service } from './config/entities.ts'
import type { RequestContext } from './context.ts'
import type { UpstreamRequest } from './exchange.ts'
import { toUpstreamHeaders } from './forwarded-headers.ts'
import type { MatchedRoute } from './matched-route.ts'

/** What a try is made of besides the request. */
export interface TryFacts {
  readonly service: Service
  readonly upstream: ServiceUpstream
  readonly isTrusted: (address: string) => boolean
  /** The header that tells the upstream our id of the request. */
  readonly requestIdName: string
}

/** The request as it is sent to the target that was picked. */
export function toUpstreamRequest(
  ctx: RequestContext,
  matched: MatchedRoute,
  { service, upstream, isTrusted, requestIdName }: TryFacts,
): UpstreamRequest {
  const { exchange } = ctx
  const { hostname, port } = ctx.target!
  const path = ctx.rawPath + ctx.query
  const facts = { exchange, isTrusted, path, prefix: matched.prefix }
  const headers = toUpstreamHeaders(ctx.serviceHeaders, facts)
  // A body filter works on the plain bytes; nobody here would unpack them for it.
  if (ctx.chain.filtersBody) setHeader(headers, 'Accept-Encoding', 'identity')
  // Set, not added: a client cannot make up the id under which it is found in logs.
  setHeader(headers, requestIdName, ctx.id)
  const host = ctx.serviceHost ?? upstreamHost(matched, upstream, { service, hostname, port })
  headers.push('Host', host)
  const isTls = service.protocol === 'https'
  return {
    target: {
      scheme: isTls ? 'https' : 'http',
      hostname,
      port,
      tlsName: isTls ? hostname : null,
    },
    method: exchange.method,
    path: matched.upstreamPath + (ctx.serviceQuery ?? ctx.query),
    headers,
    body: exchange.body,
    upgrade: toOfferedUpgrade(exchange.upgrade),
    timeouts: {
      connectMs: service.connect_timeout,
      writeMs: service.write_timeout,
      readMs: service.read_timeout,
    },
  }
}

/** The client's own Host when the route preserves it, else the upstream's, else the target's. */
function upstreamHost(
  matched: Pick<MatchedRoute, 'upstreamHost'>,
  upstream: Pick<ServiceUpstream, 'hostHeader'>,
  target: { service: Pick<Service, 'protocol'>; hostname: string; port: number },
): string {
  if (matched.upstreamHost !== null) return matched.upstreamHost
  if (upstream.hostHeader !== null) return upstream.hostHeader
  const hostname = target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname
  const usualPort = target.service.protocol === 'https' ? 443 : 80
  return target.port === usualPort ? hostname : `${hostname}:${target.port}`
}

/**
 * Only WebSocket: whoever can talk the upstream into another protocol (h2c above all) has a tunnel in
 * which requests pass that no plugin sees.
 */
function toOfferedUpgrade(upgrade: string | null): string | null {
  return upgrade !== null && upgrade.toLowerCase() === 'websocket' ? 'websocket' : null
}
