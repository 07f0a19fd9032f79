import {
  type CallView,
  type Consumer,
  type Credential,
  getHeader,
  type HeaderLimits,
  type HeaderList,
  PdkError,
  type PdkMember,
  removeHeader,
  setHeader,
  toHeaderObject,
} from '@sallyport/sdk'
import {
  badArgument,
  checkHeaderLimits,
  checkHeaderName,
  checkHeaderRecord,
  checkHeaderValues,
  checkSettableHeaderName,
  checkStatus,
  checkString,
} from './arguments.ts'
import { fromBase64, toBase64 } from './base64.ts'
import { encodeBody } from './exit-body.ts'
import type { HandlerCall } from './handler-call.ts'
import { toLogText } from './log-text.ts'
import { isArray } from './primordials.ts'
import { findQueryArg } from './query-arg.ts'
import { GuestTextEncoder } from './text-encoding.ts'

type Member = (call: HandlerCall, ...args: never[]) => unknown

/** The view of a call is parsed for it alone, so a handler's own changes are kept in it. */
type Writable<T> = { -readonly [Key in keyof T]: T[Key] }
type Own<T> = { -readonly [Key in keyof T]: Own<T[Key]> }

const encoder = new GuestTextEncoder()

/** What each function of the PDK does in a sandbox. Phases are checked before. */
export const PDK_IMPLEMENTATION: { readonly [M in PdkMember]: Member } = {
  'client.getIp': ({ view }) => view.client.ip,
  'client.getPort': ({ view }) => view.client.port,
  'client.getForwardedIp': ({ view }) => view.client.forwardedIp,
  'client.getConsumer': ({ view }) => view.client.consumer,
  'client.getCredential': ({ view }) => view.client.credential,
  'client.loadConsumer': (call, ...args: unknown[]) => call.effect('client.loadConsumer', args),
  'client.loadCredential': (call, ...args: unknown[]) => call.effect('client.loadCredential', args),
  'client.authenticate': authenticate,
  'request.getScheme': ({ view }) => view.request.scheme,
  'request.getHost': ({ view }) => view.request.hostname,
  'request.getPort': ({ view }) => view.request.port,
  'request.getHttpVersion': ({ view }) => view.request.httpVersion,
  'request.getMethod': ({ view }) => view.request.method,
  'request.getPath': ({ view }) => view.request.path,
  'request.getRawPath': ({ view }) => view.request.rawPath,
  'request.getPathWithQuery': ({ view: { request } }) =>
    request.rawQuery === '' ? request.path : `${request.path}?${request.rawQuery}`,
  'request.getRawQuery': ({ view }) => view.request.rawQuery,
  'request.getQueryArg': ({ view }, name: unknown) =>
    findQueryArg(
      view.request.rawQuery,
      checkString('request.getQueryArg', 'the name of an argument', name),
    ),
  'request.getHeader': ({ view }, name: unknown) =>
    headerOf(view.request.headers, 'request.getHeader', name),
  'request.getHeaders': ({ view }, limits?: HeaderLimits) =>
    toHeaderObject(view.request.headers, checkHeaderLimits('request.getHeaders', limits)),
  'request.getStartTime': ({ view }) => view.request.startTimeMs,
  'request.getId': ({ view }) => view.request.id,
  'response.getStatus': ({ view }) => answerOf(view).status,
  'response.getHeader': ({ view }, name: unknown) =>
    headerOf(answerOf(view).headers, 'response.getHeader', name),
  'response.getHeaders': ({ view }, limits?: HeaderLimits) =>
    toHeaderObject(answerOf(view).headers, checkHeaderLimits('response.getHeaders', limits)),
  'response.getSource': ({ view }) => answerOf(view).source,
  'response.setStatus': (call, status: unknown) => {
    const checked = checkStatus('response.setStatus', status)
    call.change(false, 'response.setStatus', checked)
    const { response } = ownView(call)
    if (response !== null) response.status = checked
  },
  'response.setHeader': (call, name: unknown, value: unknown) =>
    setOne(call, 'response.setHeader', [name, value], answerHeaders(call)),
  'response.addHeader': (call, name: unknown, value: unknown) =>
    addOne(call, 'response.addHeader', [name, value], answerHeaders(call)),
  'response.clearHeader': (call, name: unknown) =>
    clearOne(call, 'response.clearHeader', name, answerHeaders(call)),
  'response.setHeaders': (call, headers: unknown) =>
    setMany(call, 'response.setHeaders', headers, answerHeaders(call)),
  'response.exit': (call, status: unknown, body?: unknown, headers?: unknown) => {
    if (call.exited) return
    const checked = checkStatus('response.exit', status)
    const given =
      headers === undefined || headers === null ? [] : checkHeaderRecord('response.exit', headers)
    call.exit(checked, ...encodeBody(body, given))
  },
  'response.getChunk': ({ view }) => fromBase64(view.chunk?.base64 ?? '') ?? new Uint8Array(),
  'response.setChunk': (call, chunk: unknown) => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      throw badArgument('response.setChunk', 'bytes or a string', chunk)
    }
    const base64 = toBase64(typeof chunk === 'string' ? encoder.encode(chunk) : chunk)
    call.change(false, 'response.setChunk', { base64 })
    const own = ownView(call)
    if (own.chunk !== null) own.chunk.base64 = base64
  },
  'response.isLast': ({ view }) => view.chunk?.isLast ?? false,
  'service.request.clearQueryArg': (call, name: unknown) => {
    const member = 'service.request.clearQueryArg'
    call.change(false, member, checkString(member, 'the name of an argument', name))
  },
  'service.request.setHeader': (call, name: unknown, value: unknown) =>
    setOne(call, 'service.request.setHeader', [name, value], null),
  'service.request.addHeader': (call, name: unknown, value: unknown) =>
    addOne(call, 'service.request.addHeader', [name, value], null),
  'service.request.clearHeader': (call, name: unknown) =>
    clearOne(call, 'service.request.clearHeader', name, null),
  'service.request.setHeaders': (call, headers: unknown) =>
    setMany(call, 'service.request.setHeaders', headers, null),
  'service.response.getStatus': ({ view }) => view.serviceResponse?.status ?? null,
  'service.response.getHeader': ({ view }, name: unknown) =>
    headerOf(view.serviceResponse?.headers ?? [], 'service.response.getHeader', name),
  'service.response.getHeaders': ({ view }, limits?: HeaderLimits) =>
    toHeaderObject(
      view.serviceResponse?.headers ?? [],
      checkHeaderLimits('service.response.getHeaders', limits),
    ),
  'router.getRoute': ({ view }) => view.route,
  'router.getService': ({ view }) => view.service,
  'balancer.getTarget': ({ view }) => view.target,
  'log.debug': logger('debug'),
  'log.info': logger('info'),
  'log.notice': logger('notice'),
  'log.warn': logger('warn'),
  'log.err': logger('err'),
  'log.crit': logger('crit'),
  'node.getId': (call) => call.realm.options.node.id,
  'node.getHostname': (call) => call.realm.options.node.hostname,
  'plugin.getId': (call) => call.pluginId,
}

