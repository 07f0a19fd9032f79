import { type IncomingMessage, ServerResponse } from 'node:http'
import { type HeaderList, type ReadonlyHeaderList, removeHeader } from '@sallyport/sdk'
import type { AnswerHead, CancelReason, Exchange, ExchangeObserver } from '../exchange.ts'
import {
  type AnswerFraming,
  toAnswerFraming,
  toAnswerHeaders,
  toTrailers,
} from './answer-headers.ts'
import type { LiveExchange, NodeConnection } from './node-connection.ts'
import { NodeRequestBody, type RequestBodyOwner } from './node-request-body.ts'
import type { RequestChecker } from './request-checker.ts'

/** The answer object of node:http; knowing its exchange saves a closure for each of its events. */
export class NodeResponse extends ServerResponse {
  exchange: NodeExchange | null = null
}

/** One request over node:http and the way to answer it. */
export class NodeExchange implements Exchange, LiveExchange, RequestBodyOwner {
  readonly connection: NodeConnection
  readonly httpVersion: '1.0' | '1.1'
  readonly method: string
  readonly target: string
  readonly authority: string | null
  readonly headers: HeaderList
  readonly body: NodeRequestBody | null
  /** Not offered here. */
  readonly upgrade = null
  observer: ExchangeObserver | null = null
  cancelled = false
  headSent = false

  readonly #response: NodeResponse
  /** Whether the client waits for `100 Continue` before it sends the body. */
  #expectsContinue = false
  #framing: AnswerFraming = 'none'
  /** Bytes of the body that were announced and not written yet. */
  #bytesLeft = 0
  /** Whether anything of the answer was given to node:http, the head included. */
  #flowing = false
  #ended = false
  #finished = false
  #needsDrain = false
  #drainWatched = false
  #bytesReceived = 0
  #bytesSent = 0

  /** `checked` holds what was found in this very request. */
  constructor(
    request: IncomingMessage,
    response: NodeResponse,
    connection: NodeConnection,
    checked: RequestChecker,
  ) {
    this.connection = connection
    this.httpVersion = request.httpVersion === '1.0' ? '1.0' : '1.1'
    this.method = request.method!
    this.target = checked.target
    this.authority = checked.authority
    this.headers = request.rawHeaders
    this.body =
      checked.bodyLength === 0 ? null : new NodeRequestBody(request, checked.bodyLength, this)
    this.#response = response
    response.exchange = this
    response.on('finish', onResponseFinish)
    connection.live.push(this)
  }

