import {
  decodeQueryPart,
  encodeQuery,
  type HeaderLimits,
  type HeaderList,
  type QueryArg,
  toHeaderObject,
} from '../../index.ts'
import {
  badArgument,
  checkHeaderLimits,
  checkRecord,
  checkString,
  checkWhole,
} from '../arguments.ts'
import type { HandlerCall } from '../handler-call.ts'
import { jsonParse, jsonStringify } from '../primordials.ts'
import {
  addOne,
  bytesEffect,
  clearOne,
  effect,
  headerOf,
  type Member,
  ownView,
  setBytes,
  setMany,
  setOne,
} from './member.ts'

/** What goes to the upstream and what came from it. */
export const serviceMembers = {
  'service.setUpstream': (call, name: unknown) => {
    const member = 'service.setUpstream'
    call.change(false, member, checkString(member, 'the name of an upstream', name))
  },
  'service.setTarget': (call, host: unknown, port: unknown) => {
    const member = 'service.setTarget'
    const hostname = checkString(member, 'a hostname or address', host)
    call.change(false, member, hostname, checkWhole(member, 'a port', port, [1, 65_535]))
  },
  'service.setRetries': (call, retries: unknown) => {
    const member = 'service.setRetries'
    call.change(false, member, checkWhole(member, 'retries', retries, [0, 32_767]))
  },
  'service.setTimeouts': (call, connectMs: unknown, writeMs: unknown, readMs: unknown) => {
    const member = 'service.setTimeouts'
    const range = [1, 2_147_483_646] as const
    const connect = checkWhole(member, 'connectMs', connectMs, range)
    const write = checkWhole(member, 'writeMs', writeMs, range)
    call.change(false, member, connect, write, checkWhole(member, 'readMs', readMs, range))
  },
  'service.request.enableBuffering': (call) =>
    call.change(false, 'service.request.enableBuffering'),
  'service.request.setScheme': (call, scheme: unknown) => {
    const member = 'service.request.setScheme'
    if (scheme !== 'http' && scheme !== 'https') throw badArgument(member, 'http or https', scheme)
    call.change(false, member, scheme)
  },
  'service.request.setPath': (call, path: unknown) => {
    const member = 'service.request.setPath'
    call.change(false, member, checkString(member, 'a path', path))
  },
  'service.request.setMethod': (call, method: unknown) => {
    const member = 'service.request.setMethod'
    const checked = checkString(member, 'a method', method)
    call.change(false, member, checked)
    ownView(call).request.method = checked
  },
  'service.request.setRawQuery': (call, query: unknown) => {
    const member = 'service.request.setRawQuery'
    const checked = checkString(member, 'a query', query)
    call.change(false, member, checked)
    ownView(call).request.rawQuery = checked
  },
  'service.request.setQuery': (call, args: unknown) => {
    const member = 'service.request.setQuery'
    const record = checkRecord(member, 'an object of names and values', args)
    const query = encodeQuery(record as Record<string, QueryArg>)
    call.change(false, 'service.request.setRawQuery', query)
    ownView(call).request.rawQuery = query
  },
  'service.request.clearQueryArg': (call, name: unknown) => {
    const member = 'service.request.clearQueryArg'
    const checked = checkString(member, 'the name of an argument', name)
    call.change(false, member, checked)
    const { request } = ownView(call)
    request.rawQuery = request.rawQuery
      .split('&')
      .filter((pair) => decodeQueryPart(pair.split('=', 1)[0] ?? '') !== checked)
      .join('&')
  },
  'service.request.setRawBody': (call, body: unknown) => {
    setBytes(call, 'service.request.setRawBody', body)
  },
  'service.request.setBody': (call, args: unknown, mimeType?: unknown) => {
    const member = 'service.request.setBody'
    const record = checkRecord(member, 'an object', args)
    const type = mimeType === undefined || mimeType === null ? [] : [mimeType]
    for (const one of type) checkString(member, 'a media type', one)
    call.change(true, member, jsonParse(jsonStringify(record)), ...type)
  },
  'service.request.setHeader': (call, name: unknown, value: unknown) =>
    setOne(call, 'service.request.setHeader', [name, value], requestHeaders(call)),
  'service.request.addHeader': (call, name: unknown, value: unknown) =>
    addOne(call, 'service.request.addHeader', [name, value], requestHeaders(call)),
  'service.request.clearHeader': (call, name: unknown) =>
    clearOne(call, 'service.request.clearHeader', name, requestHeaders(call)),
  'service.request.setHeaders': (call, headers: unknown) =>
    setMany(call, 'service.request.setHeaders', headers, requestHeaders(call)),
  'service.response.getStatus': ({ view }) => view.serviceResponse?.status ?? null,
  'service.response.getHeader': ({ view }, name: unknown) =>
    headerOf(view.serviceResponse?.headers ?? [], 'service.response.getHeader', name),
  'service.response.getHeaders': ({ view }, limits?: HeaderLimits) =>
    toHeaderObject(
      view.serviceResponse?.headers ?? [],
      checkHeaderLimits('service.response.getHeaders', limits),
    ),
  'service.response.getRawBody': bytesEffect('service.response.getRawBody'),
  'service.response.getBody': effect('service.response.getBody'),
} satisfies Record<string, Member>

/** A handler, and those after it, read what was changed. */
function requestHeaders(call: HandlerCall): HeaderList {
  return ownView(call).requestHeaders
}
