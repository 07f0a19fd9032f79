import {
  findHeader,
  findQueryArg,
  type ForwardedView,
  getHeader,
  type HeaderLimits,
  parseQuery,
  type QueryLimits,
  toHeaderObject,
} from '@sallyport/sdk'
import { forwardedView, hostnameOf } from '../forwarded-headers.ts'
import { HEADER_TRAITS, headerTraits } from '../header-name.ts'
import type { PluginCall } from '../plugin-call.ts'
import {
  checkHeaderLimits,
  checkHeaderName,
  checkQueryLimits,
  checkString,
} from '@sallyport/sdk/guest'

/**
 * The request. What plugins before have made of method, query and headers is what is told, as in Kong;
 * the path stays the client's.
 */
export const requestPdk = {
  'request.getScheme': (call: PluginCall) => call.ctx.exchange.connection.scheme,

  'request.getHost': (call: PluginCall) => hostnameOf(call.ctx.exchange.authority),

  'request.getPort': (call: PluginCall) => call.ctx.exchange.connection.localPort,

  'request.getForwardedScheme': (call: PluginCall) =>
    forwardedOf(call)?.scheme ?? call.ctx.exchange.connection.scheme,

  'request.getForwardedHost': (call: PluginCall) =>
    forwardedOf(call)?.hostname ?? hostnameOf(call.ctx.exchange.authority),

  'request.getForwardedPort': (call: PluginCall) =>
    forwardedOf(call)?.port ?? call.ctx.exchange.connection.localPort,

  'request.getForwardedPath': (call: PluginCall) => forwardedOf(call)?.path ?? call.ctx.rawPath,

  'request.getForwardedPrefix': (call: PluginCall) =>
    forwardedOf(call)?.prefix ?? call.ctx.matched?.prefix ?? '',

  'request.getHttpVersion': (call: PluginCall) => call.ctx.exchange.httpVersion,

  'request.getMethod': (call: PluginCall) => call.ctx.changes?.method ?? call.ctx.exchange.method,

  'request.getPath': (call: PluginCall) => call.ctx.path,

  'request.getRawPath': (call: PluginCall) => call.ctx.rawPath,

  'request.getPathWithQuery': (call: PluginCall) => call.ctx.path + queryOf(call),

  'request.getRawQuery': (call: PluginCall) => queryOf(call).slice(1),

  'request.getQueryArg': (call: PluginCall, name: string) =>
    findQueryArg(
      queryOf(call).slice(1),
      checkString('request.getQueryArg', 'the name of an argument', name),
    ),

  'request.getQuery': (call: PluginCall, limits?: QueryLimits) =>
    parseQuery(queryOf(call).slice(1), checkQueryLimits('request.getQuery', limits)),

  'request.getUriCaptures': (call: PluginCall) => capturesOf(call),

  'request.getHeader': (call: PluginCall, name: string) =>
    getHeader(requestHeadersOf(call), checkHeaderName('request.getHeader', name).toLowerCase()),

  'request.getHeaders': (call: PluginCall, limits?: HeaderLimits) =>
    toHeaderObject(requestHeadersOf(call), checkHeaderLimits('request.getHeaders', limits)),

  'request.getStartTime': (call: PluginCall) => call.ctx.startTimeMs,

  'request.getId': (call: PluginCall) => call.ctx.id,
}

/** With the question mark; empty for none. */
export function queryOf({ ctx }: PluginCall): string {
  return ctx.changes?.query ?? ctx.query
}

/** Null when no trusted peer tells anything. */
export function forwardedOf({ ctx, environment }: PluginCall): ForwardedView | null {
  return forwardedView(ctx.exchange, environment.isTrustedAddress, ctx.rawPath + ctx.query)
}

export function capturesOf({ ctx }: PluginCall) {
  const captures = ctx.matched?.matches.uriCaptures ?? null
  return captures === null ? null : { unnamed: captures.positional, named: captures.named }
}

/**
 * The request's headers as they stand. Those of the client's own hop are not among what goes upstream:
 * they are told as they came.
 */
export function requestHeadersOf({ ctx }: PluginCall): readonly string[] {
  const received = ctx.exchange.headers
  const changed = ctx.changes?.headers ?? null
  const host = ctx.changes?.host ?? null
  if (changed === null && host === null) return received
  const list = (changed ?? received).slice()
  if (changed !== null) {
    for (let i = 0; i < received.length; i += 2) {
      const isOfHop = (headerTraits(received[i]!) & HEADER_TRAITS.requestHop) !== 0
      if (isOfHop) list.push(received[i]!, received[i + 1]!)
    }
  }
  const at = host === null ? -1 : findHeader(list, 'host')
  if (at !== -1) list[at + 1] = host!
  return list
}
