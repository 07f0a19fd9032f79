import { nowMs } from '../clock.ts'
import type { RequestContext } from '../context.ts'
import type { AccessEntry } from './access-log.ts'

/** What the access log tells of a request that is over. */
export function toAccessEntry(ctx: RequestContext): AccessEntry {
  const { exchange, matched, answer, consumer, target, tries } = ctx
  const firstTry = tries[0]
  const route = matched?.route
  const service = matched?.service
  return {
    time: ctx.startTimeMs,
    request_id: ctx.id,
    client_ip: exchange.connection.clientAddress,
    method: exchange.method,
    path: ctx.rawPath,
    host: exchange.authority,
    status: exchange.headSent && answer !== null ? answer.status : null,
    bytes_received: exchange.bytesReceived,
    bytes_sent: exchange.bytesSent,
    duration_ms: round(nowMs() - ctx.startedAtMs),
    upstream_ms: firstTry === undefined ? null : round(ctx.upstreamHeadAtMs - firstTry.startedAtMs),
    route: route === undefined ? null : (route.name ?? route.id),
    service: service === undefined || service === null ? null : (service.name ?? service.id),
    consumer: consumer === null ? null : (consumer.view.username ?? consumer.view.id),
    target: target === null ? null : `${target.hostname}:${target.port}`,
    tries: tries.length,
    source: answer === null ? null : answer.source,
    error: ctx.errorDetail ?? (ctx.cancelReason === null ? null : ctx.cancelReason),
  }
}

/** A message of which no request could be made: refused by the listener, seen by nobody else. */
export function toRefusalEntry(
  refusal: { status: number; reason: string; clientAddress: string },
  requestId: string,
): AccessEntry {
  return {
    time: Date.now(),
    request_id: requestId,
    client_ip: refusal.clientAddress,
    method: null,
    path: null,
    host: null,
    status: refusal.status,
    bytes_received: 0,
    bytes_sent: 0,
    duration_ms: 0,
    upstream_ms: null,
    route: null,
    service: null,
    consumer: null,
    target: null,
    tries: 0,
    source: 'error',
    error: refusal.reason,
  }
}

function round(durationMs: number): number {
  return Math.round(durationMs * 100) / 100
}
