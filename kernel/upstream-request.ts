import { setHeader } from '@sallyport/sdk'
import type { ServiceUpstream } from './balancer/upstreams.ts'
import type { Service } from './config/entities.ts'
import type { RequestContext } from './context.ts'
import type { BodySource, UpstreamRequest } from './exchange.ts'
import { toUpstreamHeaders } from './forwarded-headers.ts'
import type { MatchedRoute } from './matched-route.ts'
import { BytesBody } from './request-body.ts'

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
  const { exchange, changes } = ctx
  const { hostname, port } = ctx.target!
  const facts = { exchange, isTrusted, path: ctx.rawPath + ctx.query, prefix: matched.prefix }
  const headers = toUpstreamHeaders(changes === null ? null : changes.headers, facts)
  // A body filter works on the plain bytes; nobody here would unpack them for it.
  if (ctx.chain.filtersBody) setHeader(headers, 'Accept-Encoding', 'identity')
  // Set, not added: a client cannot make up the id under which it is found in logs.
  setHeader(headers, requestIdName, ctx.id)
  const isTls = (changes?.scheme ?? service.protocol) === 'https'
  const host = changes?.host ?? hostToSend(matched, upstream, { isTls, hostname, port })
  headers.push('Host', host)
  const path = changes?.path ?? matched.upstreamPath
  return {
    target: {
      scheme: isTls ? 'https' : 'http',
      hostname,
      port,
      tlsName: isTls ? hostname : null,
    },
    method: changes?.method ?? exchange.method,
    path: path + (changes?.query ?? ctx.query),
    headers,
    body: bodyToSend(ctx),
    upgrade: toOfferedUpgrade(exchange.upgrade),
    timeouts: changes?.timeouts ?? {
      connectMs: service.connect_timeout,
      writeMs: service.write_timeout,
      readMs: service.read_timeout,
    },
  }
}

/** What a plugin made of the body, what one has read of it, or the body as it comes. */
function bodyToSend({ changes, exchange, readableBody }: RequestContext): BodySource | null {
  if (changes !== null && changes.body !== null) return new BytesBody(changes.body)
  return readableBody === null ? exchange.body : readableBody.toSource()
}

/** The client's own Host when the route preserves it, else the upstream's, else the target's. */
export function hostToSend(
  matched: Pick<MatchedRoute, 'upstreamHost'>,
  upstream: Pick<ServiceUpstream, 'hostHeader'>,
  target: { isTls: boolean; hostname: string; port: number },
): string {
  if (matched.upstreamHost !== null) return matched.upstreamHost
  if (upstream.hostHeader !== null) return upstream.hostHeader
  const hostname = target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname
  const usualPort = target.isTls ? 443 : 80
  return target.port === usualPort ? hostname : `${hostname}:${target.port}`
}

/**
 * Only WebSocket: whoever can talk the upstream into another protocol (h2c above all) has a tunnel in
 * which requests pass that no plugin sees.
 */
function toOfferedUpgrade(upgrade: string | null): string | null {
  return upgrade !== null && upgrade.toLowerCase() === 'websocket' ? 'websocket' : null
}
