import { type FetchAnswer, PdkError } from '@sallyport/sdk'
import { type Dispatcher, errors } from 'undici'
import type { PluginLimits } from '../plugin-limits.ts'
import type { CallBudget } from './call-budget.ts'
import { ConnectionPools, type FetchTls } from './connection-pools.ts'
import type { EffectMeter, EffectMeters } from './effect-meters.ts'
import {
  type FetchTarget,
  parseFetchUrl,
  type ResolveHostname,
  toFetchTarget,
} from './fetch-target.ts'
import type { Permissions } from './grants.ts'

/** What a plugin asks for, checked. */
export interface FetchRequest {
  readonly url: URL
  readonly method: string
  /** Flat: names and values. */
  readonly headers: readonly string[]
  readonly body: Uint8Array | null
  readonly timeoutMs: number
  readonly bytesMax: number
  readonly maxRedirects: number
}

/** In whose name, and within which limits. */
export interface FetchContext {
  readonly permissions: Permissions
  readonly budget: CallBudget
}

type Answered = Dispatcher.ResponseData

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
/** What one server was told in confidence is not for the next one. */
const CONFIDENTIAL: ReadonlySet<string> = new Set(['authorization', 'cookie'])

/** Requests that plugins make. Redirects are followed here, so that each is checked like the first. */
export class HttpClient {
  readonly #pools: ConnectionPools
  readonly #resolveHostname: ResolveHostname
  readonly #meters: EffectMeters

  constructor(options: {
    resolveHostname: ResolveHostname
    tls: FetchTls
    meters: EffectMeters
    limits: PluginLimits
  }) {
    this.#pools = new ConnectionPools(options.tls, options.limits)
    this.#resolveHostname = options.resolveHostname
    this.#meters = options.meters
  }

  /** Rejects with a `PdkError`. */
  async fetch(request: FetchRequest, context: FetchContext): Promise<FetchAnswer> {
    const { budget } = context
    const end = budget.beginFetch()
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), Math.min(request.timeoutMs, budget.leftMs))
    const signal = AbortSignal.any([late.signal, budget.signal])
    try {
      return await this.#follow(request, context, signal)
    } catch (error) {
      throw toPdkError(error, signal, request)
    } finally {
      clearTimeout(timer)
      end()
    }
  }

  close(): Promise<void> {
    return this.#pools.close()
  }

  async #follow(
    first: FetchRequest,
    context: FetchContext,
    signal: AbortSignal,
  ): Promise<FetchAnswer> {
    const meter = this.#meters.of(context.permissions)
    let request = first
    for (let redirects = 0; ; redirects++) {
      context.budget.spend('http.fetch', 'http')
      const found = toFetchTarget(request.url, context.permissions, this.#resolveHostname)
      const target = await unlessAborted(found, signal)
      meter.sentBytes += request.body?.byteLength ?? 0
      const answer = await this.#ask(request, target, context, signal)
      const location = answer.headers['location']
      const isFollowed =
        first.maxRedirects > 0 && REDIRECTS.has(answer.statusCode) && typeof location === 'string'
      if (!isFollowed) return await readAnswer(answer, request, meter)
      // What a redirect says besides is of no interest; its connection is not worth reading it.
      answer.body.on('error', () => undefined).destroy()
      if (redirects === first.maxRedirects) {
        throw new PdkError('FETCH_FAILED', `http.fetch: more than ${redirects} redirects`)
      }
      request = redirected(request, answer.statusCode, location)
    }
  }

  #ask(
    { method, headers, body, url }: FetchRequest,
    target: FetchTarget,
    { permissions }: FetchContext,
    signal: AbortSignal,
  ): Promise<Answered> {
    return this.#pools.poolFor(target, permissions).request({
      path: url.pathname + url.search,
      method,
      headers: [...headers],
      body,
      signal,
    })
  }
}

/** The request that a redirect asks for, as browsers understand it. */
function redirected(before: FetchRequest, status: number, location: string): FetchRequest {
  const url = parseFetchUrl(location, before.url)
  if (before.url.protocol === 'https:' && url.protocol === 'http:') {
    throw new PdkError('FETCH_FAILED', 'http.fetch: a redirect from https to http is not followed')
  }
  const isPost = before.method === 'POST'
  const becomesGet = status === 303 ? before.method !== 'HEAD' : status < 303 && isPost
  const dropsConfidential = url.origin !== before.url.origin
  const headers: string[] = []
  for (let i = 0; i < before.headers.length; i += 2) {
    const name = before.headers[i]!.toLowerCase()
    if (dropsConfidential && CONFIDENTIAL.has(name)) continue
    if (becomesGet && name.startsWith('content-')) continue
    headers.push(before.headers[i]!, before.headers[i + 1]!)
  }
  return becomesGet
    ? { ...before, url, headers, method: 'GET', body: null }
    : { ...before, url, headers }
}

async function readAnswer(
  { statusCode, headers, body }: Answered,
  { url, bytesMax }: FetchRequest,
  meter: EffectMeter,
): Promise<FetchAnswer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length
    meter.receivedBytes += chunk.length
    // Leaving the loop destroys the stream, and with it the connection.
    if (length > bytesMax) {
      throw new PdkError('BODY_TOO_LARGE', `the body is larger than maxBytes, which is ${bytesMax}`)
    }
    chunks.push(chunk)
  }
  const known: Record<string, string | string[]> = {}
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) known[name] = value
  return { status: statusCode, headers: known, body: Buffer.concat(chunks), url: url.href }
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Error('aborted'))
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function toPdkError(error: unknown, signal: AbortSignal, { url }: FetchRequest): PdkError {
  if (error instanceof PdkError) return error
  if (signal.aborted || error instanceof errors.ConnectTimeoutError) {
    return new PdkError('TIMEOUT', `http.fetch: no answer of ${url.host} in time`)
  }
  // Node's texts name the address; a plugin learns what went wrong and not where it leads.
  const { code } = error as { code?: unknown }
  const reason = typeof code === 'string' ? code : 'it broke off'
  return new PdkError('FETCH_FAILED', `http.fetch: ${url.host}: ${reason}`)
}
