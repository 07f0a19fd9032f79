import { PdkError } from '@sallyport/sdk'
import type { BodySink, BodySource, CancelReason } from './exchange.ts'

type Trailers = Parameters<BodySink['onEnd']>[0]

/**
 * The body of a request that a plugin wants to read: what has arrived is kept, so that the upstream
 * gets all of it. A body that was read whole can be sent any number of times.
 */
export class ReadableRequestBody {
  readonly #source: BodySource
  readonly #chunks: Uint8Array[] = []
  #bytes = 0
  #wanted = 0
  #whole: Uint8Array | null = null
  #trailers: Trailers = null
  #failure: Error | null = null
  #ended = false
  #waiting: { resolve: (whole: Uint8Array) => void; reject: (error: Error) => void } | null = null
  #reading: Promise<Uint8Array> | null = null
  /** Who sends it upstream takes what comes from then on. */
  #sink: BodySink | null = null
  #paused = false

  constructor(source: BodySource) {
    this.#source = source
  }

  /**
   * The whole body. Rejects with `BODY_TOO_LARGE` as soon as it is known to be longer than `bytesMax`;
   * nothing of it is lost then. Plugins that ask at the same time wait for one reading.
   */
  async read(bytesMax: number): Promise<Uint8Array> {
    if (this.#whole === null && this.#failure === null) {
      if (this.#sink !== null) throw sentAlready()
      if (this.#source.length > bytesMax || this.#bytes > bytesMax) throw tooLarge(bytesMax)
      this.#wanted = Math.max(this.#wanted, bytesMax)
      this.#reading ??= this.#begin()
      const whole = await this.#reading
      if (whole.byteLength > bytesMax) throw tooLarge(bytesMax)
      return whole
    }
    if (this.#failure !== null) throw this.#failure
    if (this.#whole!.byteLength > bytesMax) throw tooLarge(bytesMax)
    return this.#whole!
  }

  /** What is to be sent upstream, for one try. */
  toSource(): BodySource {
    if (this.#whole !== null) return new BytesBody(this.#whole, this.#trailers)
    return this.#chunks.length === 0 && this.#reading === null ? this.#source : this.#rest()
  }

  #begin(): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.#waiting = { resolve, reject }
    if (this.#source.started) this.#resume()
    else this.#source.start(this.#collector)
    return promise
  }

  readonly #collector: BodySink = {
    onData: (chunk) => {
      if (this.#sink !== null) return this.#sink.onData(chunk)
      this.#chunks.push(chunk)
      this.#bytes += chunk.byteLength
      if (this.#bytes <= this.#wanted) return true
      this.#paused = true
      this.#settle((waiting) => waiting.reject(tooLarge(this.#wanted)))
      return false
    },
    onEnd: (trailers) => {
      this.#ended = true
      this.#trailers = trailers
      if (this.#sink !== null) {
        this.#sink.onEnd(trailers)
        return
      }
      const whole = Buffer.concat(this.#chunks, this.#bytes)
      this.#whole = whole
      this.#settle((waiting) => waiting.resolve(whole))
    },
    onError: (error) => {
      this.#failure = error
      if (this.#sink !== null) this.#sink.onError(error)
      else this.#settle((waiting) => waiting.reject(error))
    },
  }

  #settle(
    how: (waiting: { resolve(whole: Uint8Array): void; reject(error: Error): void }) => void,
  ): void {
    const waiting = this.#waiting
    this.#waiting = null
    this.#reading = null
    if (waiting !== null) how(waiting)
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#source.resume()
  }

  /** What was read, and then what is still to come. It can be sent once. */
  #rest(): BodySource {
    const chunks = this.#chunks
    let started = false
    return {
      length: this.#source.length,
      get started() {
        return started
      },
      start: (sink) => {
        started = true
        this.#settle((waiting) => waiting.reject(sentAlready()))
        let more = true
        for (const chunk of chunks.splice(0)) more = sink.onData(chunk) && more
        this.#sink = sink
        if (this.#failure !== null) sink.onError(this.#failure)
        else if (this.#ended) sink.onEnd(this.#trailers)
        else if (more) this.#resume()
        else this.#paused = true
      },
      resume: () => this.#resume(),
      cancel: (reason) => this.#source.cancel(reason),
    }
  }
}

/** A body that is there as a whole. */
export class BytesBody implements BodySource {
  readonly length: number
  started = false
  readonly #bytes: Uint8Array
  readonly #trailers: Trailers

  constructor(bytes: Uint8Array, trailers: Trailers = null) {
    this.length = bytes.byteLength
    this.#bytes = bytes
    this.#trailers = trailers
  }

  start(sink: BodySink): void {
    this.started = true
    if (this.length > 0) sink.onData(this.#bytes)
    sink.onEnd(this.#trailers)
  }

  resume(): void {}

  cancel(_reason: CancelReason): void {}
}

function tooLarge(bytesMax: number): PdkError {
  return new PdkError('BODY_TOO_LARGE', `the body is larger than maxBytes, which is ${bytesMax}`)
}

function sentAlready(): PdkError {
  return new PdkError('BODY_GONE', 'the body of the request was sent upstream already')
}
