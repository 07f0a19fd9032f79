import {
  encodeQuery,
  getHeader,
  type HeaderList,
  type HeaderValue,
  type QueryArg,
  decodeQueryPart,
  removeHeader,
  setHeader,
} from '@sallyport/sdk'
import { encodeBody } from '../body-codec.ts'
import { toForwardedRequestHeaders } from '../forwarded-headers.ts'
import type { PluginCall } from '../plugin-call.ts'
import { escapePath } from '../router/uri.ts'
import {
  badArgument,
  checkRecord,
  checkSettableHeaderName,
  checkString,
} from '@sallyport/sdk/guest'
import {
  checkBytes,
  checkHeaderRecord,
  checkHeaderValues,
  checkHost,
  refuseAfterExit,
} from './arguments.ts'
import { queryOf, requestHeadersOf } from './request.ts'

const METHOD = /^[A-Z][A-Z0-9_-]{0,31}$/
const FORM = 'application/x-www-form-urlencoded'
/** As long as a target may be that a client sends. */
const TARGET_LENGTH_MAX = 8 * 1024

/** The request on its way to the upstream. */
export const serviceRequestPdk = {
  'service.request.enableBuffering': (call: PluginCall): void => {
    refuseAfterExit(call, 'service.request.enableBuffering')
    call.ctx.buffersAnswer = true
  },

  'service.request.setScheme': (call: PluginCall, scheme: 'http' | 'https'): void => {
    const member = 'service.request.setScheme'
    if (scheme !== 'http' && scheme !== 'https') throw badArgument(member, 'http or https', scheme)
    refuseAfterExit(call, member)
    call.ctx.ownChanges.scheme = scheme
  },

  'service.request.setPath': (call: PluginCall, path: string): void => {
    const member = 'service.request.setPath'
    const checked = checkString(member, 'a path', path)
    if (!checked.startsWith('/')) throw badArgument(member, 'a path that starts with "/"', path)
    if (/[?#]/.test(checked)) throw badArgument(member, 'a path without query and fragment', path)
    refuseAfterExit(call, member)
    // Looked at before as well: escaping takes time in proportion to the length.
    const escaped = escapePath(withinTarget(member, checked))
    call.ctx.ownChanges.path = withinTarget(member, escaped)
  },

  'service.request.setMethod': (call: PluginCall, method: string): void => {
    const member = 'service.request.setMethod'
    const checked = checkString(member, 'a method', method)
    if (!METHOD.test(checked) || checked === 'CONNECT' || checked === 'TRACE') {
      throw badArgument(member, 'a method in upper case, like GET', method)
    }
    refuseAfterExit(call, member)
    call.ctx.ownChanges.method = checked
  },

  'service.request.setRawQuery': (call: PluginCall, query: string): void => {
    const member = 'service.request.setRawQuery'
    setQuery(call, member, checkString(member, 'a query', query))
  },

  'service.request.setQuery': (
    call: PluginCall,
    args: Readonly<Record<string, QueryArg>>,
  ): void => {
    const member = 'service.request.setQuery'
    const checked = checkRecord(member, 'an object of names and values', args)
    for (const [name, value] of Object.entries(checked)) {
      if ((Array.isArray(value) ? value : [value]).every(isQueryValue)) continue
      throw badArgument(member, `strings, numbers, booleans or lists of them for "${name}"`, value)
    }
    setQuery(call, member, encodeQuery(checked as Readonly<Record<string, QueryArg>>))
  },

  'service.request.clearQueryArg': (call: PluginCall, name: string): void => {
    const member = 'service.request.clearQueryArg'
    const wanted = checkString(member, 'the name of an argument', name)
    refuseAfterExit(call, member)
    call.ctx.ownChanges.query = withoutQueryArg(queryOf(call), wanted)
  },

  'service.request.setRawBody': (call: PluginCall, body: Uint8Array | string): void => {
    const member = 'service.request.setRawBody'
    const bytes = checkBytes(member, body)
    refuseAfterExit(call, member)
    call.ctx.ownChanges.body = bytes
  },

  'service.request.setBody': (
    call: PluginCall,
    args: Readonly<Record<string, unknown>>,
    mimeType?: string,
  ): void => {
    const member = 'service.request.setBody'
    const checked = checkRecord(member, 'an object', args)
    if (mimeType !== undefined && mimeType !== null) checkString(member, 'a media type', mimeType)
    const type = mimeType ?? getHeader(requestHeadersOf(call), 'content-type') ?? FORM
    refuseAfterExit(call, member)
    const { body, contentType } = encodeBody(member, checked, type)
    call.ctx.ownChanges.body = body
    const values = checkHeaderValues(member, contentType)
    setHeader(serviceHeaders(call, member), 'Content-Type', values[0]!)
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
}

/** The Host header is not one among others: the upstream gets exactly one, from whoever set it last. */
function set(call: PluginCall, member: string, name: string, values: readonly string[]): void {
  const headers = serviceHeaders(call, member)
  if (isHost(name)) call.ctx.ownChanges.host = checkHost(member, values)
  else setHeader(headers, name, values.length === 1 ? values[0]! : values)
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host'
}

/** The request's own headers stay as the client sent them; changes go into a copy. */
function serviceHeaders(call: PluginCall, member: string): HeaderList {
  refuseAfterExit(call, member)
  const { ownChanges } = call.ctx
  return (ownChanges.headers ??= toForwardedRequestHeaders(call.ctx.exchange.headers))
}

function setQuery(call: PluginCall, member: string, query: string): void {
  // What would end the request line, or begin a fragment.
  if (/[\s#]|[^\x21-\x7e]/.test(query)) {
    throw badArgument(member, 'a query of visible ASCII without "#"', query)
  }
  refuseAfterExit(call, member)
  call.ctx.ownChanges.query = withinTarget(member, query === '' ? '' : `?${query}`)
}

function withinTarget(member: string, part: string): string {
  if (part.length <= TARGET_LENGTH_MAX) return part
  throw badArgument(member, `up to ${TARGET_LENGTH_MAX} characters`, part)
}

function isQueryValue(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function withoutQueryArg(query: string, wanted: string): string {
  const kept = query
    .slice(1)
    .split('&')
    .filter((pair) => decodeQueryPart(pair.split('=', 1)[0] ?? '') !== wanted)
    .join('&')
  return kept === '' ? '' : `?${kept}`
}
