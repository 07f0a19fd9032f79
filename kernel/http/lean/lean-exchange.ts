import { type HeaderList, type ReadonlyHeaderList, removeHeader } from '@sallyport/sdk'
import type {
  AnswerHead,
  CancelReason,
  Exchange,
  ExchangeObserver,
  Tunnel,
} from '../../exchange.ts'
import { type AnswerFraming, toAnswerFraming, toTrailers } from '../answer-headers.ts'
import { writeAnswerHead, writeInformation } from './answer-writer.ts'
import { toChunkHead } from './chunked-decoder.ts'
import type { LeanConnection } from './lean-connection.ts'
import { LeanRequestBody, type RequestBodyOwner } from './lean-request-body.ts'
import type { OutputBuffer } from './output-buffer.ts'
import type { RequestHead } from './request-head.ts'

/** One request on a connection and the way to answer it. */
export class LeanExchange implements Exchange, RequestBodyOwner {
  readonly connection: LeanConnection
  readonly httpVersion: '1.0' | '1.1'
  readonly method: string
  readonly target: string
  readonly authority: string | null
  readonly headers: HeaderList
  readonly body: LeanRequestBody | null
  readonly upgrade: string | null
  observer: ExchangeObserver | null = null
  cancelled = false
  headSent = false
  /** Whether the client waits for `100 Continue` before it sends the body. */
  awaitsContinue = false

  readonly #keepAlive: boolean
  readonly #headBytes: number
  readonly #output: OutputBuffer
  #framing: AnswerFraming = 'none'
  /** Bytes of the body that were announced and not written yet. */
  #bytesLeft = 0
  #ended = false
  #finished = false
  #needsDrain = false
  readonly #writtenBefore: number
  #bytesSent = -1

  /** `headBytes`: how many bytes the head was. */
  constructor(connection: LeanConnection, head: RequestHead, headBytes: number) {
    this.connection = connection
    this.httpVersion = head.httpVersion
    this.method = head.method
    this.target = head.target
    this.authority = head.authority
    this.headers = head.headers
    this.upgrade = head.upgrade
    this.#keepAlive = head.keepAlive
    this.#headBytes = headBytes
    this.#output = connection.output
    this.#writtenBefore = connection.output.bytesWritten
    this.body =
      head.bodyLength === 0
        ? null
        : new LeanRequestBody(head.bodyLength, connection.state.limits, this)
    if (head.expectsContinue) {
      // The question is for us and goes no further.
      removeHeader(this.headers, 'expect')
      this.awaitsContinue = this.body !== null
    }
  }

  get bytesReceived(): number {
    return this.#headBytes + (this.body === null ? 0 : this.body.bytesConsumed)
  }

  get bytesSent(): number {
    return this.#bytesSent === -1
      ? this.#output.bytesWritten - this.#writtenBefore
      : this.#bytesSent
  }

  sendInformation(status: number, headers: ReadonlyHeaderList): void {
    if (this.cancelled || this.headSent || this.httpVersion === '1.0') return
    // 100 is between us and the client; 101 would hand the connection over.
    if (status <= 101 || status > 199) return
    const { heads } = this.connection.state.turn
    heads.begin(0)
    writeInformation(heads, status, headers, null)
    this.#output.begin(heads.finish(), 0)
  }

  /** Throws when the status or a header cannot be written; nothing was sent then. */
  sendHead(head: AnswerHead): void {
    if (this.headSent) throw new Error('the head of an answer is sent once')
    if (this.cancelled) return
    if (!(head.status >= 200 && head.status <= 999)) {
      throw new RangeError(`answer status ${head.status}: 200 to 999 is wanted`)
    }
    const framing = toAnswerFraming(head, this)
    const closes = this.#endsConnection() || framing === 'close'
    const oldKept = this.httpVersion === '1.0' ? 'keep-alive' : null
    const length =
      framing === 'length' ? head.bodyLength : framing === 'none' ? 0 : STREAM_ROOM_BYTES
    const room = length > ROOM_BYTES_MAX ? 0 : length
    const { heads } = this.connection.state.turn
    heads.begin(room)
    writeAnswerHead(heads, head, framing, closes ? 'close' : oldKept)
    this.#output.begin(heads.finish(), room)
    if (closes) this.connection.closeAfterCurrent()
    this.headSent = true
    this.#framing = framing
    this.#bytesLeft = framing === 'length' ? head.bodyLength : 0
  }

