import { copyOf, type ReadMemory } from './read-memory.ts'

/**
 * Bytes that arrived and were not consumed. What arrives while there is nothing is taken as it is,
 * without a copy; what arrives while something waits is put behind it. Bytes are never moved within
 * a buffer, so views of what was consumed stay good. Memory that is used for the next read as well is
 * only lent: `keep` copies what is left of it.
 */
export class InputBuffer {
  bytes: Buffer = NOTHING
  start = 0
  end = 0
  lent = false
  /** Whether nobody else has seen the memory behind `end`. */
  #ours = false
  readonly #memory: ReadMemory

  /** What is lent belongs to this memory. */
  constructor(memory: ReadMemory) {
    this.#memory = memory
  }

  get length(): number {
    return this.end - this.start
  }

  /** The first bytes of this memory, `lent` until `keep` is called. */
  push(memory: Buffer, count: number, lent: boolean): void {
    if (this.start === this.end) {
      this.bytes = memory
      this.start = 0
      this.end = count
      this.lent = lent
      return
    }
    const length = this.end - this.start + count
    // Memory as it arrived is not ours to write to; what we have copied to may have room.
    if (!this.#ours || this.end + count > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(length * 2)
      larger.set(this.bytes.subarray(this.start, this.end))
      this.bytes = larger
      this.#ours = true
      this.lent = false
      this.end -= this.start
      this.start = 0
    }
    memory.copy(this.bytes, this.end, 0, count)
    this.end += count
  }

  /** Bytes to be kept; they may have been consumed. */
  pieceOf(bytes: Buffer, from: number, to: number): Buffer {
    if (this.lent) return this.#memory.pieceOf(bytes, from, to)
    return from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to)
  }

  /** What is left of memory that was lent is copied. */
  keep(): void {
    if (!this.lent) return
    this.lent = false
    if (this.start === this.end) return this.clear()
    this.bytes = copyOf(this.bytes, this.start, this.end)
    this.end -= this.start
    this.start = 0
  }

  /** Everything before this index is done with. */
  consumeTo(index: number): void {
    this.start = index
    if (index === this.end) this.clear()
  }

  /** An idle connection keeps no buffer. */
  clear(): void {
    this.bytes = NOTHING
    this.start = this.end = 0
    this.lent = this.#ours = false
  }
}

const NOTHING = Buffer.alloc(0)
