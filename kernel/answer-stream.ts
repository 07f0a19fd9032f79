import type { ReadonlyHeaderList } from '@sallyport/sdk'
import type { BodyTaker, RequestContext } from './context.ts'
import type { Environment } from './environment.ts'
import type { BodySink, BodySource } from './exchange.ts'
import { FilterFailure, runPhase } from './run-phase.ts'
import { Waiting } from './waiting.ts'

const NO_BYTES = new Uint8Array()

/**
 * Carries the body of an answer to the client: bytes are piped untouched when no step of the chain
 * filters them, else each chunk goes through `bodyFilter`, one after the other. Back-pressure works
 * through the whole length: a client that does not read, or a filter that takes its time, stops the
 * upstream.
 */
export class AnswerStream implements BodySink, BodyTaker {
  readonly #ctx: RequestContext
  readonly #environment: Environment
  readonly #filters: boolean
  /** A filter may keep what it saw. */
  readonly passesOn: boolean
  /** The answer has no body, whatever filters make of it. */
  #bodiless = false
  #source: BodySource | null = null
  /** Who waits for the end; null until somebody has to. */
  #waiting: Waiting | null = null
  /** Chunks that came while a filter was at work; the source was asked to stop, so they are few. */
  #held: Uint8Array[] | null = null
  #filtering = false
  /** What went into the filters and has not come out: they may keep a body back until its end. */
  #keptBytes = 0
  #clientIsFull = false
  #ended = false
  #over = false
  #failure: Error | null = null
  #trailers: ReadonlyHeaderList | null = null

  constructor(ctx: RequestContext, environment: Environment) {
    this.#ctx = ctx
    this.#environment = environment
    this.#filters = ctx.chain.filtersBody
    this.passesOn = !this.#filters
  }

  /**
   * Returns nothing when everything was handed over at once. Of a `bodiless` answer, as to HEAD,
   * filters see the end, and what they write is not sent.
   */
  send(body: Uint8Array | BodySource | null, bodiless = false): void | Waiting {
    this.#bodiless = bodiless
    if (body === null || body instanceof Uint8Array) {
      if (!this.#filters) {
        if (body === null) this.#ctx.exchange.end()
        else this.#ctx.exchange.end(body)
        return
      }
      this.#ctx.stream = this
      if (body !== null && body.byteLength > 0) this.onData(body)
      this.onEnd(null)
    } else {
      this.#source = body
      this.#ctx.stream = this
      body.start(this)
    }
    return this.#rest()
  }

  onData(chunk: Uint8Array): boolean {
    if (this.#over) return true
    if (!this.#filters) return this.#ctx.exchange.write(chunk)
    if (this.#held === null) this.#held = [chunk]
    else this.#held.push(chunk)
    this.#filterNext()
    return !this.#filtering && !this.#clientIsFull
  }

  onEnd(trailers: ReadonlyHeaderList | null): void {
    this.#ended = true
    this.#trailers = trailers
    if (!this.#filters) this.#finish()
    else this.#filterNext()
  }

  onError(error: Error): void {
    if (this.#over) return
    this.#ctx.errorDetail ??= `the upstream's answer broke off: ${error.message}`
    this.#ctx.exchange.abort('upstream-aborted')
    this.#finish()
  }

  onDrain(): void {
    this.#clientIsFull = false
    if (!this.#filtering) this.#source?.resume()
  }

  onCancel(): void {
    this.#source?.cancel('client-aborted')
    this.#finish()
  }

  /** Whether there is anything left to wait for. */
  #rest(): void | Waiting {
    if (this.#failure !== null) throw this.#failure
    if (this.#over) return
    return (this.#waiting = new Waiting())
  }

  #filterNext(): void {
    while (!this.#filtering && !this.#over) {
      const chunk = this.#held?.shift()
      if (chunk === undefined && !this.#ended) return
      const isLast = chunk === undefined || (this.#ended && this.#held!.length === 0)
      const ctx = this.#ctx
      ctx.chunk = chunk ?? NO_BYTES
      ctx.chunkIsLast = isLast
      this.#keptBytes += ctx.chunk.byteLength
      let pending: void | Promise<void>
      try {
        pending = runPhase(ctx, 'bodyFilter', this.#environment)
        if (pending === undefined) {
          this.#pass(isLast)
          continue
        }
      } catch (error) {
        this.#fail(error)
        return
      }
      this.#filtering = true
      // Also what goes wrong in passing on must end the request: nobody else hears of it.
      pending.then(() => this.#goOn(isLast)).catch((error: unknown) => this.#fail(error))
    }
  }

  #goOn(wasLast: boolean): void {
    this.#filtering = false
    this.#pass(wasLast)
    this.#filterNext()
    const idle = !this.#filtering && !this.#clientIsFull && !this.#ended
    if (idle) this.#source?.resume()
  }

  #pass(isLast: boolean): void {
    if (this.#over) return
    const { chunk, exchange } = this.#ctx
    const bytes = chunk?.byteLength ?? 0
    const { chunkGrowthBytesMax } = this.#environment.effects.limits
    const bytesMax = this.#keptBytes + chunkGrowthBytesMax
    if (bytes > bytesMax) {
      // Here and not in `setChunk`, whose error a handler could catch: what it meant to filter must not pass.
      const text = `bodyFilter gave back a chunk of ${bytes} bytes; up to ${bytesMax} are allowed here`
      this.#fail(new FilterFailure(text))
      return
    }
    this.#keptBytes = Math.max(0, this.#keptBytes - bytes)
    const writes = chunk !== null && chunk.byteLength > 0 && !this.#bodiless
    if (writes && !exchange.write(chunk)) this.#clientIsFull = true
    if (isLast) this.#finish()
  }

  #fail(error: unknown): void {
    this.#source?.cancel('plugin')
    this.#leave()
    this.#failure = error instanceof Error ? error : new Error(String(error))
    this.#waiting?.fail(this.#failure)
  }

  #finish(): void {
    if (this.#over) return
    this.#leave()
    const { exchange } = this.#ctx
    if (!exchange.cancelled) exchange.end(undefined, this.#trailers ?? undefined)
    this.#waiting?.settle()
  }

  /**
   * Lets go of each other: a request that was promoted while it waited would otherwise keep all that
   * hangs on it alive until the next full collection (measured: half of the CPU time went into GC).
   */
  #leave(): void {
    this.#over = true
    this.#source = null
    this.#ctx.stream = null
  }
}

export class CollectFailure extends Error {
  override readonly name = 'CollectFailure'
}

/** All bytes of a body. Rejects with `CollectFailure` when there are more than `bytesMax`. */
export function collectBody(source: BodySource, bytesMax: number): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const chunks: Uint8Array[] = []
  let bytes = 0
  source.start({
    onData(chunk) {
      bytes += chunk.byteLength
      if (bytes > bytesMax) {
        source.cancel('plugin')
        reject(new CollectFailure(`the body is larger than ${bytesMax} bytes`))
        return false
      }
      chunks.push(chunk)
      return true
    },
    onEnd: () => resolve(Buffer.concat(chunks, bytes)),
    onError: reject,
  })
  return promise
}
