import {
  getHeader,
  type HeaderLimits,
  type HeaderList,
  type HeaderValue,
  PdkError,
  setHeader,
  toHeaderObject,
} from '@sallyport/sdk'
import { formatError, usualMessage } from '../errors.ts'
import { applyHeaderOperation, type HeaderOperation } from '../answer.ts'
import type { PluginCall } from '../plugin-call.ts'
import {
  badArgument,
  checkHeaderLimits,
  checkHeaderName,
  checkSettableHeaderName,
  checkStatus,
  checkString,
} from '@sallyport/sdk/guest'
import { checkHeaderRecord, checkHeaderValues, refuseAfterExit } from './arguments.ts'

export const responsePdk = {
  'response.getStatus': (call: PluginCall) => answerOf(call).status,

  'response.getHeader': (call: PluginCall, name: string) =>
    getHeader(answerOf(call).headers, checkHeaderName('response.getHeader', name).toLowerCase()),

  'response.getHeaders': (call: PluginCall, limits?: HeaderLimits) =>
    toHeaderObject(answerOf(call).headers, checkHeaderLimits('response.getHeaders', limits)),

  'response.getSource': (call: PluginCall) => answerOf(call).source,

  'response.setStatus': (call: PluginCall, status: number): void => {
    const checked = checkStatus('response.setStatus', status, 200)
    refuseAfterExit(call, 'response.setStatus')
    if (call.ctx.answer === null) call.ctx.pendingStatus = checked
    else call.ctx.answer.status = checked
  },

  'response.setHeader': (call: PluginCall, name: string, value: HeaderValue): void => {
    const member = 'response.setHeader'
    change(call, member, {
      kind: 'set',
      name: checkSettableHeaderName(member, name),
      values: checkHeaderValues(member, value),
    })
  },

  'response.addHeader': (call: PluginCall, name: string, value: HeaderValue): void => {
    const member = 'response.addHeader'
    change(call, member, {
      kind: 'add',
      name: checkSettableHeaderName(member, name),
      values: checkHeaderValues(member, value),
    })
  },

  'response.clearHeader': (call: PluginCall, name: string): void => {
    const member = 'response.clearHeader'
    change(call, member, { kind: 'clear', name: checkSettableHeaderName(member, name) })
  },

  'response.setHeaders': (
    call: PluginCall,
    headers: Readonly<Record<string, HeaderValue>>,
  ): void => {
    const member = 'response.setHeaders'
    for (const [name, values] of checkHeaderRecord(member, headers)) {
      change(call, member, { kind: 'set', name, values })
    }
  },

  /** The first exit wins: later ones in the same handler are ignored. */
  'response.exit': (
    call: PluginCall,
    status: number,
    body?: unknown,
    headers?: Readonly<Record<string, HeaderValue>>,
  ): void => {
    if (call.exited) return
    const member = 'response.exit'
    const checked = checkStatus(member, status, 200)
    const list: HeaderList = []
    const encoded = encodeBody(body, list)
    if (headers !== undefined && headers !== null) {
      for (const [name, values] of checkHeaderRecord(member, headers)) {
        setHeader(list, name, values)
      }
    }
    call.exited = true
    call.ctx.discardBody('plugin')
    call.ctx.setAnswer({ source: 'exit', status: checked, headers: list, body: encoded })
  },

  'response.error': (
    call: PluginCall,
    status: number,
    message?: string | null,
    headers?: Readonly<Record<string, HeaderValue>>,
  ): void => {
    if (call.exited) return
    const member = 'response.error'
    const checked = checkStatus(member, status, 400)
    const text = message ?? usualMessage(checked)
    const { exchange, id } = call.ctx
    const { contentType, body } = formatError(exchange, checkString(member, 'a message', text), id)
    const list: HeaderList = ['Content-Type', contentType]
    if (headers !== undefined && headers !== null) {
      for (const [name, values] of checkHeaderRecord(member, headers)) {
        setHeader(list, name, values)
      }
    }
    call.exited = true
    call.ctx.discardBody('plugin')
    call.ctx.setAnswer({ source: 'exit', status: checked, headers: list, body })
  },

  'response.getChunk': (call: PluginCall): Uint8Array => call.ctx.chunk ?? new Uint8Array(),

  'response.setChunk': (call: PluginCall, chunk: Uint8Array | string): void => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      throw badArgument('response.setChunk', 'bytes or a string', chunk)
    }
    call.ctx.chunk = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
  },

  'response.isLast': (call: PluginCall) => call.ctx.chunkIsLast,
}

function answerOf(call: PluginCall) {
  const { answer } = call.ctx
  if (answer === null) throw new PdkError('NOT_FOUND', 'there is no answer yet')
  return answer
}

function change(call: PluginCall, member: string, operation: HeaderOperation): void {
  refuseAfterExit(call, member)
  if (call.ctx.answer === null) call.ctx.pendingOperations.push(operation)
  else applyHeaderOperation(call.ctx.answer.headers, operation)
}

function encodeBody(body: unknown, headers: HeaderList): Uint8Array | null {
  if (body === undefined || body === null) return null
  if (typeof body === 'string') return Buffer.from(body)
  if (body instanceof Uint8Array) return body
  const json = JSON.stringify(body) as string | undefined
  if (json === undefined) {
    throw badArgument('response.exit', 'a body that can be JSON, a string or bytes', body)
  }
  headers.push('Content-Type', 'application/json; charset=utf-8')
  return Buffer.from(json)
}
