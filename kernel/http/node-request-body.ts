import type { IncomingMessage } from 'node:http'
import type { BodySink, BodySource, CancelReason } from '../exchange.ts'
import { RequestBodyError } from './request-body-error.ts'

/** What a request body needs of the exchange it belongs to. */
export interface RequestBodyOwner {
  /** The body begins to flow: the moment for `100 Continue` and for minding silence. */
  onBodyStart(): void
}

/** The body of a request as node:http delivers it. */
export class NodeRequestBody implements BodySource {
  readonly length: number
  started = false
  /** Whether the sink asked to wait. */
  paused = false
  /** Whether nobody wants the rest. */
  discarded = false

  readonly #request: IncomingMessage
  readonly #owner: RequestBodyOwner
  #sink: BodySink | null = null
  #received = 0
  #failure: RequestBodyError | null = null

  constructor(request: IncomingMessage, length: number, owner: RequestBodyOwner) {
    this.#request = request
    this.length = length
    this.#owner = owner
  }

  /** Whether the last byte arrived. */
  get complete(): boolean {
    return this.#request.complete
  }

  /** Bytes that may still arrive; Infinity when the client did not say. */
  get left(): number {
    if (this.#request.complete) return 0
    return this.length === -1 ? Infinity : this.length - this.#received
  }

  /** Whether it is known that the rest will not arrive. */
  get failed(): boolean {
    return this.#failure !== null
  }

  /** Whether the client is expected to send something now. */
  get waiting(): boolean {
    return this.#sink !== null && !this.paused && !this.#request.complete
  }

  start(sink: BodySink): void {
    if (this.started) throw new Error('a request body is started once')
    this.started = true
    if (this.#failure !== null) {
      sink.onError(this.#failure)
      return
    }
    this.#sink = sink
    this.#owner.onBodyStart()
    this.#request.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.#request.on('end', () => this.#onEnd())
    // What goes wrong is told by the connection, which also knows why.
    this.#request.on('error', () => {})
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.#request.resume()
  }

  /** The rest is not read here: whether that is worth it is decided when the answer is complete. */
  cancel(_reason: CancelReason): void {
    this.discarded = true
    this.#sink = null
    if (this.started && !this.#request.complete) this.#request.pause()
  }

  /** Reads the rest away. */
  discard(): void {
    this.discarded = true
    this.#sink = null
    this.#request.resume()
  }

  /** The body will not arrive whole. */
  fail(reason: CancelReason | 'malformed'): void {
    const sink = this.#sink
    this.#sink = null
    this.discarded = true
    this.#failure ??= new RequestBodyError(reason)
    sink?.onError(this.#failure)
  }

  #onData(chunk: Buffer): void {
    this.#received += chunk.length
    if (this.#sink === null || this.#sink.onData(chunk)) return
    this.paused = true
    this.#request.pause()
  }

  #onEnd(): void {
    const sink = this.#sink
    this.#sink = null
    const trailers = this.#request.rawTrailers
    sink?.onEnd(trailers.length === 0 ? null : trailers)
  }
}
