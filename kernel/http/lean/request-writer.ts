import type { ReadonlyHeaderList } from '@sallyport/sdk'
import type { BodySink, BodySource } from '../../exchange.ts'
import { toChunkHead } from './chunked-decoder.ts'

/** The connection that a request body is written to. */
export interface RequestWriterOwner {
  write(bytes: Uint8Array): boolean
  cork(): void
  uncork(): void
  /** Everything was written. */
  onRequestEnd(): void
  /** The connection takes no more for now. */
  onRequestWait(): void
  /** The body did not arrive whole, or is not what was announced. */
  onRequestFail(error: Error): void
}

/**
 * Writes a request with a body: the head together with the first bytes of the body that are already
 * there, then the rest as fast as the connection takes it.
 */
export class RequestWriter implements BodySink {
  /** The connection asked to wait. */
  waiting = false
  /** Nothing more is written: all is out, or nobody wants it. */
  over = false

  readonly #owner: RequestWriterOwner
  readonly #source: BodySource
  readonly #chunked: boolean
  /** Bytes that the head announced and that have not been written. */
  #left: number
  /** The head, until it is written. */
  #head: Buffer | null = null

  constructor(source: BodySource, owner: RequestWriterOwner) {
    this.#owner = owner
    this.#source = source
    this.#chunked = source.length === -1
    this.#left = source.length
  }

  /** Begins with the head; what the body has at once goes with it. */
  start(head: Buffer): void {
    this.#head = head
    this.#source.start(this)
    if (this.#head !== null) process.nextTick(flushHead, this)
  }

  resume(): void {
    if (!this.waiting || this.over) return
    this.waiting = false
    this.#source.resume()
  }

  /** What is still to come of the body is not wanted. */
  stop(): void {
    if (this.over) return
    this.over = true
    this.#head = null
    this.#source.cancel('upstream-aborted')
  }

  flushHead(): void {
    if (this.#head === null || this.over) return
    const head = this.#head
    this.#head = null
    if (!this.#owner.write(head)) this.#wait()
  }

  onData(chunk: Uint8Array): boolean {
    if (this.over) return true
    if (chunk.length === 0) return !this.waiting
    if (!this.#chunked) {
      this.#left -= chunk.length
      if (this.#left < 0) {
        this.#fail(new Error('the request body is longer than announced'))
        this.#source.cancel('upstream-aborted')
        return true
      }
    }
    if (!this.#write(chunk)) this.#wait()
    return !this.waiting
  }

  /** Trailers are not passed on: an upstream that merges them would get headers nobody has seen. */
  onEnd(_trailers: ReadonlyHeaderList | null): void {
    if (this.over) return
    if (this.#left > 0) {
      this.#fail(new Error('the request body is shorter than announced'))
      return
    }
    this.over = true
    const last = this.#chunked ? LAST_CHUNK : NO_BYTES
    const head = this.#head
    this.#head = null
    if (head !== null) this.#writeAll(head, last)
    else if (this.#chunked && !this.#owner.write(last)) this.#wait()
    this.#owner.onRequestEnd()
  }

  onError(error: Error): void {
    if (!this.over) this.#fail(error)
  }

  #write(chunk: Uint8Array): boolean {
    const head = this.#head
    this.#head = null
    if (!this.#chunked) {
      return head === null ? this.#owner.write(chunk) : this.#writeAll(head, chunk)
    }
    const size = Buffer.from(toChunkHead(chunk.length), 'latin1')
    return this.#writeAll(head, size, chunk, LINE_END)
  }

  /** In one go: small parts as one piece of memory, else as one list. */
  #writeAll(...parts: (Uint8Array | null)[]): boolean {
    const pieces = parts.filter((part) => part !== null && part.length > 0) as Uint8Array[]
    let bytes = 0
    for (const piece of pieces) bytes += piece.length
    if (bytes <= JOINED_BYTES_MAX) return this.#owner.write(Buffer.concat(pieces, bytes))
    let more = true
    this.#owner.cork()
    for (const piece of pieces) more = this.#owner.write(piece)
    this.#owner.uncork()
    return more
  }

  #wait(): void {
    this.waiting = true
    this.#owner.onRequestWait()
  }

  #fail(error: Error): void {
    this.over = true
    this.#head = null
    this.#owner.onRequestFail(error)
  }
}

function flushHead(writer: RequestWriter): void {
  writer.flushHead()
}

const NO_BYTES = Buffer.alloc(0)
const LINE_END = Buffer.from('\r\n')
const LAST_CHUNK = Buffer.from('0\r\n\r\n')
/** Copying this much costs less than a second piece in a write. */
const JOINED_BYTES_MAX = 4 * 1024
