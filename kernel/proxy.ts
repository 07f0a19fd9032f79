import { nowMs } from './clock.ts'
import { getHeader } from '@sallyport/sdk'
import type { TargetAddress } from './balancer/balancer.ts'
import type { ServiceUpstream } from './balancer/upstreams.ts'
import type { Service } from './config/entities.ts'
import type { RequestContext, Try } from './context.ts'
import { type ErrorCode, UPSTREAM_FAILURES } from './errors.ts'
import {
  type AnswerReceiver,
  type BodySource,
  type UpstreamAnswer,
  UpstreamFailure,
  type UpstreamSender,
} from './exchange.ts'
import { toClientHeaders } from './forwarded-headers.ts'
import type { HeaderNames } from './header-names.ts'
import { IDEMPOTENT_METHODS } from './idempotent-methods.ts'
import type { Environment } from './environment.ts'
import type { MatchedRoute } from './matched-route.ts'
import { BytesBody } from './request-body.ts'
import { runPhase } from './run-phase.ts'
import type { ServiceChanges } from './service-changes.ts'
import { toUpstreamRequest } from './upstream-request.ts'
import { Waiting } from './waiting.ts'

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
export function proxy(ctx: RequestContext, tools: ProxyTools): void | Waiting {
  const { matched } = ctx
  const service = matched?.service ?? null
  if (matched === null || service === null) {
    return ctx.fail('NO_SERVICE', 'the route has no service')
  }
  if (!service.enabled) return ctx.fail('SERVICE_DISABLED', `service ${service.id} is disabled`)
  const proxying = new Proxying(ctx, tools, matched, service)
  proxying.tryNext()
  return proxying
}

/** The tries of one request, and what is to be waited for. */
class Proxying extends Waiting implements AnswerReceiver {
  readonly #ctx: RequestContext
  readonly #tools: ProxyTools
  readonly #matched: MatchedRoute
  readonly #service: Service
  readonly #upstream: ServiceUpstream
  readonly #retries: number
  readonly #tried: TargetAddress[] = []
  /** As `access` left the request: what each try begins with. */
  readonly #changes: ServiceChanges | null
  readonly #operations: number
  readonly #status: number | null
  #attempt: Try | null = null
  #body: BodySource | null = null

  constructor(ctx: RequestContext, tools: ProxyTools, matched: MatchedRoute, service: Service) {
    super()
    this.#ctx = ctx
    this.#tools = tools
    this.#matched = matched
    this.#service = service
    const { changes } = ctx
    const named = changes?.upstream ?? null
    this.#upstream = ctx.snapshot.upstreams.of(
      named === null ? service : { ...service, host: named },
    )
    this.#retries = changes?.retries ?? service.retries
    this.#changes = changes
    this.#operations = ctx.pendingOperations.length
    this.#status = ctx.pendingStatus
  }

  /** At the next target, as long as there is one. */
  tryNext(last: { code: ErrorCode; detail: string } | null = null): void {
    try {
      const ctx = this.#ctx
      const address = this.#pick()
      if (address === null) {
        if (last === null) ctx.fail('NO_TARGET', `no target of ${this.#service.host} is left`)
        else ctx.fail(last.code, last.detail)
        this.settle()
        return
      }
      this.#tried.push(address)
      const { hostname, port } = address
      ctx.target = { hostname, port, tryNumber: this.#tried.length }
      ctx.changes = this.#changes === null ? null : this.#changes.copy()
      ctx.pendingOperations.length = this.#operations
      ctx.pendingStatus = this.#status
      const filtered = runPhase(ctx, 'beforeProxy', this.#tools.environment)
      if (filtered === undefined) this.#send()
      else filtered.then(() => this.#send()).catch((error: unknown) => this.fail(error))
    } catch (error) {
      this.fail(error)
    }
  }

  /** A target that a plugin chose is the only one. */
  #pick(): TargetAddress | null {
    if (this.#tried.length > this.#retries) return null
    const chosen = this.#changes?.target ?? null
    if (chosen === null) return this.#upstream.balancer.pick(this.#tried)
    return this.#tried.length === 0 ? { ...chosen, weight: 1 } : null
  }

  onInformation(status: number, headers: readonly string[]): void {
    this.#ctx.exchange.sendInformation(status, toClientHeaders(headers))
  }

  onAnswer({ status, headers, body, tunnel }: UpstreamAnswer): void {
    try {
      const ctx = this.#ctx
      this.#endTry(null)
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
    } catch (error) {
      this.fail(error)
      return
    }
    this.settle()
  }

  onFailure(error: Error): void {
    const ctx = this.#ctx
    if (!(error instanceof UpstreamFailure)) {
      // No target would do better: the request itself cannot be sent, which is our fault.
      this.#endTry(error.message)
      const { log } = this.#tools.environment
      log.error({ err: error, request_id: ctx.id }, 'a request cannot be sent upstream')
      ctx.fail('INTERNAL', error.message)
      this.settle()
      return
    }
    this.#endTry(`${error.kind}: ${error.message}`)
    if (ctx.exchange.cancelled) {
      this.settle()
      return
    }
    const { code, retry } = UPSTREAM_FAILURES[error.kind]
    const { hostname, port } = ctx.target!
    const detail = `${hostname}:${port}: ${error.message}`
    if (retry && this.#mayTryAgain(error)) this.tryNext({ code, detail })
    else {
      ctx.fail(code, detail)
      this.settle()
    }
  }

  #send(): void {
    const ctx = this.#ctx
    if (ctx.answer !== null || ctx.exchange.cancelled) {
      this.settle()
      return
    }
    const chosen = ctx.changes?.target ?? null
    if (chosen !== null) ctx.target = { ...chosen, tryNumber: this.#tried.length }
    const { sender, environment, headerNames } = this.#tools
    const request = toUpstreamRequest(ctx, this.#matched, {
      service: this.#service,
      upstream: this.#upstream,
      isTrusted: environment.isTrustedAddress,
      requestIdName: headerNames.requestId,
    })
    const startedAtMs = nowMs()
    const target = ctx.target!
    this.#attempt = { target, startedAtMs, endedAtMs: startedAtMs, failure: null }
    this.#body = request.body
    ctx.tries.push(this.#attempt)
    ctx.trace?.onTryStart(target)
    ctx.sending = sender.send(request, this)
  }

  #endTry(failure: string | null): void {
    const attempt = this.#attempt!
    attempt.failure = failure
    attempt.endedAtMs = this.#ctx.upstreamHeadAtMs = nowMs()
    this.#ctx.trace?.onTryEnd(attempt.target, failure)
  }

  /** Only what the upstream cannot have acted on, or may act on twice, is sent a second time. */
  #mayTryAgain(failure: UpstreamFailure): boolean {
    const body = this.#body
    if (body !== null && body.started && !(body instanceof BytesBody)) return false
    const { changes, exchange } = this.#ctx
    return !failure.sent || IDEMPOTENT_METHODS.has(changes?.method ?? exchange.method)
  }
}
