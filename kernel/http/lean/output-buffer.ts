import type { Socket } from 'node:net'
import type { Turn, TurnTask } from './turn.ts'

/**
 * What a connection sends. Small pieces (head, chunk sizes, short bodies, the last chunk) are put
 * together in the memory of the turn and written at its end as one; large ones are written without a
 * copy, behind what was put together before them.
 */
export class OutputBuffer implements TurnTask {
  /** Everything ever given to it. */
  bytesWritten = 0

  readonly #socket: Socket
  readonly #turn: Turn
  /** The message that is being put together: from, to, and as far as its room goes. */
  #memory: Buffer | null = null
  #start = 0
  #end = 0
  #limit = 0
  #queued = false

  constructor(socket: Socket, turn: Turn) {
    this.#socket = socket
    this.#turn = turn
  }

  /** Bytes that the system has not taken. */
  get unsent(): number {
    return this.#end - this.#start + this.#socket.writableLength
  }

  /** Takes the head that was just written, with so many bytes of room behind it. */
  begin(memory: Buffer, room: number): void {
    const { heads } = this.#turn
    this.bytesWritten += heads.end - heads.start
    // The answer before it to the same client, that of a pipelined request.
    if (memory !== this.#memory || heads.start !== this.#end) {
      this.flush()
      this.#start = heads.start
    }
    this.#take(memory, heads.end, Math.min(memory.length, heads.end + room))
  }

  /** Text of one-byte characters, at most a few hundred of them. */
  writeText(text: string): void {
    const { length } = text
    this.#makeRoom(length).write(text, this.#end, length, 'latin1')
    this.#end += length
    this.bytesWritten += length
  }

  write(chunk: Uint8Array): void {
    const { length } = chunk
    this.bytesWritten += length
    if (length <= (this.#memory === null ? SMALL_BYTES : this.#limit - this.#end)) {
      this.#makeRoom(length).set(chunk, this.#end)
      this.#end += length
      return
    }
    this.#send(chunk, null)
  }

  /** A chunk of the chunked coding, its end included: some clients hand none on before. */
  writeChunk(head: string, chunk: Uint8Array): void {
    this.writeText(head)
    if (chunk.length + 2 <= this.#limit - this.#end) {
      this.write(chunk)
      this.writeText('\r\n')
      return
    }
    this.bytesWritten += chunk.length + 2
    this.#send(chunk, LINE_END)
  }

  /** The message is whole: what is left of its room is for others. */
  close(): void {
    if (this.#memory !== this.#turn.memory || this.#limit !== this.#turn.used) return
    this.#turn.used = this.#limit = this.#end
  }

  /** Writes at once what was put together. */
  flush(): void {
    if (this.#memory !== null) this.#send(null, null)
  }

  /** Calls back when the system has taken everything; never when the connection is lost before. */
  onceSent(callback: () => void): void {
    this.#socket.write(NOTHING, (error) => {
      if (!error) callback()
    })
  }

  onTurnEnd(): void {
    this.#queued = false
    this.flush()
  }

  /** Writes what was put together and these behind it, as one. */
  #send(chunk: Uint8Array | null, tail: Uint8Array | null): void {
    const memory = this.#memory
    const start = this.#start
    const end = this.#end
    const socket = this.#socket
    this.#memory = null
    this.#start = this.#end = this.#limit = 0
    if (socket.destroyed) return
    const unsentBefore = socket.writableLength
    if (chunk !== null) socket.cork()
    if (memory !== null) socket.write(memory.subarray(start, end))
    if (chunk !== null) {
      socket.write(chunk)
      if (tail !== null) socket.write(tail)
      socket.uncork()
    }
    // Not connected or full: it holds on to the memory.
    const holds = socket.writableLength > unsentBefore
    if (memory !== null && holds) this.#turn.lend()
    if (chunk !== null && socket.writableLength === 0) this.#turn.taken = chunk
  }

  #makeRoom(length: number): Buffer {
    if (this.#memory !== null && length > this.#limit - this.#end) this.flush()
    if (this.#memory === null) {
      const room = Math.max(SMALL_BYTES, length)
      const turn = this.#turn
      turn.reserve(room)
      this.#start = turn.used
      this.#take(turn.memory, turn.used, turn.used + room)
    }
    return this.#memory!
  }

  #take(memory: Buffer, end: number, limit: number): void {
    this.#memory = memory
    this.#end = end
    this.#limit = limit
    this.#turn.used = limit
    if (this.#queued) return
    this.#queued = true
    this.#turn.add(this)
  }
}

/** Below, a copy is cheaper than a write of its own. */
const SMALL_BYTES = 2 * 1024
const LINE_END = Buffer.from('\r\n')
const NOTHING = Buffer.alloc(0)
