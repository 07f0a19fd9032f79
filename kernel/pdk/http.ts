import type { FetchAnswer, FetchOptions } from '@sallyport/sdk'
import type { FetchRequest } from '../effects/http-client.ts'
import { parseFetchUrl } from '../effects/fetch-target.ts'
import type { PluginCall } from '../plugin-call.ts'
import { badArgument, checkWhole } from '@sallyport/sdk/guest'
import { checkBodyLimits, checkBytes, checkHeaderRecord } from './arguments.ts'
import { checkOptions } from './effect-arguments.ts'

const MEMBER = 'http.fetch'
const METHOD = /^[A-Z][A-Z-]{0,19}$/
/** `CONNECT` and `TRACE` are not for asking; `Host` is part of what was granted. */
const REFUSED_METHODS: ReadonlySet<string> = new Set(['CONNECT', 'TRACE'])
const REFUSED_HEADER = /^(?:host|proxy-.*)$/i

export const httpPdk = {
  'http.fetch': async (
    call: PluginCall,
    url: string,
    options?: FetchOptions,
  ): Promise<FetchAnswer> => {
    const request = toFetchRequest(call, url, options)
    const { permissions, budget } = call
    return call.environment.effects.http.fetch(request, { permissions, budget })
  },
}

function toFetchRequest(call: PluginCall, url: unknown, given: unknown): FetchRequest {
  const options = checkOptions(MEMBER, given)
  const method = options['method'] ?? 'GET'
  if (typeof method !== 'string' || !METHOD.test(method) || REFUSED_METHODS.has(method)) {
    throw badArgument(MEMBER, 'a method like GET or POST', method)
  }
  const { fetchTimeoutMs, fetchTimeoutMsMax, fetchRedirects, fetchRedirectsMax } = call.limits
  const { timeoutMs = fetchTimeoutMs, maxRedirects = fetchRedirects, maxBytes } = options
  return {
    url: parseFetchUrl(url),
    method,
    headers: toHeaders(options['headers']),
    body: toBody(call, method, options['body']),
    timeoutMs: checkWhole(MEMBER, 'timeoutMs', timeoutMs, [1, fetchTimeoutMsMax]),
    bytesMax: checkBodyLimits(
      call,
      MEMBER,
      maxBytes === undefined ? undefined : { maxBytes: maxBytes as number },
    ),
    maxRedirects: checkWhole(MEMBER, 'maxRedirects', maxRedirects, [0, fetchRedirectsMax]),
  }
}

function toHeaders(given: unknown): string[] {
  const headers: string[] = []
  let hasAgent = false
  for (const [name, values] of given === undefined ? [] : checkHeaderRecord(MEMBER, given)) {
    if (REFUSED_HEADER.test(name)) {
      throw badArgument(MEMBER, 'a header that does not say where the request goes', name)
    }
    if (name.toLowerCase() === 'user-agent') hasAgent = true
    for (const value of values) headers.push(name, value)
  }
  if (!hasAgent) headers.push('User-Agent', 'sallyport')
  return headers
}

function toBody(call: PluginCall, method: string, given: unknown): Uint8Array | null {
  if (given === undefined || given === null) return null
  const body = checkBytes(MEMBER, given)
  if (method === 'GET' || method === 'HEAD')
    throw badArgument(MEMBER, `no body with ${method}`, body)
  const most = call.limits.fetchBodyBytesMax
  if (body.byteLength > most) {
    throw badArgument(MEMBER, `a body of up to ${most} bytes`, body.byteLength)
  }
  return body
}
