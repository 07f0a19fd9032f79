import { getHeader, setHeader } from '@sallyport/sdk'
import type { TargetAddress } from './balancer/balancer.ts'
import type { ServiceUpstream } from './balancer/upstreams.ts'
import type { Service } from './config/entities.ts'
import type { RequestContext } from './context.ts'
import { type ErrorCode, UPSTREAM_FAILURES } from './errors.ts'
import { UpstreamFailure, type UpstreamRequest, type UpstreamSender } from './exchange.ts'
import {
  toClientHeaders,
  toForwardedRequestHeaders,
  toUpstreamHeaders,
} from './forwarded-headers.ts'
import type { HeaderNames } from './header-names.ts'
import type { Environment } from './environment.ts'
import type { MatchedRoute } from './matched-route.ts'
import { runPhase } from './run-phase.ts'

/** Methods that may be sent a second time although the first may have arrived (RFC 9110, 9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export interface ProxyTools {
  readonly environment: Environment
  readonly sender: UpstreamSender
  readonly headerNames: HeaderNames
}

/**
 * Sends the request upstream and sets the answer's head; its body has not begun to flow. Tries again
 * at another target where that is safe: `service.retries` more times. Every way out sets an answer,
 * unless the client has gone.
 */
export async function proxy(ctx: RequestContext, tools: ProxyTools): Promise<void> {
  const { matched } = ctx
  const service = matched?.service ?? null
  if (matched === null || service === null)
    return ctx.fail('NO_SERVICE', 'the route has no service')
  if (!service.enabled) return ctx.fail('SERVICE_DISABLED', `service ${service.id} is disabled`)

  const upstream = ctx.snapshot.upstreams.of(service)
  const tried: TargetAddress[] = []
  const asAccessLeftIt = {
    headers: ctx.serviceHeaders,
    host: ctx.serviceHost,
    operations: ctx.pendingOperations.length,
    status: ctx.pendingStatus,
  }
  let last: { code: ErrorCode; detail: string } | null = null
  for (let tryNumber = 1; tryNumber <= service.retries + 1; tryNumber++) {
    const address = upstream.balancer.pick(tried)
    if (address === null) break
    tried.push(address)
    ctx.target = { hostname: address.hostname, port: address.port, tryNumber }
    ctx.serviceHeaders = asAccessLeftIt.headers?.slice() ?? null
    ctx.serviceHost = asAccessLeftIt.host
    ctx.pendingOperations.length = asAccessLeftIt.operations
    ctx.pendingStatus = asAccessLeftIt.status
    const filtered = runPhase(ctx, 'beforeProxy', tools.environment)
    if (filtered !== undefined) await filtered
    if (ctx.answer !== null || ctx.exchange.cancelled) return

    const failure = await sendOnce(
      ctx,
      toUpstreamRequest(ctx, matched, { service, upstream, tools }),
      tools,
    )
    if (failure === null || ctx.exchange.cancelled) return
    const { code, retry } = UPSTREAM_FAILURES[failure.kind]
    last = { code, detail: `${address.hostname}:${address.port}: ${failure.message}` }
    if (!retry || !mayTryAgain(ctx, failure)) break
  }
  if (last === null) ctx.fail('NO_TARGET', `no target of ${service.host} is left`)
  else ctx.fail(last.code, last.detail)
}

