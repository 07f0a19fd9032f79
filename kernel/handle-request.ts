import { getHeader } from '@sallyport/sdk'
import type { CompiledSnapshot } from './compiled-snapshot.ts'
import { RequestContext } from './context.ts'
import type { Environment } from './environment.ts'
import type { Exchange } from './exchange.ts'
import { forwardedScheme, hostnameOf } from './forwarded-headers.ts'
import { proxy, type ProxyTools } from './proxy.ts'
import { normalisePath } from './router/uri.ts'
import { FilterFailure, runPhase } from './run-phase.ts'
import { sendAnswer } from './send-answer.ts'
import { Trace } from './trace.ts'

const DEBUG_REQUEST_HEADER = 'sallyport-debug'

export interface RequestTools extends ProxyTools {
  readonly nextRequestId: () => string
  /** Told when a request is over, after `log`. */
  readonly onDone: (ctx: RequestContext) => void
  /** Last of all, whatever happened. */
  readonly onOver: () => void
}

/**
 * The life of a request, from the head that arrived to the last byte of the answer and `log`. Every
 * way through it ends in `log`; it never rejects.
 */
export async function handleRequest(
  exchange: Exchange,
  snapshot: CompiledSnapshot,
  tools: RequestTools,
): Promise<void> {
  snapshot.enter()
  const ctx = new RequestContext(exchange, snapshot, tools.nextRequestId())
  const { environment } = tools
  try {
    if (wantsTrace(ctx, environment)) ctx.trace = new Trace()
    readTarget(ctx)
    if (ctx.answer === null) {
      const rewritten = runPhase(ctx, 'rewrite', environment)
      if (rewritten !== undefined) await rewritten
    }
    if (ctx.answer === null) findRoute(ctx, environment)
    if (ctx.answer === null) {
      const accessed = runPhase(ctx, 'access', environment)
      if (accessed !== undefined) await accessed
    }
    if (ctx.answer === null && !exchange.cancelled) await proxy(ctx, tools)
    if (!exchange.cancelled) {
      const sent = sendAnswer(ctx, tools)
      if (sent !== undefined) await sent
    }
  } catch (error) {
    failUnexpectedly(ctx, error, environment)
  }
  try {
    const logged = runPhase(ctx, 'log', environment)
    if (logged !== undefined) await logged
    tools.onDone(ctx)
  } catch (error) {
    environment.log.error({ err: error, request_id: ctx.id }, 'the log of a request failed')
  } finally {
    snapshot.leave()
    tools.onOver()
  }
}

function wantsTrace(ctx: RequestContext, environment: Environment): boolean {
  return (
    environment.allowDebugHeader && getHeader(ctx.exchange.headers, DEBUG_REQUEST_HEADER) === '1'
  )
}

function readTarget(ctx: RequestContext): void {
  const { target } = ctx.exchange
  const mark = target.indexOf('?')
  ctx.rawPath = mark === -1 ? target : target.slice(0, mark)
  ctx.query = mark === -1 ? '' : target.slice(mark)
  ctx.path = normalisePath(ctx.rawPath)
}

/** Sets the route and the chain for it, or the answer when there is no way on. */
function findRoute(ctx: RequestContext, environment: Environment): void {
  const { exchange, snapshot } = ctx
  const { connection } = exchange
  const match = snapshot.router.match({
    method: exchange.method,
    path: ctx.path,
    query: ctx.query,
    host: exchange.authority,
    scheme: connection.scheme,
    headers: exchange.headers,
    sni: connection.sni,
    srcIp: connection.clientAddress,
    srcPort: connection.clientPort,
    dstIp: connection.localAddress,
    dstPort: connection.localPort,
  })
  if (match === null) return ctx.fail('NO_ROUTE', `no route for ${exchange.method} ${ctx.path}`)
  ctx.matched = match
  const { route, service } = match
  if (!route.protocols.includes('http') && !isSecure(exchange, environment)) return refuseHttp(ctx)
  ctx.chain = snapshot.chains.chainFor({
    routeId: route.id,
    serviceId: service?.id ?? null,
    consumerId: null,
    groupIds: [],
  })
}

/** Also over a connection that is not, when a trusted proxy before us says that it ended TLS. */
function isSecure(exchange: Exchange, { isTrustedAddress }: Environment): boolean {
  return forwardedScheme(exchange, isTrustedAddress).toLowerCase() === 'https'
}

/** A plain request on a route that is only for https: 426, or the redirect that the route names. */
function refuseHttp(ctx: RequestContext): void {
  const status = ctx.matched!.route.https_redirect_status_code
  ctx.fail('HTTPS_ONLY', 'the route is for https only')
  if (status === 426) return
  const location = `https://${hostnameOf(ctx.exchange.authority)}${ctx.rawPath}${ctx.query}`
  ctx.setAnswer({ source: 'error', status, headers: ['Location', location], body: null })
}

/**
 * A body filter failed, or the kernel itself: cut the answer when it has begun, so that the client
 * can tell; else answer with an error.
 */
function failUnexpectedly(ctx: RequestContext, error: unknown, environment: Environment): void {
  const { exchange } = ctx
  ctx.errorDetail = error instanceof Error ? error.message : String(error)
  if (!(error instanceof FilterFailure)) {
    environment.log.error({ err: error, request_id: ctx.id }, 'a request failed unexpectedly')
  }
  ctx.discardBody('plugin')
  ctx.sending?.cancel('plugin')
  if (exchange.cancelled) return
  if (exchange.headSent) {
    exchange.abort('plugin')
    return
  }
  // What plugins asked for may be what could not be sent.
  ctx.pendingOperations.length = 0
  ctx.fail('INTERNAL', ctx.errorDetail)
  const { status, headers, body } = ctx.answer!
  const bytes = body instanceof Uint8Array ? body : new Uint8Array()
  try {
    exchange.sendHead({ status, headers, bodyLength: bytes.byteLength })
    exchange.end(bytes)
  } catch (second) {
    environment.log.error({ err: second, request_id: ctx.id }, 'an error could not be sent')
    exchange.abort('plugin')
  }
}
