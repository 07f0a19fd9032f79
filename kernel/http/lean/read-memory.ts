import { noteBufferRead } from './buffer-collector.ts'

/**
 * Which memory a connection reads into. All of a worker share one buffer, of which everything that is
 * kept is copied: a read then allocates nothing. A connection that carries a large body reads into
 * memory of its own for as long as that flows, and gives it away instead of copying.
 */
export class ReadMemory {
  readonly #shared: Buffer
  /** The memory of its own, while a large body flows. */
  #own: Buffer | null = null
  /** Pieces of it that were given away and did not come back. */
  #given = 0
  /** Reads in a row of which nothing was kept. */
  #cameBack = 0

  constructor(shared: Buffer) {
    this.#shared = shared
  }

  /**
   * What the next read goes into, after one of so many bytes; undefined: the same memory again.
   * `inBody`: what comes next is more of a body.
   */
  next(bytesRead: number, inBody: boolean): Buffer | undefined {
    if (bytesRead < LARGE_BYTES || !inBody) {
      if (this.#own === null) return undefined
      this.#own = null
      this.#cameBack = 0
      return this.#shared
    }
    if (this.#own !== null && this.#given === 0) {
      this.#cameBack++
      if (this.#cameBack !== KEEPS_PACE_READS) return undefined
      return this.#allocate(PACE_BYTES)
    }
    this.#cameBack = 0
    return this.#allocate(OWN_BYTES)
  }

  #allocate(bytes: number): Buffer {
    this.#given = 0
    noteBufferRead(bytes)
    return (this.#own = Buffer.allocUnsafeSlow(bytes))
  }

  /** Bytes of what was read last, to be kept. */
  pieceOf(bytes: Buffer, from: number, to: number): Buffer {
    if (this.#own === null || to - from < KEPT_BYTES_MIN) return copyOf(bytes, from, to)
    this.#given++
    return bytes.subarray(from, to)
  }

  /**
   * Nobody holds this piece any more. When that is so of all of a read, the next one goes into the same
   * memory: a body whose receiver keeps pace then allocates nothing.
   */
  takeBack(piece: Buffer): void {
    if (piece.buffer === this.#own?.buffer) this.#given--
  }
}

export function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  const copy = Buffer.allocUnsafe(to - from)
  bytes.copy(copy, 0, from, to)
  return copy
}

/** A read of this size promises more of them. */
const LARGE_BYTES = 32 * 1024
/** A smaller piece is copied also out of memory of one's own, which it would hold whole. */
const KEPT_BYTES_MIN = 8 * 1024
/** With 64 KB 4 MB bodies moved at 53 % of what nginx moves, with this at 62 %. */
const OWN_BYTES = 128 * 1024
/**
 * While the receiver keeps pace, more is read at once: 73 % of what nginx moves, since each read and
 * write wakes somebody. Memory of this size is never held by a receiver that was slow before.
 */
const PACE_BYTES = 512 * 1024
const KEEPS_PACE_READS = 3
/** One read takes what a fast peer has ready. */
export const SHARED_READ_BYTES = 64 * 1024
