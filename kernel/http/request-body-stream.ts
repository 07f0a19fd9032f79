import { EventEmitter } from 'node:events'
import type { ReadonlyHeaderList } from '@sallyport/sdk'
import { type BodySink, type BodySource, UpstreamFailure } from '../exchange.ts'

/**
 * A body source in the shape of the stream that undici writes to a connection: as little of one as
 * it needs. undici calls `resume` once the connection is there, and only then does the source start:
 * a body whose connection failed is untouched and can go elsewhere.
 */
export class RequestBodyStream extends EventEmitter implements BodySink {
  destroyed = false
  readonly #source: BodySource
  readonly #writeMs: number
  #onWriteTimeout: () => void
  #paused = false
  #ended = false
  #timer: NodeJS.Timeout | null = null

  /** `onWriteTimeout` is called when the connection takes nothing for `writeMs`. */
  constructor(source: BodySource, writeMs: number, onWriteTimeout: () => void) {
    super()
    this.#source = source
    this.#writeMs = writeMs
    this.#onWriteTimeout = onWriteTimeout
  }

  /** Whether every byte was given to the connection. */
  get ended(): boolean {
    return this.#ended
  }

  /** By having this method undici knows a stream; it is never called. */
  pipe(): never {
    throw new Error('a request body is read by its events')
  }

  resume(): void {
    if (this.destroyed || this.#ended) return
    if (!this.#source.started) {
      // undici is still putting its listeners on when it calls this for the first time.
      queueMicrotask(() => {
        if (!this.destroyed) this.#source.start(this)
      })
      return
    }
    if (!this.#paused) return
    this.#paused = false
    this.#stopTimer()
    this.#source.resume()
  }

  pause(): void {
    if (this.#paused || this.destroyed) return
    this.#paused = true
    this.#timer = setTimeout(this.#onWriteTimeout, this.#writeMs)
  }

  /** Nobody writes it any more; a rest that is still to come is thrown away. */
  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.#stopTimer()
    if (this.#source.started && !this.#ended) this.#source.cancel('upstream-aborted')
  }

  onData(chunk: Uint8Array): boolean {
    if (this.destroyed) return true
    this.emit('data', chunk)
    return !this.#paused
  }

  onEnd(_trailers: ReadonlyHeaderList | null): void {
    this.#ended = true
    if (!this.destroyed) this.emit('end')
  }

  onError(error: Error): void {
    this.#ended = true
    if (this.destroyed) return
    const failure = new UpstreamFailure('request-body', error.message, true)
    failure.cause = error
    this.emit('error', failure)
  }

  #stopTimer(): void {
    if (this.#timer === null) return
    clearTimeout(this.#timer)
    this.#timer = null
  }
}
