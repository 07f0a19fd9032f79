import type { Socket } from 'node:net'

/**
 * What a connection sends. Small pieces that follow each other within one turn of the event loop
 * (head, chunk sizes, short bodies, the last chunk) are put together and written as one; large ones
 * are written without a copy, behind what was put together before them.
 */
export class OutputBuffer {
  /** Everything ever given to it. */
  bytesWritten = 0

  readonly #socket: Socket
  #buffer: Buffer | null = null
  #end = 0
  #dirty = false

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** Bytes that the system has not taken. */
  get unsent(): number {
    return this.#end + this.#socket.writableLength
  }

  /** A message begins: its first `length` bytes are in the buffer, what is behind them is room. */
  begin(buffer: Buffer, length: number): void {
    this.flush()
    this.bytesWritten += length
    this.#buffer = buffer
    this.#end = length
    this.#schedule()
  }

  /** Text of one-byte characters, at most a few hundred of them. */
  writeText(text: string): void {
    const buffer = this.#roomFor(text.length)
    buffer.write(text, this.#end, text.length, 'latin1')
    this.#end += text.length
    this.bytesWritten += text.length
  }

  write(chunk: Uint8Array): void {
    const { length } = chunk
    this.bytesWritten += length
    const buffer = this.#buffer
    if (buffer === null ? length <= SMALL_BYTES : length <= buffer.length - this.#end) {
      this.#roomFor(length).set(chunk, this.#end)
      this.#end += length
    } else if (buffer === null) this.#socket.write(chunk)
    else {
      this.#socket.cork()
      this.flush()
      this.#socket.write(chunk)
      this.#socket.uncork()
    }
  }

  /** A chunk of the chunked coding, its end included: some clients hand none on before. */
  writeChunk(head: string, chunk: Uint8Array): void {
    this.writeText(head)
    if (chunk.length + 2 <= this.#buffer!.length - this.#end) {
      this.write(chunk)
      this.writeText('\r\n')
      return
    }
    this.bytesWritten += chunk.length + 2
    this.#socket.cork()
    this.flush()
    this.#socket.write(chunk)
    this.#socket.write(LINE_END)
    this.#socket.uncork()
  }

  flush(): void {
    const buffer = this.#buffer
    if (buffer === null) return
    this.#buffer = null
    const end = this.#end
    this.#end = 0
    if (!this.#socket.destroyed) {
      this.#socket.write(end === buffer.length ? buffer : buffer.subarray(0, end))
    }
  }

  /** Calls back when the system has taken everything; never when the connection is lost before. */
  onceSent(callback: () => void): void {
    this.#socket.write(NOTHING, (error) => {
      if (!error) callback()
    })
  }

  #roomFor(length: number): Buffer {
    if (this.#buffer !== null && length > this.#buffer.length - this.#end) this.flush()
    if (this.#buffer === null) {
      this.#buffer = Buffer.allocUnsafe(Math.max(SMALL_BYTES, length))
      this.#schedule()
    }
    return this.#buffer
  }

  #schedule(): void {
    if (this.#dirty) return
    this.#dirty = true
    if (dirty.push(this) === 1) setImmediate(flushDirty)
  }

  /** The turn is over. */
  onTurn(): void {
    this.#dirty = false
    this.flush()
  }
}

/** Of all connections those with something to flush: one visit a turn is cheaper than one each. */
let dirty: OutputBuffer[] = []

function flushDirty(): void {
  const outputs = dirty
  dirty = []
  for (const output of outputs) output.onTurn()
}

/** Below, a copy is cheaper than a write of its own. */
const SMALL_BYTES = 2 * 1024
const LINE_END = Buffer.from('\r\n')
const NOTHING = Buffer.alloc(0)