/** Null when there is an answer; the failure otherwise. */
async function sendOnce(
  ctx: RequestContext,
  request: UpstreamRequest,
  { sender, environment }: ProxyTools,
): Promise<UpstreamFailure | null> {
  const target = ctx.target!
  const startedAtMs = performance.now()
  const attempt = { target, startedAtMs, endedAtMs: startedAtMs, failure: null as string | null }
  ctx.tries.push(attempt)
  ctx.trace?.onTryStart(target)
  try {
    ctx.sending = sender.send(request)
    const { status, headers, body, tunnel } = await ctx.sending.answer
    ctx.serviceStatus = status
    ctx.serviceHeadersReceived = headers
    // Without a body the length tells how long it would be; with one it is written anew.
    const keepsLength = ctx.exchange.method === 'HEAD' || status === 304
    const forClient = toClientHeaders(headers, keepsLength)
    if (tunnel !== null) {
      const protocol = getHeader(headers, 'upgrade')
      if (protocol !== null) forClient.push('Upgrade', protocol)
      ctx.upstreamTunnel = tunnel
    }
    const bodyOrNone = tunnel === null ? body : null
    ctx.setAnswer({ source: 'service', status, headers: forClient, body: bodyOrNone })
    return null
  } catch (error) {
    if (error instanceof UpstreamFailure) {
      attempt.failure = `${error.kind}: ${error.message}`
      return error
    }
    // No target would do better: the request itself cannot be sent, which is our fault.
    attempt.failure = error instanceof Error ? error.message : String(error)
    environment.log.error({ err: error, request_id: ctx.id }, 'a request cannot be sent upstream')
    ctx.fail('INTERNAL', attempt.failure)
    return null
  } finally {
    attempt.endedAtMs = ctx.upstreamHeadAtMs = performance.now()
    ctx.trace?.onTryEnd(target, attempt.failure)
  }
}

/** Only what the upstream cannot have acted on, or may act on twice, is sent a second time. */
function mayTryAgain(ctx: RequestContext, failure: UpstreamFailure): boolean {
  if (ctx.exchange.body?.started === true) return false
  return !failure.sent || IDEMPOTENT.has(ctx.exchange.method)
}

function toUpstreamRequest(
  ctx: RequestContext,
  matched: MatchedRoute,
  use: { service: Service; upstream: ServiceUpstream; tools: ProxyTools },
): UpstreamRequest {
  const { service, upstream, tools } = use
  const { exchange } = ctx
  const target = ctx.target!
  const headers = toUpstreamHeaders(
    ctx.serviceHeaders ?? toForwardedRequestHeaders(exchange.headers),
    {
      exchange,
      isTrusted: tools.environment.isTrustedAddress,
      path: ctx.rawPath + ctx.query,
      prefix: matched.prefix,
    },
  )
  // A body filter works on the plain bytes; nobody here would unpack them for it.
  if (ctx.chain.filtersBody) setHeader(headers, 'Accept-Encoding', 'identity')
  // Set, not added: a client cannot make up the id under which it is found in logs.
  setHeader(headers, tools.headerNames.requestId, ctx.id)
  headers.push('Host', ctx.serviceHost ?? upstreamHost(matched, upstream, use.service, target))
  const scheme = service.protocol === 'https' ? 'https' : 'http'
  return {
    target: {
      scheme,
      hostname: target.hostname,
      port: target.port,
      tlsName: scheme === 'https' ? target.hostname : null,
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
    onInformation: (status, list) => exchange.sendInformation(status, toClientHeaders(list)),
  }
}

/**
 * Only WebSocket: whoever can talk the upstream into another protocol (h2c above all) has a tunnel in
 * which requests pass that no plugin sees.
 */
function toOfferedUpgrade(upgrade: string | null): string | null {
  return upgrade !== null && upgrade.toLowerCase() === 'websocket' ? 'websocket' : null
}

/** The client's own Host when the route preserves it, else the upstream's, else the target's. */
function upstreamHost(
  matched: MatchedRoute,
  upstream: ServiceUpstream,
  service: Service,
  target: { hostname: string; port: number },
): string {
  if (matched.upstreamHost !== null) return matched.upstreamHost
  if (upstream.hostHeader !== null) return upstream.hostHeader
  const hostname = target.hostname.includes(':') ? `[${target.hostname}]` : target.hostname
  const usualPort = service.protocol === 'https' ? 443 : 80
  return target.port === usualPort ? hostname : `${hostname}:${target.port}`
}
