import type { CallView } from '@sallyport/sdk'
import { forwardedAddress, hostnameOf } from './forwarded-headers.ts'
import { toRouteView, toServiceView } from './matched-route.ts'
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
      httpVersion: exchange.httpVersion,
      method: exchange.method,
      path: ctx.path,
      rawPath: ctx.rawPath,
      rawQuery: ctx.query.slice(1),
      startTimeMs: ctx.startTimeMs,
      headers: exchange.headers,
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
