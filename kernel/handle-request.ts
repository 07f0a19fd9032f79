import { getHeader } from '@sallyport/sdk'
import type { CompiledSnapshot } from './compiled-snapshot.ts'
import type { Route } from './config/entities.ts'
import { RequestContext } from './context.ts'
import type { Environment } from './environment.ts'
import { ERRORS } from './errors.ts'
import type { Exchange } from './exchange.ts'
import { forwardedScheme, hostnameOf } from './forwarded-headers.ts'
import { refusalByProtocol } from './protocol-rules.ts'
import type { MatchedRoute } from './matched-route.ts'
import { RegexInputError } from './safe-regex.ts'
import { proxy, type ProxyTools } from './proxy.ts'
import { toRouterRequest } from './router-request.ts'
import { normalisePath } from './router/uri.ts'
import { FilterFailure, runPhase } from './run-phase.ts'
import { sendAnswer } from './send-answer.ts'
import { Trace } from './trace.ts'
import type { Pending } from './waiting.ts'

const DEBUG_REQUEST_HEADER = 'sallyport-debug'

export interface RequestTools extends ProxyTools {
  readonly nextRequestId: () => string
  /** Told when a request is over, after `log`. */
  readonly onDone: (ctx: RequestContext) => void
  /** Last of all, whatever happened. */
  readonly onOver: () => void
}

/**
 * The life of a request, from the head that arrived to the last byte of the answer and `log`: each
 * stage in turn, at once as long as nothing has to be waited for. Every way through it ends in `log`.
 */
const STAGES: readonly Stage[] = [
  { when: 'unanswered', run: (ctx) => readTarget(ctx) },
  { when: 'unanswered', run: (ctx, { environment }) => runPhase(ctx, 'rewrite', environment) },
  { when: 'unanswered', run: (ctx, { environment }) => findRoute(ctx, environment) },
  { when: 'unanswered', run: (ctx, { environment }) => runPhase(ctx, 'access', environment) },
  { when: 'unanswered', run: proxyUnlessGone },
  { when: 'answered', run: sendUnlessGone },
]

interface Stage {
  /** Whether the request must have been answered, by an upstream, a plugin or the kernel. */
  readonly when: 'unanswered' | 'answered'
  readonly run: (ctx: RequestContext, tools: RequestTools) => void | Pending
}

/** Never throws; what it waits for ends in `tools.onOver`. */
export function handleRequest(
  exchange: Exchange,
  snapshot: CompiledSnapshot,
  tools: RequestTools,
): void {
  snapshot.enter()
  const ctx = new RequestContext(exchange, snapshot, tools.nextRequestId())
  if (wantsTrace(ctx, tools.environment)) ctx.trace = new Trace()
  live(ctx, tools, 0)
}

/** Goes on from this stage. */
function live(ctx: RequestContext, tools: RequestTools, from: number): void {
  try {
    for (let stage = from; stage < STAGES.length; stage++) {
      const { when, run } = STAGES[stage]!
      if ((ctx.answer === null) !== (when === 'unanswered')) continue
      const pending = run(ctx, tools)
      if (pending === undefined) continue
      pending.then(
        () => live(ctx, tools, stage + 1),
        (error: unknown) => {
          failUnexpectedly(ctx, error, tools.environment)
          log(ctx, tools)
        },
      )
      return
    }
  } catch (error) {
    failUnexpectedly(ctx, error, tools.environment)
  }
  log(ctx, tools)
}

function proxyUnlessGone(ctx: RequestContext, tools: RequestTools): void | Pending {
  if (!ctx.exchange.cancelled) return proxy(ctx, tools)
}

function sendUnlessGone(ctx: RequestContext, tools: RequestTools): void | Pending {
  if (!ctx.exchange.cancelled) return sendAnswer(ctx, tools)
}

/** The last stage: nothing that goes wrong in it is anybody's concern but the operator's. */
function log(ctx: RequestContext, tools: RequestTools): void {
  const { environment, onDone } = tools
  const failed = (error: unknown) => {
    environment.log.error({ err: error, request_id: ctx.id }, 'the log of a request failed')
  }
  const over = () => {
    ctx.snapshot.leave()
    tools.onOver()
  }
  try {
    const logged = runPhase(ctx, 'log', environment)
    if (logged !== undefined) {
      void logged
        .then(() => onDone(ctx))
        .catch(failed)
        .finally(over)
      return
    }
    onDone(ctx)
  } catch (error) {
    failed(error)
  }
  over()
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
  const match = matchRoute(ctx)
  if (match === undefined) return
  if (match === null) return ctx.fail('NO_ROUTE', `no route for ${exchange.method} ${ctx.path}`)
  ctx.matched = match
  const { route, service } = match
  if (!route.protocols.includes('http') && !passesProtocols(ctx, route, environment)) return
  ctx.chain = snapshot.chains.chainFor({
    routeId: route.id,
    serviceId: service?.id ?? null,
    consumerId: null,
    groupIds: [],
  })
}

/** Undefined: it was answered, for it has something that is too long for a route to be matched by. */
function matchRoute(ctx: RequestContext): MatchedRoute | null | undefined {
  try {
    return ctx.snapshot.router.match(toRouterRequest(ctx))
  } catch (error) {
    if (!(error instanceof RegexInputError)) throw error
    // Not "no match": a route further down must not be reached by being too long for this one.
    ctx.fail('BAD_PATH', error.message)
    return undefined
  }
}

/** Also over a connection that is not, when a trusted proxy before us says that it ended TLS. */
function isSecure(exchange: Exchange, { isTrustedAddress }: Environment): boolean {
  return forwardedScheme(exchange, isTrustedAddress).toLowerCase() === 'https'
}

/** Whether the request goes by the route's protocols; else it is answered. */
function passesProtocols(ctx: RequestContext, route: Route, environment: Environment): boolean {
  const { exchange } = ctx
  const refusal = refusalByProtocol(route, {
    isSecure: isSecure(exchange, environment),
    isHttp2: exchange.httpVersion === '2',
    contentType: getHeader(exchange.headers, 'content-type'),
  })
  if (refusal === null) return true
  ctx.fail(refusal, `the route is for ${route.protocols.join(' and ')} only`)
  if (refusal === 'HTTPS_ONLY') redirectToHttps(ctx, route.https_redirect_status_code)
  if (refusal === 'GRPCS_ONLY') answerAsGrpc(ctx, ERRORS[refusal].message)
  return false
}

/** Instead of 426, when the route names a redirect. */
function redirectToHttps(ctx: RequestContext, status: number): void {
  if (status === 426) return
  const location = `https://${hostnameOf(ctx.exchange.authority)}${ctx.rawPath}${ctx.query}`
  ctx.setAnswer({ source: 'error', status, headers: ['Location', location], body: null })
}

/** A gRPC client looks for the outcome in headers: 1 is `CANCELLED`. */
function answerAsGrpc(ctx: RequestContext, message: string): void {
  const headers = ['Content-Type', 'application/grpc', 'grpc-status', '1', 'grpc-message', message]
  ctx.setAnswer({ source: 'error', status: 200, headers, body: null })
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
