import type { HeaderList } from '@sallyport/sdk'
import type { BodySink, BodySource, CancelReason } from '../../exchange.ts'
import { RequestBodyError } from '../request-body-error.ts'
import { ChunkedDecoder } from './chunked-decoder.ts'
import { HEADER_KIND, toHeaderName } from '../../header-name.ts'
import type { InputBuffer } from './input-buffer.ts'
import type { HttpLimits } from '../limits.ts'

/** What a request body needs of the connection that it arrives on. */
export interface RequestBodyOwner {
  /** The body begins to flow: the moment for `100 Continue` and for minding silence. */
  onBodyStart(): void
  /** It wants bytes again. */
  onBodyResume(): void
}

/** The body of a request, taken from what the connection has received. */
export class LeanRequestBody implements BodySource {
  readonly length: number
  started = false
  /** The last byte arrived. */
  complete = false
  /** Who was to read it has said that it will not. */
  cancelled = false
  /** The rest is being read away. */
  discarded = false
  /** Bytes of the message that belonged to it so far, framing included. */
  bytesConsumed = 0

  readonly #owner: RequestBodyOwner
  readonly #decoder: ChunkedDecoder | null
  readonly #limits: HttpLimits
  #sink: BodySink | null = null
  #paused = false
  #received = 0
  #failure: RequestBodyError | null = null
  #input: InputBuffer | null = null
  readonly #onChunk: (piece: Buffer) => void = (piece) =>
    this.#pass(this.#input!, piece, 0, piece.length)

  constructor(length: number, limits: HttpLimits, owner: RequestBodyOwner) {
    this.length = length
    this.#owner = owner
    this.#limits = limits
    this.#decoder = length === -1 ? new ChunkedDecoder(limits) : null
  }

  /** Whether the connection is better closed than the rest of the body read away. */
  isBestLeft(clientAwaitsContinue: boolean): boolean {
    if (this.complete) return false
    const left = this.length === -1 ? Infinity : this.length - this.#received
    return clientAwaitsContinue || this.failed || left > this.#limits.unreadBodyBytesMax
  }

  /** Whether it is known that the rest will not arrive. */
  get failed(): boolean {
    return this.#failure !== null
  }

  /** Whether it takes bytes now. */
  get open(): boolean {
    return this.discarded ? !this.failed : this.#sink !== null && !this.#paused
  }

  /** Whether the client is expected to send something now. */
  get waiting(): boolean {
    return this.#sink !== null && !this.#paused && !this.complete
  }

  get tooLarge(): boolean {
    return this.#received > this.#limits.bodyBytesMax
  }

  start(sink: BodySink): void {
    if (this.started) throw new Error('a request body is started once')
    this.started = true
    if (this.#failure !== null || this.discarded) {
      sink.onError(this.#failure ?? new RequestBodyError('plugin'))
      return
    }
    this.#sink = sink
    this.#owner.onBodyStart()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (!this.complete) this.#owner.onBodyResume()
  }

  /** The rest is not read here: whether that is worth it is decided when the answer is complete. */
  cancel(_reason: CancelReason): void {
    this.#sink = null
    this.cancelled = true
  }

  /** The answer is over: the rest is read away, or not at all, and nobody gets it. */
  discard(): void {
    this.discarded = true
    const sink = this.#sink
    this.#sink = null
    sink?.onError(new RequestBodyError('plugin'))
  }

  /** The body will not arrive whole. */
  fail(reason: CancelReason | 'malformed'): void {
    if (this.complete) return
    const sink = this.#sink
    this.#sink = null
    this.#failure ??= new RequestBodyError(reason)
    sink?.onError(this.#failure)
  }

  /** Takes what there is of it; false when that is not what its framing says. */
  take(input: InputBuffer): boolean {
    const before = input.length
    if (this.#decoder === null) this.#takeCounted(input)
    else if (!this.#takeChunks(this.#decoder, input)) return false
    this.bytesConsumed += before - input.length
    if (this.complete) this.#finish()
    return true
  }

  #takeCounted(input: InputBuffer): void {
    const { bytes, start } = input
    const stop = Math.min(input.end, start + this.length - this.#received)
    input.start = stop
    this.#pass(input, bytes, start, stop)
    if (input.start === input.end) input.clear()
    this.complete = this.#received === this.length
  }

  #takeChunks(decoder: ChunkedDecoder, input: InputBuffer): boolean {
    const bytes =
      input.end === input.bytes.length ? input.bytes : input.bytes.subarray(0, input.end)
    this.#input = input
    const stop = decoder.decode(bytes, input.start, this.#onChunk)
    if (stop === -1 || this.tooLarge || !areSoundTrailers(decoder.trailers)) return false
    // A sink that ends the exchange may have ended the connection, and its input, with it.
    if (input.length > 0) input.consumeTo(stop)
    this.complete = decoder.done
    return true
  }

  #pass(input: InputBuffer, bytes: Buffer, from: number, to: number): void {
    this.#received += to - from
    if (this.tooLarge || this.#sink === null) return
    if (!this.#sink.onData(input.pieceOf(bytes, from, to))) this.#paused = true
  }

  #finish(): void {
    const sink = this.#sink
    this.#sink = null
    sink?.onEnd(this.#decoder === null ? null : this.#decoder.trailers)
  }
}

/**
 * What frames, routes or ends a message is said in its head. Some readers believe it of trailers as
 * well: who sends it there wants two servers to disagree.
 */
function areSoundTrailers(trailers: HeaderList | null): boolean {
  if (trailers === null) return true
  for (let i = 0; i < trailers.length; i += 2) {
    const { kind } = toHeaderName(trailers[i]!)!
    if (kind !== HEADER_KIND.other && kind !== HEADER_KIND.date) return false
  }
  return true
}
