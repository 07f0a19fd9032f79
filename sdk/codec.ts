import { Packr } from 'msgpackr/pack'
import { Unpackr } from 'msgpackr/unpack'
import { ProtocolError } from './protocol.ts'

/** What a frame may be. */
export interface FrameLimits {
  /** Length of a frame without its four bytes of length. */
  readonly frameBytesMax: number
  /** How deep arrays and maps may be nested in a frame. */
  readonly depthMax: number
}

export const FRAME_LIMITS: FrameLimits = {
  // The largest thing that crosses is a body of 1 MB: in base64, in JSON, with its headers.
  frameBytesMax: 8 * 1024 * 1024,
  // As deep as a JSON payload may be.
  depthMax: 64,
}

const LENGTH_BYTES = 4
const SLAB_BYTES = 64 * 1024

const PACK_OPTIONS = {
  useRecords: false,
  moreTypes: false,
  encodeUndefinedAsNil: true,
  variableMapSize: true,
} as const

/**
 * Turns values into frames and keeps them until they are taken, so that everything that was made in
 * one turn of the event loop leaves in one write.
 */
export class FrameEncoder {
  readonly #packr = new Packr(PACK_OPTIONS)
  readonly #limits: FrameLimits
  /** Bytes are cut from one large buffer after the other: making one is dearer than a frame. */
  #slab: Buffer = Buffer.allocUnsafe(SLAB_BYTES)
  /** Where the bytes that wait begin and end. */
  #start = 0
  #end = 0

  constructor(limits: FrameLimits = FRAME_LIMITS) {
    this.#limits = limits
  }

  /** Bytes that wait to be taken. */
  get length(): number {
    return this.#end - this.#start
  }

  /** Adds one frame. Throws a `ProtocolError` when it is over the limit; nothing is added then. */
  add(value: unknown): void {
    const packed = this.#packr.pack(value)
    this.#checkLength(packed.length)
    this.addWritten(packed.length, (slab, at) => {
      slab.set(packed, at)
      return at + packed.length
    })
  }

  /**
   * Adds one frame that `write` writes into `slab` from `at` on, up to `bytesMax` bytes; it returns where
   * it has ended. Throws like `add`.
   */
  addWritten(bytesMax: number, write: (slab: Buffer, at: number) => number): void {
    this.#reserve(LENGTH_BYTES + bytesMax)
    const start = this.#end
    const end = write(this.#slab, start + LENGTH_BYTES)
    const length = end - start - LENGTH_BYTES
    this.#checkLength(length)
    this.#slab[start] = length & 0xff
    this.#slab[start + 1] = (length >>> 8) & 0xff
    this.#slab[start + 2] = (length >>> 16) & 0xff
    this.#slab[start + 3] = length >>> 24
    this.#end = end
  }

  /** The bytes of all frames since the last call. They are the caller's and will not change. */
  take(): Buffer {
    const bytes = this.#slab.subarray(this.#start, this.#end)
    this.#start = this.#end
    return bytes
  }

  #checkLength(length: number): void {
    const { frameBytesMax } = this.#limits
    if (length > frameBytesMax) {
      throw new ProtocolError(`a frame of ${length} bytes is over the limit of ${frameBytesMax}`)
    }
  }

  #reserve(count: number): void {
    if (this.#end + count <= this.#slab.length) return
    const waiting = this.#slab.subarray(this.#start, this.#end)
    const slab = Buffer.allocUnsafe(Math.max(SLAB_BYTES, (waiting.length + count) * 2))
    slab.set(waiting)
    this.#slab = slab
    this.#start = 0
    this.#end = waiting.length
  }
}

/** Reads what lies between `start` and `end`. Throws a `ProtocolError` when it is not as it should be. */
export type ReadFrame<T> = (bytes: Buffer, start: number, end: number) => T

const unpackr = new Unpackr({ useRecords: false, moreTypes: false, int64AsType: 'number' })

/** The value of msgpack that was checked before. */
export function unpack(checked: Uint8Array): unknown {
  try {
    return unpackr.unpack(checked)
  } catch (error) {
    throw new ProtocolError(`a frame cannot be read: ${(error as Error).message}`)
  }
}

/**
 * Takes bytes as they come, cut anywhere, and gives what `read` makes of whole frames. Bytes of a frame
 * that is not whole yet are kept; a length over the limit is refused before a byte of it is kept.
 */
export class FrameDecoder<T> {
  readonly #read: ReadFrame<T>
  readonly #frameBytesMax: number
  #rest: Uint8Array[] = []
  #restLength = 0
  /** Bytes until there is more to do than keep what comes. */
  #wanted = LENGTH_BYTES

  constructor(read: ReadFrame<T>, frameBytesMax: number = FRAME_LIMITS.frameBytesMax) {
    this.#read = read
    this.#frameBytesMax = frameBytesMax
  }

  /** True between two frames: the stream may end here. */
  get isAtBoundary(): boolean {
    return this.#restLength === 0
  }

  /**
   * Calls `take` with what each frame holds that became whole. Throws a `ProtocolError` at the first
   * violation; the decoder cannot be used after it. The bytes are not kept beyond what is unfinished.
   */
  push(bytes: Uint8Array, take: (value: T) => void): void {
    let data = Buffer.isBuffer(bytes) ? bytes : toBuffer(bytes)
    if (this.#restLength > 0) {
      if (this.#restLength + bytes.length < this.#wanted) {
        this.#keep(bytes)
        return
      }
      data = Buffer.concat([...this.#rest, bytes])
      this.#rest = []
      this.#restLength = 0
    }
    const at = this.#readFrames(data, take)
    this.#wanted = LENGTH_BYTES
    if (at === data.length) return
    const left = data.subarray(at)
    if (left.length >= LENGTH_BYTES) this.#wanted = LENGTH_BYTES + this.#readLength(data, at)
    this.#keep(left)
  }

  #readFrames(data: Buffer, take: (value: T) => void): number {
    let at = 0
    while (data.length - at >= LENGTH_BYTES) {
      const start = at + LENGTH_BYTES
      const end = start + this.#readLength(data, at)
      if (end > data.length) break
      at = end
      take(this.#read(data, start, end))
    }
    return at
  }

  #readLength(data: Uint8Array, at: number): number {
    const length =
      (data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24)) >>> 0
    if (length === 0 || length > this.#frameBytesMax) {
      throw new ProtocolError(
        `a frame is 1 to ${this.#frameBytesMax} bytes long, this one says ${length}`,
      )
    }
    return length
  }

  /** A copy: the caller may use its buffer again. */
  #keep(bytes: Uint8Array): void {
    this.#rest.push(Uint8Array.prototype.slice.call(bytes))
    this.#restLength += bytes.length
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
