import type { HeaderList } from '@sallyport/sdk'
import type { HttpLimits } from '../limits.ts'
import { scanLines } from './head-scan.ts'
import { FramingFacts, HeaderProblem, parseHeaderLines } from './header-lines.ts'

/**
 * Takes the chunked coding off a body (RFC 9112, 7.1), cut anywhere. Strict: sizes are hexadecimal
 * digits and nothing else, lines end in CR LF, extensions are well-formed and dropped. One decoder
 * serves the messages of a connection one after the other.
 */
export class ChunkedDecoder {
  /** Set after the last byte of the trailer section. */
  done = false
  /** What is wrong with the message; nothing is decoded any more then. */
  problem: string | null = null
  /** Null when there were none. */
  trailers: HeaderList | null = null

  readonly #limits: HttpLimits
  #state: State = State.size
  /** Of the chunk: its size while that is read, then what is still to come of it. */
  #left = 0
  #digits = 0
  /** The line or section that is being read, as far as it came: an extension or the trailers. */
  #text = ''
  /** Of the line of the trailers that is being read. */
  #lineBytes = 0
  #afterCr = false

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  /** Makes it ready for the next message. */
  reset(): void {
    this.done = false
    this.problem = null
    this.trailers = null
    this.#state = State.size
    this.#left = 0
    this.#digits = 0
    this.#text = ''
    this.#lineBytes = 0
    this.#afterCr = false
  }

  /**
   * Consumes from `bytes[from..]` and gives each piece of data to `onPiece`, as a view of `bytes`.
   * Returns the index after what it consumed (the message may end before the bytes do), or -1 when
   * the message is broken.
   */
  decode(bytes: Buffer, from: number, onPiece: (piece: Buffer) => void): number {
    if (this.problem !== null) return -1
    const end = bytes.length
    let at = from
    while (at < end && !this.done) {
      if (this.#state === State.data) {
        const stop = Math.min(end, at + this.#left)
        this.#left -= stop - at
        if (this.#left === 0) this.#state = State.dataCr
        onPiece(bytes.subarray(at, stop))
        at = stop
      } else if (!this.#take(bytes[at++]!)) {
        return -1
      }
    }
    return at
  }

  /** One byte outside of the data; false when it does not belong there. */
  #take(byte: number): boolean {
    switch (this.#state) {
      case State.size:
        return this.#takeSize(byte)
      case State.sizeLf:
        if (byte !== LF) return this.#fail('a chunk size that does not end in CR LF')
        this.#digits = 0
        this.#state = this.#left === 0 ? State.trailers : State.data
        return true
      case State.extension:
        return this.#takeExtension(byte)
      case State.dataCr:
        this.#state = State.dataLf
        return byte === CR || this.#fail('a chunk longer than its size')
      case State.dataLf:
        this.#state = State.size
        return byte === LF || this.#fail('a chunk that does not end in CR LF')
      default:
        return this.#takeTrailers(byte)
    }
  }

  #takeSize(byte: number): boolean {
    const digit = byte < 128 ? HEX_VALUES[byte]! : -1
    if (digit !== -1) {
      if (++this.#digits > SIZE_DIGITS_MAX) return this.#fail('a chunk size beyond counting')
      this.#left = this.#left * 16 + digit
      return true
    }
    if (this.#digits === 0) return this.#fail('a chunk size that is no hexadecimal number')
    if (byte === CR) {
      this.#state = State.sizeLf
      return true
    }
    if (byte !== SEMICOLON) return this.#fail('a chunk size that is no hexadecimal number')
    this.#state = State.extension
    this.#text = ';'
    return true
  }

  #takeExtension(byte: number): boolean {
    if (byte === CR) {
      if (!EXTENSIONS.test(this.#text)) return this.#fail('a malformed chunk extension')
      this.#text = ''
      this.#state = State.sizeLf
      return true
    }
    if (byte === LF) return this.#fail('a chunk size that does not end in CR LF')
    if (this.#text.length >= this.#limits.chunkExtensionBytesMax) {
      return this.#fail('chunk extensions over chunkExtensionBytesMax')
    }
    this.#text += String.fromCharCode(byte)
    return true
  }

  #takeTrailers(byte: number): boolean {
    if (this.#text.length >= this.#limits.headerBytesMax) {
      return this.#fail('trailers over headerBytesMax')
    }
    this.#text += String.fromCharCode(byte)
    const afterCr = this.#afterCr
    this.#afterCr = byte === CR
    if (afterCr !== (byte === LF)) return this.#fail('a trailer that does not end in CR LF')
    if (byte !== LF) {
      this.#lineBytes++
      return true
    }
    const lineBytes = this.#lineBytes
    this.#lineBytes = 0
    if (lineBytes > 1) return true
    if (this.#text.length > 2 && !this.#readTrailers(this.#text)) return false
    this.#text = ''
    this.done = true
    return true
  }

  #readTrailers(text: string): boolean {
    const bytes = Buffer.from(text, 'latin1')
    if (scanLines(bytes, 0, 0, bytes.length) !== bytes.length) {
      return this.#fail('a control character in a trailer')
    }
    facts.reset()
    const trailers = parseHeaderLines(text, 0, facts, this.#limits)
    if (trailers instanceof HeaderProblem) return this.#fail(`trailers: ${trailers.reason}`)
    this.trailers = trailers
    return true
  }

  #fail(problem: string): false {
    this.problem = problem
    this.#text = ''
    return false
  }
}

/** What stands before a chunk of this size. */
export function toChunkHead(size: number): string {
  return `${size.toString(16)}\r\n`
}

const State = {
  size: 0,
  sizeLf: 1,
  extension: 2,
  data: 3,
  dataCr: 4,
  dataLf: 5,
  trailers: 6,
} as const
type State = (typeof State)[keyof typeof State]

const CR = 13
const LF = 10
const SEMICOLON = 59
/** 2^52 at most: within what a number counts exactly. */
const SIZE_DIGITS_MAX = 13

const HEX_VALUES = new Int8Array(128).fill(-1)
for (let i = 0; i < 16; i++) {
  HEX_VALUES[i.toString(16).charCodeAt(0)] = i
  HEX_VALUES[i.toString(16).toUpperCase().charCodeAt(0)] = i
}

/** `chunk-ext` without the optional white space, which nobody sends who means well. */
const EXTENSIONS =
  /^(?:;[\w!#$%&'*+.^`|~-]+(?:=(?:[\w!#$%&'*+.^`|~-]+|"(?:[\t !#-[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)+$/

/** What trailers say about framing says nothing. */
const facts = new FramingFacts()