  get bytesReceived(): number {
    if (this.#finished || this.cancelled) return this.#bytesReceived
    return this.connection.socket.bytesRead - this.connection.bytesReadBefore
  }

  get bytesSent(): number {
    if (this.#finished || this.cancelled) return this.#bytesSent
    return this.connection.socket.bytesWritten - this.connection.bytesWrittenBefore
  }

  /** The client asked whether to send its body; the question is for us and goes no further. */
  expectContinue(): void {
    this.#expectsContinue = this.body !== null
    removeHeader(this.headers, 'expect')
  }

  sendInformation(status: number, headers: ReadonlyHeaderList): void {
    if (this.cancelled || this.headSent || this.httpVersion === '1.0') return
    // 100 is between us and the client; 101 would hand the connection over.
    if (status <= 101 || status > 199) return
    // Node 24 has no way to write one; a client does without.
    this.#response.writeInformation?.(status, headers)
  }

  /** Throws when the status or a header cannot be written; nothing was sent then. */
  sendHead(head: AnswerHead): void {
    if (this.headSent) throw new Error('the head of an answer is sent once')
    if (this.cancelled) return
    if (!(head.status >= 200 && head.status <= 999)) {
      throw new RangeError(`answer status ${head.status}: 200 to 999 is wanted`)
    }
    const headers = toAnswerHeaders(head, this)
    if (this.#endsConnection()) headers.push('Connection', 'close')
    this.#response.writeHead(head.status, headers)
    this.headSent = true
    this.#framing = toAnswerFraming(head, this)
    this.#bytesLeft = this.#framing === 'length' ? head.bodyLength : 0
    // Usually the body or the end follows at once and shares a packet with the head.
    if (this.#framing !== 'none' && head.bodyLength !== 0) process.nextTick(flushHead, this)
  }

  switchProtocols(): never {
    throw new Error('this listener offers no upgrades')
  }

  write(chunk: Uint8Array): boolean {
    if (this.cancelled) return false
    this.#account(chunk)
    if (this.#framing === 'none' || chunk.length === 0) return true
    if (this.#framing === 'length' && this.#bytesLeft === 0) {
      // The last announced byte is the end: one write less than waiting to be told so.
      this.#endWith(chunk)
      return true
    }
    this.#flowing = true
    if (this.#response.write(chunk)) return true
    this.#needsDrain = true
    if (!this.#drainWatched) {
      this.#drainWatched = true
      this.#response.on('drain', onResponseDrain)
    }
    this.#watchTaking()
    return false
  }

  end(chunk?: Uint8Array, trailers?: ReadonlyHeaderList): void {
    if (this.cancelled || this.#ended) return
    if (!this.headSent) throw new Error('an answer ends after its head was sent')
    if (chunk !== undefined) this.#account(chunk)
    if (this.#bytesLeft > 0) {
      // Fewer bytes than announced: the client must not take the next answer for the rest.
      this.abort('upstream-aborted')
      return
    }
    if (this.#framing === 'chunked' && trailers !== undefined && trailers.length > 0) {
      this.#response.addTrailers(toTrailers(trailers))
    }
    this.#endWith(this.#framing === 'none' ? undefined : chunk)
  }

  abort(reason: CancelReason): void {
    if (this.cancelled || this.#finished) return
    const { live } = this.connection
    live.splice(live.indexOf(this), 1)
    this.#cancel(reason)
    this.connection.cut(reason, this.headSent && this.#framing === 'close')
  }

  /** Sends the head by itself when nothing has followed it. */
  flushHead(): void {
    if (this.#flowing || this.cancelled) return
    this.#flowing = true
    this.#response.flushHeaders()
  }

  onBodyStart(): void {
    const { socket, state } = this.connection
    if (this.#expectsContinue && !this.headSent && !this.cancelled) {
      this.#expectsContinue = false
      this.#response.writeContinue()
    }
    socket.setTimeout(state.limits.bodyIdleMs)
  }

  onDrain(): void {
    if (!this.#needsDrain || this.cancelled) return
    this.#needsDrain = false
    this.observer?.onDrain()
  }

  onFinish(): void {
    if (this.cancelled || this.#finished) return
    this.#freeze()
    this.#finished = true
    if (this.body !== null && !this.body.complete) {
      if (this.#bodyIsBestLeft()) this.connection.linger()
      else this.body.discard()
    }
    this.connection.onExchangeEnd(this)
    this.observer?.onFinish()
  }

  onConnectionLost(reason: CancelReason): void {
    if (this.cancelled || this.#finished) return
    this.#cancel(reason)
    this.observer?.onCancel(reason)
  }

  onMalformed(): void {
    if (this.body !== null && !this.body.complete) this.body.fail('malformed')
  }

  onSilence(): boolean {
    if (this.#needsDrain || (this.#ended && !this.#finished)) return true
    if (this.body === null || this.body.complete) return false
    if (this.body.waiting) this.body.fail('timeout')
    else this.connection.socket.setTimeout(this.connection.state.limits.bodyIdleMs)
    return false
  }

  /** Whether the client must be told that nothing follows this answer. */
  #endsConnection(): boolean {
    const { body, connection } = this
    if (body !== null && !body.complete && (!body.started || body.discarded)) {
      if (this.#bodyIsBestLeft()) {
        connection.lingerAtEnd()
        return true
      }
    }
    return connection.mustClose && connection.live.at(-1) === this
  }

  /** Whether the connection is better closed than the rest of the request body read away. */
  #bodyIsBestLeft(): boolean {
    if (this.#expectsContinue || this.body!.failed) return true
    return this.body!.left > this.connection.state.limits.unreadBodyBytesMax
  }

  #endWith(chunk: Uint8Array | undefined): void {
    const together = !this.#flowing
    this.#flowing = true
    this.#ended = true
    if (chunk === undefined || chunk.length === 0) this.#response.end()
    else if (together && chunk.length <= JOINED_BYTES_MAX) {
      // As latin1 it becomes one string with the head, and one plain write.
      this.#response.end(toBuffer(chunk).toString('latin1'), 'latin1')
    } else this.#response.end(chunk)
    if (this.connection.socket.writableLength > 0) this.#watchTaking()
  }

  /** From now on a client that takes nothing for a while is cut off. */
  #watchTaking(): void {
    this.connection.socket.setTimeout(this.connection.state.limits.answerIdleMs)
  }

  /** Bytes over the announced length would be taken for the next answer: a bug of the caller. */
  #account(chunk: Uint8Array): void {
    if (!this.headSent) throw new Error('a body is written after the head')
    if (this.#framing !== 'length') {
      if (this.#ended) throw new Error('a body is written before its end')
      return
    }
    if (chunk.length > this.#bytesLeft) {
      throw new RangeError(`${chunk.length - this.#bytesLeft} bytes more than were announced`)
    }
    this.#bytesLeft -= chunk.length
  }

  #cancel(reason: CancelReason): void {
    this.#freeze()
    this.cancelled = true
    this.body?.fail(reason)
  }

  /** The counters of the connection go on; those of this exchange stop here. */
  #freeze(): void {
    this.#bytesReceived = this.bytesReceived
    this.#bytesSent = this.bytesSent
  }
}

/** Up to here copying a body costs less than a write of several parts. */
const JOINED_BYTES_MAX = 8 * 1024

function toBuffer(chunk: Uint8Array): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
}

function flushHead(exchange: NodeExchange): void {
  exchange.flushHead()
}

function onResponseFinish(this: NodeResponse): void {
  this.exchange!.onFinish()
}

function onResponseDrain(this: NodeResponse): void {
  this.exchange!.onDrain()
}
