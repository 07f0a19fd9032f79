import { type BodyLimits, getHeader, PdkError, type QueryLimits } from '@sallyport/sdk'
import { parseBody } from '../body-codec.ts'
import type { PluginCall } from '../plugin-call.ts'
import { ReadableRequestBody } from '../request-body.ts'
import { badArgument, checkQueryLimits } from '@sallyport/sdk/guest'
import { checkBodyLimits, checkBytes, refuseAfterExit } from './arguments.ts'
import { requestHeadersOf } from './request.ts'

const NO_BYTES = new Uint8Array()

/** Whole bodies: read with a limit, never silently empty. */
export const bodiesPdk = {
  'request.getRawBody': async (call: PluginCall, limits?: BodyLimits): Promise<Uint8Array> =>
    readRequestBody(call, checkBodyLimits(call, 'request.getRawBody', limits)),

  'request.getBody': async (
    call: PluginCall,
    mimeType?: string | null,
    limits?: BodyLimits & QueryLimits,
  ): Promise<unknown> => {
    const member = 'request.getBody'
    const type = checkType(member, mimeType) ?? getHeader(requestHeadersOf(call), 'content-type')
    const argsMax = checkQueryLimits(member, limits)
    const body = await readRequestBody(call, checkBodyLimits(call, member, limits))
    return parseBody(member, body, type, argsMax)
  },

  'service.response.getRawBody': async (
    call: PluginCall,
    limits?: BodyLimits,
  ): Promise<Uint8Array> => {
    const member = 'service.response.getRawBody'
    return withinLimit(readServiceBody(call, member), checkBodyLimits(call, member, limits))
  },

  'service.response.getBody': async (
    call: PluginCall,
    mimeType?: string | null,
    limits?: BodyLimits & QueryLimits,
  ): Promise<unknown> => {
    const member = 'service.response.getBody'
    const headers = call.ctx.serviceHeadersReceived ?? []
    const type = checkType(member, mimeType) ?? getHeader(headers, 'content-type')
    const argsMax = checkQueryLimits(member, limits)
    const body = withinLimit(readServiceBody(call, member), checkBodyLimits(call, member, limits))
    return parseBody(member, body, type, argsMax)
  },

  'response.getRawBody': async (call: PluginCall, limits?: BodyLimits): Promise<Uint8Array> => {
    const body = call.ctx.answer?.body ?? NO_BYTES
    const bytesMax = checkBodyLimits(call, 'response.getRawBody', limits)
    return withinLimit(body instanceof Uint8Array ? body : NO_BYTES, bytesMax)
  },

  'response.setRawBody': (call: PluginCall, body: Uint8Array | string): void => {
    const member = 'response.setRawBody'
    const bytes = checkBytes(member, body)
    refuseAfterExit(call, member)
    if (call.ctx.answer !== null) call.ctx.answer.body = bytes
  },
}

async function readRequestBody({ ctx }: PluginCall, bytesMax: number): Promise<Uint8Array> {
  const changed = ctx.changes?.body ?? null
  if (changed !== null) return withinLimit(changed, bytesMax)
  const { body } = ctx.exchange
  if (body === null) return NO_BYTES
  if (ctx.readableBody === null) {
    if (body.started) throw new PdkError('BODY_GONE', 'the body was sent upstream already')
    ctx.readableBody = new ReadableRequestBody(body)
  }
  return ctx.readableBody.read(bytesMax)
}

function readServiceBody({ ctx }: PluginCall, member: string): Uint8Array {
  if (ctx.serviceBodyReceived !== null) return ctx.serviceBodyReceived
  if (ctx.serviceStatus === null) return NO_BYTES
  throw new PdkError(
    'BODY_NOT_BUFFERED',
    `${member}: the body was not collected; call service.request.enableBuffering in access`,
  )
}

function withinLimit(body: Uint8Array, bytesMax: number): Uint8Array {
  if (body.byteLength <= bytesMax) return body
  throw new PdkError('BODY_TOO_LARGE', `the body is larger than maxBytes, which is ${bytesMax}`)
}

function checkType(member: string, mimeType: unknown): string | null {
  if (mimeType === undefined || mimeType === null) return null
  if (typeof mimeType !== 'string') throw badArgument(member, 'a media type', mimeType)
  return mimeType
}
