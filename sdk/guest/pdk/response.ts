import {
  type CallView,
  type HeaderLimits,
  type HeaderList,
  PdkError,
  toHeaderObject,
} from '../../index.ts'
import { checkHeaderLimits, checkHeaderRecord, checkStatus, checkString } from '../arguments.ts'
import { encodeBody } from '../exit-body.ts'
import type { HandlerCall } from '../handler-call.ts'
import {
  addOne,
  bytesEffect,
  clearOne,
  fromCrossing,
  headerOf,
  type Member,
  ownView,
  setBytes,
  setMany,
  setOne,
} from './member.ts'

/** The chunk of a view, and what the handler has put in its place. */
type OwnChunk = NonNullable<CallView['chunk']> & { set?: ReturnType<typeof setBytes> }

/** The answer to the client. */
export const responseMembers = {
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
    call.exit('response.exit', checked, ...encodeBody(body, given))
  },
  'response.error': (call, status: unknown, message?: unknown, headers?: unknown) => {
    if (call.exited) return
    const member = 'response.error'
    const checked = checkStatus(member, status, 400)
    const text = message === undefined || message === null ? null : message
    if (text !== null) checkString(member, 'a message', text)
    const given =
      headers === undefined || headers === null
        ? []
        : [Object.fromEntries(checkHeaderRecord(member, headers))]
    call.exit(member, checked, text, ...given)
  },
  'response.getRawBody': bytesEffect('response.getRawBody'),
  'response.setRawBody': (call, body: unknown) => {
    setBytes(call, 'response.setRawBody', body)
  },
  'response.getChunk': ({ view }) => {
    const chunk: OwnChunk | null = view.chunk
    return chunk === null ? new Uint8Array() : fromCrossing(chunk.set ?? chunk)
  },
  'response.setChunk': (call, chunk: unknown) => {
    const set = setBytes(call, 'response.setChunk', chunk)
    const own: OwnChunk | null = call.view.chunk
    if (own !== null) own.set = set
  },
  'response.isLast': ({ view }) => view.chunk?.isLast ?? false,
} satisfies Record<string, Member>

/** The headers that a change is reflected in; before there is an answer no phase may read them. */
function answerHeaders(call: HandlerCall): HeaderList | null {
  return ownView(call).response?.headers ?? null
}

function answerOf(view: CallView): NonNullable<CallView['response']> {
  if (view.response === null) throw new PdkError('NOT_FOUND', 'there is no answer yet')
  return view.response
}
