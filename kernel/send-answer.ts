import { nowMs } from './clock.ts'
import { findHeader, removeHeader, setHeader } from '@sallyport/sdk'
import { type Answer, answerLength } from './answer.ts'
import { AnswerStream, collectBody, CollectFailure } from './answer-stream.ts'
import type { RequestContext } from './context.ts'
import { type ErrorCode, UPSTREAM_FAILURES } from './errors.ts'
import { UpstreamFailure } from './exchange.ts'
import { addVia } from './forwarded-headers.ts'
import type { ProxyTools } from './proxy.ts'
import { runPhase } from './run-phase.ts'
import { runTunnel } from './tunnel.ts'
import type { Pending } from './waiting.ts'

/** Statuses that never have a body (RFC 9110, 6.4.1). */
const BODILESS = new Set([204, 205, 304])
/** Declaring `response` buffers the answer; a larger one is refused rather than cut. */
const BUFFERED_ANSWER_BYTES_MAX = 8 * 1024 * 1024
const DEBUG_HEADER = 'X-Sallyport-Trace'

/**
 * Sends the answer: `response` on the whole of it, or `headerFilter` on its head and `bodyFilter` on
 * each chunk. Over when the last byte was handed over, or the client has gone: at once when nothing
 * had to be waited for. Throws or rejects with `FilterFailure` when a body filter failed, after which
 * the answer must be aborted.
 */
export function sendAnswer(ctx: RequestContext, tools: ProxyTools): void | Pending {
  const buffers = ctx.chain.buffersAnswer || ctx.buffersAnswer
  return buffers ? respond(ctx, tools) : filterAndSend(ctx, tools)
}

async function respond(ctx: RequestContext, tools: ProxyTools): Promise<void> {
  await bufferAnswer(ctx)
  if (ctx.exchange.cancelled) return
  const responded = runPhase(ctx, 'response', tools.environment)
  if (responded !== undefined) await responded
  await filterAndSend(ctx, tools)
}

function filterAndSend(ctx: RequestContext, tools: ProxyTools): void | Pending {
  const filtered = runPhase(ctx, 'headerFilter', tools.environment)
  return filtered === undefined ? send(ctx, tools) : filtered.then(async () => send(ctx, tools))
}

function send(ctx: RequestContext, tools: ProxyTools): void | Pending {
  const { exchange } = ctx
  if (exchange.cancelled) return ctx.discardBody('client-aborted')
  if (ctx.upstreamTunnel !== null) {
    if (ctx.answer!.status === 101) {
      addGatewayHeaders(ctx, ctx.answer!, tools)
      return runTunnel(ctx, ctx.upstreamTunnel)
    }
    // A plugin has made another answer of it.
    ctx.upstreamTunnel.abort()
  }

  const answer = ctx.answer!
  addGatewayHeaders(ctx, answer, tools)
  const bodiless = exchange.method === 'HEAD' || BODILESS.has(answer.status)
  if (bodiless && ctx.chain.filtersBody) removeHeader(answer.headers, 'content-length')
  exchange.sendHead({
    status: answer.status,
    headers: answer.headers,
    bodyLength: lengthToAnnounce(ctx, answer, bodiless),
  })
  if (bodiless) ctx.discardBody('plugin')
  const stream = new AnswerStream(ctx, tools.environment)
  return stream.send(bodiless ? null : answer.body, bodiless)
}

/** Turns a body that flows into bytes, so that `response` handlers see the whole answer. */
async function bufferAnswer(ctx: RequestContext): Promise<void> {
  const answer = ctx.answer!
  const { body } = answer
  if (body === null || body instanceof Uint8Array) return
  // A client that leaves cancels the body, which then neither ends nor fails.
  const clientHasGone = new Promise<null>((resolve) => {
    ctx.stream = { onDrain() {}, onCancel: () => resolve(null) }
  })
  try {
    const bytes = collectBody(body, BUFFERED_ANSWER_BYTES_MAX)
    answer.body = await Promise.race([bytes, clientHasGone])
    if (answer.source === 'service') ctx.serviceBodyReceived = answer.body
  } catch (error) {
    ctx.fail(toErrorCode(error), error instanceof Error ? error.message : String(error))
  } finally {
    ctx.stream = null
  }
}

function toErrorCode(error: unknown): ErrorCode {
  if (error instanceof CollectFailure) return 'ANSWER_TOO_LARGE'
  if (error instanceof UpstreamFailure) return UPSTREAM_FAILURES[error.kind].code
  return 'UPSTREAM_UNREACHABLE'
}

/** -1 for a body whose length only its filters know. */
function lengthToAnnounce(ctx: RequestContext, answer: Answer, bodiless: boolean): number {
  // Unlike 204 and 304 a 205 says that it is empty (RFC 9110, 15.3.6).
  if (answer.status === 205) return 0
  return bodiless || !ctx.chain.filtersBody ? answerLength(answer) : -1
}

/** Set, not added: an upstream or a plugin cannot speak in the gateway's name. */
function addGatewayHeaders(
  ctx: RequestContext,
  { source, headers }: Answer,
  { headerNames, environment }: ProxyTools,
): void {
  const now = nowMs()
  addVia(headers)
  setHeader(headers, headerNames.requestId, ctx.id)
  if (source === 'service') {
    const upstreamMs = ctx.upstreamHeadAtMs - ctx.tries[0]!.startedAtMs
    setHeader(headers, headerNames.upstreamLatency, toMs(upstreamMs))
    setHeader(headers, headerNames.proxyLatency, toMs(now - ctx.startedAtMs - upstreamMs))
  } else {
    if (findHeader(headers, 'server') === -1) headers.push('Server', 'sallyport')
    setHeader(headers, headerNames.responseLatency, toMs(now - ctx.startedAtMs))
    if (ctx.serviceStatus !== null) {
      setHeader(headers, headerNames.upstreamStatus, String(ctx.serviceStatus))
    }
  }
  if (ctx.trace !== null && environment.allowDebugHeader) {
    headers.push(DEBUG_HEADER, ctx.trace.summary())
  }
}

function toMs(durationMs: number): string {
  return String(Math.max(0, Math.round(durationMs)))
}
