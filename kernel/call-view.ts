import type { CallView, LogView, SerializeValue } from '@sallyport/sdk'
import { nowMs } from './clock.ts'
import type { Route, Service } from './config/entities.ts'
import type { RequestContext } from './context.ts'
import { forwardedAddress, hostnameOf } from './forwarded-headers.ts'
import { toRouteView, toServiceView } from './matched-route.ts'
import { capturesOf, forwardedOf, queryOf, requestHeadersOf } from './pdk/request.ts'
import type { PluginCall } from './plugin-call.ts'

const NOTHING = 'null'
const EMPTY_CTX = '{"shared":{},"plugin":{}}'

/** The same for every request of a route; freed with its snapshot. */
const routeLines = new WeakMap<Route, string>()
const serviceLines = new WeakMap<Service, string>()

/** What a sandboxed handler would be given, as it is. Never truncated: over a limit is a refusal. */
export function buildCallView(call: PluginCall): CallView {
  const { ctx, phase } = call
  const { matched } = ctx
  return {
    client: toClient(call),
    request: toRequest(call),
    requestHeaders: requestHeadersOf(call),
    route: matched === null ? null : toRouteView(matched.route),
    service: matched?.service ? toServiceView(matched.service) : null,
    target: toTarget(ctx),
    response: toResponse(ctx),
    serviceResponse: toServiceResponse(ctx),
    log: phase === 'log' ? toLog(call) : null,
    chunk: phase === 'bodyFilter' ? toChunk(ctx) : null,
    ctx: { shared: call.sharedContext, plugin: call.pluginContext },
  }
}

/** The text of the same view, a line for each of `VIEW_PARTS`. */
export function writeCallView(call: PluginCall): string {
  const { ctx, phase } = call
  const { matched } = ctx
  const service = matched?.service ?? null
  return `${JSON.stringify(requestHeadersOf(call))}
${ctx.answer === null ? NOTHING : JSON.stringify(toResponse(ctx))}
${JSON.stringify(toRequest(call))}
${toContextLine(call)}
${JSON.stringify(toClient(call))}
${matched === null ? NOTHING : lineOf(routeLines, matched.route, toRouteView)}
${service === null ? NOTHING : lineOf(serviceLines, service, toServiceView)}
${ctx.target === null ? NOTHING : JSON.stringify(toTarget(ctx))}
${ctx.serviceStatus === null ? NOTHING : JSON.stringify(toServiceResponse(ctx))}
${phase === 'log' ? JSON.stringify(toLog(call)) : NOTHING}
${phase === 'bodyFilter' ? JSON.stringify(toChunk(ctx)) : NOTHING}`
}

function toClient({ ctx, environment }: PluginCall): CallView['client'] {
  const { exchange } = ctx
  const { clientAddress, clientPort } = exchange.connection
  return {
    ip: clientAddress,
    port: clientPort,
    forwardedIp: forwardedAddress(exchange, environment.isTrustedAddress),
    consumer: ctx.consumerView,
    credential: ctx.credential,
  }
}

function toRequest(call: PluginCall): CallView['request'] {
  const { ctx } = call
  const { exchange, matched } = ctx
  return {
    id: ctx.id,
    scheme: exchange.connection.scheme,
    hostname: hostnameOf(exchange.authority),
    port: exchange.connection.localPort,
    forwarded: forwardedOf(call),
    prefix: matched?.prefix ?? '',
    httpVersion: exchange.httpVersion,
    method: ctx.changes?.method ?? exchange.method,
    path: ctx.path,
    rawPath: ctx.rawPath,
    rawQuery: queryOf(call).slice(1),
    startTimeMs: ctx.startTimeMs,
    captures: capturesOf(call),
  }
}

function lineOf<Entity extends object>(
  lines: WeakMap<Entity, string>,
  entity: Entity,
  toView: (entity: Entity) => object,
): string {
  let line = lines.get(entity)
  if (line === undefined) lines.set(entity, (line = JSON.stringify(toView(entity))))
  return line
}

function toTarget({ target }: RequestContext): CallView['target'] {
  if (target === null) return null
  return { host: target.hostname, port: target.port, tryNumber: target.tryNumber }
}

function toResponse({ answer }: RequestContext): CallView['response'] {
  if (answer === null) return null
  return { status: answer.status, headers: answer.headers, source: answer.source }
}

function toServiceResponse(ctx: RequestContext): CallView['serviceResponse'] {
  if (ctx.serviceStatus === null) return null
  return { status: ctx.serviceStatus, headers: ctx.serviceHeadersReceived ?? [] }
}

function toChunk({ chunk, chunkIsLast }: RequestContext): CallView['chunk'] {
  const base64 = Buffer.from(chunk ?? new Uint8Array()).toString('base64')
  return { base64, isLast: chunkIsLast }
}

function toContextLine(call: PluginCall): string {
  const { ctx } = call
  if (ctx.shared === null && ctx.pluginContexts === null) return EMPTY_CTX
  return JSON.stringify({ shared: call.sharedContext, plugin: call.pluginContext })
}

/** What plugins have said for the log, as far as this one may see it. */
export function serializeValuesOf({ ctx, step }: PluginCall): readonly SerializeValue[] {
  return (ctx.serializeValues ?? [])
    .filter(({ tenant }) => step.tenant === null || tenant === step.tenant)
    .map(({ key, value, mode }) => ({ key, value, mode }))
}

function toLog(call: PluginCall): LogView {
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