  switchProtocols(head: AnswerHead): Tunnel {
    if (this.upgrade === null) throw new Error('the client asked for no upgrade')
    if (this.headSent) throw new Error('the head of an answer is sent once')
    const { heads } = this.connection.state.turn
    heads.begin(0)
    writeInformation(heads, 101, head.headers, this.upgrade)
    this.#output.begin(heads.finish(), 0)
    // What the tunnel writes goes past the buffer.
    this.#output.flush()
    const tunnel = this.connection.openTunnel()
    this.headSent = true
    this.#ended = true
    return tunnel
  }

  write(chunk: Uint8Array): boolean {
    if (this.cancelled) return false
    this.#account(chunk)
    if (this.#framing === 'none' || chunk.length === 0) return true
    const output = this.#output
    if (this.#framing === 'chunked') {
      output.writeChunk(toChunkHead(chunk.length), chunk)
    } else {
      output.write(chunk)
    }
    if (!this.connection.socket.writableNeedDrain) return true
    this.#needsDrain = true
    this.connection.onBlocked()
    return false
  }

  end(chunk?: Uint8Array, trailers?: ReadonlyHeaderList | null): void {
    if (this.cancelled || this.#ended) return
    if (!this.headSent) throw new Error('an answer ends after its head was sent')
    if (chunk !== undefined) this.write(chunk)
    if (this.#bytesLeft > 0) {
      // Fewer bytes than announced: the client must not take the next answer for the rest.
      this.abort('upstream-aborted')
      return
    }
    this.#ended = true
    if (this.#framing === 'chunked') this.#writeLastChunk(trailers ?? null)
    this.#output.close()
    // What waits for the end of the turn is as good as sent.
    if (this.connection.socket.writableLength === 0) this.#finish()
    else {
      this.connection.onBlocked()
      this.#output.onceSent(() => this.#finish())
    }
  }

  abort(reason: CancelReason): void {
    if (this.cancelled || this.#finished) return
    const reset = this.headSent && this.#framing === 'close'
    this.#cancel(reason)
    this.connection.cut(reason, reset)
  }

  onBodyStart(): void {
    if (this.awaitsContinue && !this.headSent && !this.cancelled) {
      this.awaitsContinue = false
      this.#output.writeText('HTTP/1.1 100 Continue\r\n\r\n')
      this.#output.flush()
    }
    this.connection.onBodyResume()
  }

  onBodyResume(): void {
    this.connection.onBodyResume()
  }

  onDrain(): void {
    if (!this.#needsDrain || this.cancelled) return
    this.#needsDrain = false
    this.observer?.onDrain()
  }

  onConnectionLost(reason: CancelReason): void {
    if (this.cancelled || this.#finished) return
    this.#cancel(reason)
    this.observer?.onCancel(reason)
  }

  /** Both ways of the tunnel have ended. */
  onTunnelOver(): void {
    if (this.cancelled || this.#finished) return
    this.#finished = true
    this.observer?.onFinish()
  }

  #finish(): void {
    if (this.cancelled || this.#finished) return
    this.#finished = true
    this.#bytesSent = this.bytesSent
    this.observer?.onFinish()
    this.connection.onExchangeOver(this)
  }

  #writeLastChunk(trailers: ReadonlyHeaderList | null): void {
    const pairs = trailers === null ? [] : toTrailers(trailers)
    if (pairs.length === 0) {
      this.#output.writeText('0\r\n\r\n')
      return
    }
    this.#output.close()
    const { heads } = this.connection.state.turn
    heads.begin(0)
    heads.text('0')
    heads.lineEnd()
    for (const [name, value] of pairs) heads.header(name, value)
    this.#output.begin(heads.finish(), 0)
  }

  /** Whether the client must be told that nothing follows this answer. */
  #endsConnection(): boolean {
    const { body, connection } = this
    if (!this.#keepAlive) return true
    const unread = body !== null && (!body.started || body.cancelled)
    if (unread && body.isBestLeft(this.awaitsContinue)) return true
    return connection.endsWithAnswer
  }

  /** Bytes over the announced length would be taken for the next answer: a bug of the caller. */
  #account(chunk: Uint8Array): void {
    if (!this.headSent || this.#ended) throw new Error('a body is written between head and end')
    if (this.#framing !== 'length') return
    if (chunk.length > this.#bytesLeft) {
      throw new RangeError(`${chunk.length - this.#bytesLeft} bytes more than were announced`)
    }
    this.#bytesLeft -= chunk.length
  }

  #cancel(reason: CancelReason): void {
    this.#bytesSent = Math.max(0, this.bytesSent - this.#output.unsent)
    this.cancelled = true
    this.body?.fail(reason)
  }
}

/** Room behind a head for as much of its body as is worth a copy to save a write. */
const ROOM_BYTES_MAX = 16 * 1024
/** When it is not known how much will follow. */
const STREAM_ROOM_BYTES = 2 * 1024
