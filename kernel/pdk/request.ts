import { getHeader, type HeaderLimits, toHeaderObject } from '@sallyport/sdk'
import { hostnameOf } from '../forwarded-headers.ts'
import type { PluginCall } from '../plugin-call.ts'
import { decodeQueryPart } from './query.ts'
import { checkHeaderLimits, checkHeaderName, checkString } from './arguments.ts'

export const requestPdk = {
  'request.getScheme': (call: PluginCall) => call.ctx.exchange.connection.scheme,

  'request.getHost': (call: PluginCall) => hostnameOf(call.ctx.exchange.authority),

  'request.getPort': (call: PluginCall) => call.ctx.exchange.connection.localPort,

  'request.getHttpVersion': (call: PluginCall) => call.ctx.exchange.httpVersion,

  'request.getMethod': (call: PluginCall) => call.ctx.exchange.method,

  'request.getPath': (call: PluginCall) => call.ctx.path,

  'request.getRawPath': (call: PluginCall) => call.ctx.rawPath,

  'request.getPathWithQuery': (call: PluginCall) => call.ctx.path + call.ctx.query,

  'request.getRawQuery': (call: PluginCall) => call.ctx.query.slice(1),

  'request.getQueryArg': (call: PluginCall, name: string) =>
    findQueryArg(
      call.ctx.query.slice(1),
      checkString('request.getQueryArg', 'the name of an argument', name),
    ),

  'request.getHeader': (call: PluginCall, name: string) =>
    getHeader(call.ctx.exchange.headers, checkHeaderName('request.getHeader', name).toLowerCase()),

  'request.getHeaders': (call: PluginCall, limits?: HeaderLimits) =>
    toHeaderObject(call.ctx.exchange.headers, checkHeaderLimits('request.getHeaders', limits)),

  'request.getStartTime': (call: PluginCall) => call.ctx.startTimeMs,

  'request.getId': (call: PluginCall) => call.ctx.id,
}

/** The first argument of this name: its value decoded, `true` when it has none, null when missing. */
function findQueryArg(query: string, wanted: string): string | true | null {
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=')
    const name = decodeQueryPart(equals === -1 ? pair : pair.slice(0, equals))
    if (name === wanted && pair !== '')
      return equals === -1 ? true : decodeQueryPart(pair.slice(equals + 1))
  }
  return null
}
