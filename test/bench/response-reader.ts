/** Refuses an answer whose end cannot be known on a connection that stays open. */
export class ResponseError extends Error {
  override readonly name = 'ResponseError'
}

/** A head of an answer that is longer is not worth a load client's memory. */
const HEAD_BYTES_MAX = 65_536

const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')

type State = 'head' | 'body' | 'chunkSize' | 'chunk' | 'trailers'

/**
 * Finds where answers end in the bytes of one connection, however they are cut. For a load client:
 * it looks at status and framing only, and knows no answers without a body but 1xx, 204 and 304.
 */
export class ResponseReader {
  readonly #onAnswer: (status: number, closes: boolean) => void
  #state: State = 'head'
  #pending: Buffer = Buffer.alloc(0)
  #status = 0
  #bytesLeft = 0
  #closes = false

  /** `closes`: the answer says that the connection ends with it. */
  constructor(onAnswer: (status: number, closes: boolean) => void) {
    this.#onAnswer = onAnswer
  }

  /** Throws ResponseError when the bytes are no HTTP/1.1 or have no framing. */
  push(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    while (this.#pending.length > 0 && this.#advance());
    if (this.#state === 'head' && this.#pending.length > HEAD_BYTES_MAX) {
      throw new ResponseError(`the answer's head is longer than ${HEAD_BYTES_MAX} bytes`)
    }
  }

  /** Does one step; false when it needs more bytes. */
  #advance(): boolean {
    if (this.#state === 'head') return this.#readHead()
    if (this.#state === 'chunkSize') return this.#readChunkSize()
    if (this.#state === 'trailers') return this.#readTrailer()
    const taken = Math.min(this.#bytesLeft, this.#pending.length)
    this.#pending = this.#pending.subarray(taken)
    this.#bytesLeft -= taken
    if (this.#bytesLeft > 0) return false
    if (this.#state === 'chunk') this.#state = 'chunkSize'
    else this.#finish()
    return true
  }

  #readHead(): boolean {
    const head = this.#take(HEAD_END)
    if (head === null) return false
    const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]
    if (status === undefined) {
      throw new ResponseError(`not an answer: ${JSON.stringify(head.slice(0, 80))}`)
    }
    this.#status = Number(status)
    if (this.#status < 200) return true
    this.#closes = /\r\nconnection:[ \t]*close[ \t]*(?:\r\n|$)/i.test(head)
    const length = /\r\ncontent-length:[ \t]*(\d+)/i.exec(head)?.[1]
    if (/\r\ntransfer-encoding:[ \t]*chunked/i.test(head)) this.#state = 'chunkSize'
    else if (length !== undefined) this.#startBody(Number(length))
    else if (this.#status === 204 || this.#status === 304) this.#finish()
    else throw new ResponseError('the answer has neither Content-Length nor chunks')
    return true
  }

  #startBody(bytes: number): void {
    if (bytes === 0 || this.#status === 204 || this.#status === 304) return this.#finish()
    this.#state = 'body'
    this.#bytesLeft = bytes
  }

  #readChunkSize(): boolean {
    const line = this.#take(LINE_END)
    if (line === null) return false
    const size = /^[0-9a-f]+/i.exec(line)?.[0]
    if (size === undefined) throw new ResponseError(`not a chunk size: ${JSON.stringify(line)}`)
    const bytes = Number.parseInt(size, 16)
    this.#state = bytes === 0 ? 'trailers' : 'chunk'
    // A chunk's data is followed by a line end of its own.
    this.#bytesLeft = bytes + LINE_END.length
    return true
  }

  #readTrailer(): boolean {
    const line = this.#take(LINE_END)
    if (line === null) return false
    if (line === '') this.#finish()
    return true
  }

  /** Takes the bytes up to `end`, and `end` itself, off the pending ones; null: not there yet. */
  #take(end: Buffer): string | null {
    const at = this.#pending.indexOf(end)
    if (at === -1) return null
    const text = this.#pending.toString('latin1', 0, at)
    this.#pending = this.#pending.subarray(at + end.length)
    return text
  }

  #finish(): void {
    this.#state = 'head'
    this.#onAnswer(this.#status, this.#closes)
  }
}
