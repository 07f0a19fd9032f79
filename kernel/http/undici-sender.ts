import { Pool } from 'undici'
import type { Dispatcher } from 'undici'
import { findHeader, type HeaderList } from '@sallyport/sdk'
import {
  type AnswerReceiver,
  type SendTarget,
  type Sending,
  UpstreamFailure,
  type UpstreamRequest,
  type UpstreamSender,
} from '../exchange.ts'
import type { HttpLimits } from './limits.ts'
import { UndiciSending } from './undici-sending.ts'
import { createUpstreamConnector } from './upstream-connector.ts'

/**
 * A sender over undici's pools. What it does not do, because undici does not: request trailers,
 * `100 Continue` from an upstream (a `bad-answer`), and sending the head of a request before the
 * first bytes of its body are there.
 */
export function createUndiciSender(options: { limits: HttpLimits }): UpstreamSender {
  return new UndiciSender(options.limits)
}

interface TargetPool {
  readonly pool: Pool
  inFlight: number
  /** Position in the order of use. */
  usedAt: number
  readonly onOver: () => void
}

class UndiciSender implements UpstreamSender {
  readonly #limits: HttpLimits
  /** By target and connect time-out: undici fixes that one for a pool. */
  readonly #pools = new Map<string, TargetPool>()
  #uses = 0
  #closed = false

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  send(request: UpstreamRequest, receiver: AnswerReceiver): Sending {
    if (request.body?.started === true) {
      throw new Error('a request body that began to flow cannot be sent again')
    }
    const target = this.#poolOf(request.target, request.timeouts.connectMs)
    target.usedAt = ++this.#uses
    target.inFlight++
    const { onOver } = target
    const sending = new UndiciSending(request, { receiver, limits: this.#limits, onOver })
    if (this.#closed) {
      const failure = new UpstreamFailure('closed', 'the sender is closed', false)
      process.nextTick(() => sending.onResponseError(null, failure))
      return sending
    }
    const dispatch = this.#toDispatch(request, sending, target)
    // undici tells at once what it refuses to send.
    process.nextTick(() => target.pool.dispatch(dispatch, sending))
    return sending
  }

  async close(): Promise<void> {
    this.#closed = true
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.all(pools.map((target) => target.pool.destroy()))
  }

  #toDispatch(
    request: UpstreamRequest,
    sending: UndiciSending,
    target: TargetPool,
  ): Dispatcher.DispatchOptions {
    const { timeouts, target: to } = request
    const body = sending.requestBody
    const dispatch: Dispatcher.DispatchOptions & { servername?: string } = {
      path: request.path,
      method: request.method,
      headers: toSentHeaders(request),
      // undici reads only what `RequestBodyStream` has; its types ask for a whole Readable.
      body: body as unknown as NonNullable<Dispatcher.DispatchOptions['body']> | null,
      headersTimeout: body === null ? timeouts.readMs : 0,
      bodyTimeout: timeouts.readMs,
    }
    // Else undici would take the name from `Host`, and reconnect whenever that changes.
    if (to.tlsName !== null) dispatch.servername = to.tlsName
    // Connections over the limit serve their one request and are not kept.
    if (target.inFlight > this.#limits.idleUpstreamConnectionsMax) dispatch.reset = true
    return dispatch
  }

  #poolOf(target: SendTarget, connectMs: number): TargetPool {
    const { scheme, hostname, port, tlsName } = target
    const key = `${scheme} ${hostname} ${port} ${tlsName} ${connectMs}`
    return this.#pools.get(key) ?? this.#addPool(key, target, connectMs)
  }

  #addPool(key: string, target: SendTarget, connectMs: number): TargetPool {
    if (this.#pools.size >= this.#limits.upstreamPoolsMax) this.#dropOldestPool()
    const { upstreamIdleMs, headerBytesMax } = this.#limits
    // The connector knows where to connect; undici only wants an origin of the right scheme.
    const pool = new Pool(`${target.scheme}://upstream.invalid`, {
      connect: createUpstreamConnector(target, connectMs),
      connections: null,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: upstreamIdleMs,
      keepAliveMaxTimeout: upstreamIdleMs,
      maxHeaderSize: headerBytesMax,
    })
    const added: TargetPool = { pool, inFlight: 0, usedAt: 0, onOver: () => added.inFlight-- }
    this.#pools.set(key, added)
    return added
  }

  /** Its requests are finished, its idle connections closed. */
  #dropOldestPool(): void {
    let oldest: [string, TargetPool] | null = null
    for (const entry of this.#pools) {
      if (oldest === null || entry[1].usedAt < oldest[1].usedAt) oldest = entry
    }
    if (oldest === null) return
    this.#pools.delete(oldest[0])
    void oldest[1].pool.close()
  }
}

/**
 * The request's headers in a list that undici may read; with a body of known length they get the
 * `Content-Length` that keeps it from being chunked.
 */
function toSentHeaders(request: UpstreamRequest): HeaderList {
  const list = request.headers as HeaderList
  const { body } = request
  if (body === null || body.length === -1) return list
  if (findHeader(list, 'content-length') !== -1) return list
  return [...list, 'content-length', String(body.length)]
}