function hasId(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
  )
}

function authenticate(call: HandlerCall, consumer: unknown, credential: unknown): void {
  const member = 'client.authenticate'
  if (consumer === null && credential === null) {
    throw new PdkError(
      'BAD_ARGUMENT',
      'client.authenticate: expected a consumer or a credential, got null for both',
    )
  }
  if (consumer !== null && !hasId(consumer)) {
    throw badArgument(member, 'a consumer that client.loadConsumer gave', consumer)
  }
  if (credential !== null && !hasId(credential)) {
    throw badArgument(member, 'a credential with an id', credential)
  }
  call.change(true, member, consumer, credential)
  const client = call.view.client as Writable<CallView['client']>
  client.consumer = consumer as Consumer | null
  client.credential = credential as Credential | null
}

function headerOf(list: readonly string[], member: string, name: unknown): string | null {
  return getHeader(list, checkHeaderName(member, name).toLowerCase())
}

function setOne(
  call: HandlerCall,
  member: PdkMember,
  [name, value]: [unknown, unknown],
  own: HeaderList | null,
): void {
  const checked = checkSettableHeaderName(member, name)
  const values = checkHeaderValues(member, value)
  call.change(false, member, checked, values)
  if (own !== null) setHeader(own, checked, values)
}

function addOne(
  call: HandlerCall,
  member: PdkMember,
  [name, value]: [unknown, unknown],
  own: HeaderList | null,
): void {
  const checked = checkSettableHeaderName(member, name)
  const values = checkHeaderValues(member, value)
  call.change(false, member, checked, values)
  if (own === null) return
  for (const one of isArray(values) ? values : [values]) own.push(checked, one)
}

function clearOne(
  call: HandlerCall,
  member: PdkMember,
  name: unknown,
  own: HeaderList | null,
): void {
  const checked = checkSettableHeaderName(member, name)
  call.change(false, member, checked)
  if (own !== null) removeHeader(own, checked.toLowerCase())
}

function setMany(
  call: HandlerCall,
  member: PdkMember,
  headers: unknown,
  own: HeaderList | null,
): void {
  const checked = checkHeaderRecord(member, headers)
  call.change(false, member, Object.fromEntries(checked))
  if (own === null) return
  for (const [name, values] of checked) setHeader(own, name, values)
}

function logger(level: string) {
  return (call: HandlerCall, ...parts: unknown[]): void => call.log(level, toLogText(parts))
}

function ownView(call: HandlerCall): Own<CallView> {
  return call.view as Own<CallView>
}

/** The headers that a change is reflected in; before there is an answer no phase may read them. */
function answerHeaders(call: HandlerCall): HeaderList | null {
  return ownView(call).response?.headers ?? null
}

function answerOf(view: CallView): NonNullable<CallView['response']> {
  if (view.response === null) throw new PdkError('NOT_FOUND', 'there is no answer yet')
  return view.response
}
