import type { CallView, LogView, SerializeValue } from '@sallyport/sdk'
import { nowMs } from './clock.ts'
import { forwardedAddress, hostnameOf } from './forwarded-headers.ts'
import { toRouteView, toServiceView } from './matched-route.ts'
import { capturesOf, forwardedOf, queryOf, requestHeadersOf } from './pdk/request.ts'
import type { PluginCall } from './plugin-call.ts'

/** Builds what crosses into a sandbox for a call. Never truncated: over a limit is a refusal. */
export function buildCallView(call: PluginCall): CallView {
  const { ctx, environment } = call
  const { exchange, matched, answer } = ctx
  const { connection } = exchange
  return {
    phase: call.phase,
    client: {
      ip: connection.clientAddress,
      port: connection.clientPort,
      forwardedIp: forwardedAddress(exchange, environment.isTrustedAddress),
      consumer: ctx.consumerView,
      credential: ctx.credential,
    },
    request: {
      id: ctx.id,
      scheme: connection.scheme,
      hostname: hostnameOf(exchange.authority),
      port: connection.localPort,
      forwarded: forwardedOf(call),
      prefix: matched?.prefix ?? '',
      httpVersion: exchange.httpVersion,
      method: ctx.changes?.method ?? exchange.method,
      path: ctx.path,
      rawPath: ctx.rawPath,
      rawQuery: queryOf(call).slice(1),
      startTimeMs: ctx.startTimeMs,
      headers: requestHeadersOf(call),
      captures: capturesOf(call),
    },
    route: matched === null ? null : toRouteView(matched.route),
    service: matched?.service ? toServiceView(matched.service) : null,
    target:
      ctx.target === null
        ? null
        : {
            host: ctx.target.hostname,
            port: ctx.target.port,
            tryNumber: ctx.target.tryNumber,
          },
    response:
      answer === null
        ? null
        : { status: answer.status, headers: answer.headers, source: answer.source },
    serviceResponse:
      ctx.serviceStatus === null
        ? null
        : { status: ctx.serviceStatus, headers: ctx.serviceHeadersReceived ?? [] },
    log: call.phase === 'log' ? buildLogView(call) : null,
    chunk:
      call.phase === 'bodyFilter'
        ? {
            base64: Buffer.from(ctx.chunk ?? new Uint8Array()).toString('base64'),
            isLast: ctx.chunkIsLast,
          }
        : null,
    ctx: { shared: call.sharedContext, plugin: call.pluginContext },
  }
}

/** What plugins have said for the log, as far as this one may see it. */
export function serializeValuesOf({ ctx, step }: PluginCall): readonly SerializeValue[] {
  return (ctx.serializeValues ?? [])
    .filter(({ tenant }) => step.tenant === null || tenant === step.tenant)
    .map(({ key, value, mode }) => ({ key, value, mode }))
}

function buildLogView(call: PluginCall): LogView {
  const { ctx } = call
  const { exchange, target, tries, matched } = ctx
  const requestMs = nowMs() - ctx.startedAtMs
  const upstreamMs = tries.length === 0 ? 0 : ctx.upstreamHeadAtMs - tries[0]!.startedAtMs
  const path = ctx.changes?.path ?? matched?.upstreamPath ?? null
  return {
    requestBytes: exchange.bytesReceived,
    responseBytes: exchange.bytesSent,
    upstreamUri: target === null || path === null ? null : path + queryOf(call),
    latencies: {
      kong: Math.max(0, Math.round(requestMs - upstreamMs)),
      proxy: Math.round(upstreamMs),
      request: Math.round(requestMs),
    },
    tries: tries.map(({ target: { hostname, port }, failure }) => ({
      ip: hostname,
      port,
      ...(failure === null ? {} : { state: 'failed' }),
    })),
    values: serializeValuesOf(call),
  }
}
