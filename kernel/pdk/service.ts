import {
  getHeader,
  type HeaderLimits,
  type HeaderList,
  type HeaderValue,
  removeHeader,
  setHeader,
  toHeaderObject,
} from '@sallyport/sdk'
import { toForwardedRequestHeaders } from '../forwarded-headers.ts'
import type { PluginCall } from '../plugin-call.ts'
import { decodeQueryPart } from './query.ts'
import {
  checkHeaderLimits,
  checkHeaderName,
  checkHeaderRecord,
  checkHeaderValues,
  checkHost,
  checkSettableHeaderName,
  checkString,
  refuseAfterExit,
} from './arguments.ts'

export const servicePdk = {
  'service.request.clearQueryArg': (call: PluginCall, name: string): void => {
    const member = 'service.request.clearQueryArg'
    const wanted = checkString(member, 'the name of an argument', name)
    refuseAfterExit(call, member)
    call.ctx.serviceQuery = withoutQueryArg(call.ctx.serviceQuery ?? call.ctx.query, wanted)
  },

  'service.request.setHeader': (call: PluginCall, name: string, value: HeaderValue): void => {
    const member = 'service.request.setHeader'
    const checked = checkSettableHeaderName(member, name)
    set(call, member, checked, checkHeaderValues(member, value))
  },

  'service.request.addHeader': (call: PluginCall, name: string, value: HeaderValue): void => {
    const member = 'service.request.addHeader'
    const checked = checkSettableHeaderName(member, name)
    const values = checkHeaderValues(member, value)
    // There is never a second Host.
    if (isHost(checked)) return set(call, member, checked, values)
    const headers = serviceHeaders(call, member)
    for (const one of values) headers.push(checked, one)
  },

  'service.request.clearHeader': (call: PluginCall, name: string): void => {
    const member = 'service.request.clearHeader'
    const checked = checkSettableHeaderName(member, name)
    removeHeader(serviceHeaders(call, member), checked.toLowerCase())
  },

  'service.request.setHeaders': (
    call: PluginCall,
    headers: Readonly<Record<string, HeaderValue>>,
  ): void => {
    const member = 'service.request.setHeaders'
    for (const [name, values] of checkHeaderRecord(member, headers)) {
      set(call, member, name, values)
    }
  },

  'service.response.getStatus': (call: PluginCall) => call.ctx.serviceStatus,

  'service.response.getHeader': (call: PluginCall, name: string) => {
    const checked = checkHeaderName('service.response.getHeader', name)
    const headers = call.ctx.serviceHeadersReceived
    return headers === null ? null : getHeader(headers, checked.toLowerCase())
  },

  'service.response.getHeaders': (call: PluginCall, limits?: HeaderLimits) =>
    toHeaderObject(
      call.ctx.serviceHeadersReceived ?? [],
      checkHeaderLimits('service.response.getHeaders', limits),
    ),
}

/** The Host header is not one among others: the upstream gets exactly one, from whoever set it last. */
function set(call: PluginCall, member: string, name: string, values: readonly string[]): void {
  const headers = serviceHeaders(call, member)
  if (isHost(name)) call.ctx.serviceHost = checkHost(member, values)
  else setHeader(headers, name, values.length === 1 ? values[0]! : values)
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host'
}

/** The request's own headers stay as the client sent them; changes go into a copy. */
function serviceHeaders(call: PluginCall, member: string): HeaderList {
  refuseAfterExit(call, member)
  return (call.ctx.serviceHeaders ??= toForwardedRequestHeaders(call.ctx.exchange.headers))
}

function withoutQueryArg(query: string, wanted: string): string {
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => decodeQueryPart(pair.split('=', 1)[0] ?? '') !== wanted)
    .join('&')
  return kept === '' ? '' : `?${kept}`
}
