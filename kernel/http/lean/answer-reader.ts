import type { HeaderList } from '@sallyport/sdk'
import type { HttpLimits } from '../limits.ts'
import {
  parseAnswerHead,
  type ReceivedHead,
  STATUS_LINE_BYTES_MAX,
  UNTIL_CLOSE,
} from './answer-head.ts'
import { ChunkedDecoder } from './chunked-decoder.ts'
import { HEAD_INCOMPLETE, scanHead } from './head-scan.ts'
import { copyOf, type ReadMemory } from './read-memory.ts'

/** Who is told what was read. Any of these may stop the reader. */
export interface AnswerReaderOwner {
  /** An informational answer, but neither 100 nor 101. */
  onInformation(head: ReceivedHead): void
  onAnswerHead(head: ReceivedHead): void
  /** Bytes of the body, the owner's to keep; true when it has done with them already. */
  onAnswerPiece(piece: Buffer): boolean
  /** The answer is whole. `more`: something follows it, which can only be wrong. */
  onAnswerEnd(more: boolean, trailers: HeaderList | null): void
  /** 101, and what already came in the new protocol. */
  onSwitch(head: ReceivedHead, early: Buffer): void
  /** It is no answer, or none that could be passed on; the reader has stopped. */
  onBadAnswer(problem: string): void
}

/** Reads the answers of one connection, one after the other, cut anywhere. */
export class AnswerReader {
  readonly #owner: AnswerReaderOwner
  readonly #limits: HttpLimits
  #phase: Phase = PHASE.idle
  #method = ''
  /** What of a head arrived in earlier reads. */
  #partialHead: Buffer | null = null
  #informations = 0
  #decoder: ChunkedDecoder | null = null
  /** Of a body of known length. */
  #left = 0
  readonly #memory: ReadMemory
  #lastBytes = 0

  constructor(owner: AnswerReaderOwner, limits: HttpLimits, memory: ReadMemory) {
    this.#owner = owner
    this.#limits = limits
    this.#memory = memory
  }

  /** Expects the answer to a request with this method. */
  begin(method: string): void {
    this.#method = method
    this.#phase = PHASE.head
    this.#informations = 0
  }

  /** Reads nothing more. */
  stop(): void {
    this.#phase = PHASE.idle
    this.#partialHead = null
  }

  /** Whether the head of the final answer is still to come. */
  get inHead(): boolean {
    return this.#phase === PHASE.head
  }

  /** The first bytes of the buffer are what arrived. */
  read(buffer: Buffer, bytes: number): void {
    this.#lastBytes = bytes
    const at = this.#phase === PHASE.head ? this.#readHeads(buffer, bytes) : 0
    if (at !== -1) this.#readBody(buffer, at, bytes)
  }

  /** What the next read goes into; undefined: the same buffer again. */
  nextBuffer(): Buffer | undefined {
    return this.#memory.next(this.#lastBytes, this.#phase >= PHASE.length)
  }

  /** The connection ends: says whether that is the end of the answer. */
  readEnd(): boolean {
    return this.#phase === PHASE.close
  }

  /** Where the body of the final answer begins; -1 when there is nothing to read on. */
  #readHeads(buffer: Buffer, bytes: number): number {
    const partial = this.#partialHead
    const held = partial === null ? 0 : partial.length
    const text = partial === null ? buffer : Buffer.concat([partial, buffer.subarray(0, bytes)])
    this.#partialHead = null
    const to = held + bytes
    let from = 0
    while (this.#phase === PHASE.head) {
      if (from === to) return -1
      const end = scanHead(text, from, to)
      if (end < 0) {
        if (end === HEAD_INCOMPLETE) this.#keepPartialHead(text, from, to)
        else this.#refuse('a control character or a line end that is none, in the head')
        return -1
      }
      const head = parseAnswerHead(text.toString('latin1', from, end), this.#method, this.#limits)
      from = end
      if (typeof head === 'string') this.#refuse(head)
      else if (head.status >= 200) this.#takeHead(head)
      else if (head.status !== 101) this.#takeInformation(head)
      else {
        this.stop()
        this.#owner.onSwitch(head, copyOf(text, from, to))
      }
    }
    return this.#phase === PHASE.idle ? -1 : from - held
  }

  #keepPartialHead(text: Buffer, from: number, to: number): void {
    if (to - from > this.#limits.headerBytesMax + STATUS_LINE_BYTES_MAX) {
      this.#refuse('the head of the answer is larger than it may be')
      return
    }
    const begin = text.toString('latin1', from, Math.min(to, from + HTTP_1.length))
    if (HTTP_1.startsWith(begin)) this.#partialHead = copyOf(text, from, to)
    else this.#refuse('no HTTP/1 status line')
  }

  #takeInformation(head: ReceivedHead): void {
    if (++this.#informations > this.#limits.informationalAnswersMax) {
      this.#refuse('more informational answers than informationalAnswersMax')
    } else if (head.status !== 100) {
      // We never ask for 100 Continue, so it says nothing.
      this.#owner.onInformation(head)
    }
  }

  #takeHead(head: ReceivedHead): void {
    const { bodyLength } = head
    if (bodyLength >= 0) {
      this.#phase = PHASE.length
      this.#left = bodyLength
    } else if (bodyLength === UNTIL_CLOSE) {
      this.#phase = PHASE.close
    } else {
      this.#phase = PHASE.chunked
      this.#decoder ??= new ChunkedDecoder(this.#limits)
      this.#decoder.reset()
    }
    this.#owner.onAnswerHead(head)
  }

  #readBody(buffer: Buffer, from: number, to: number): void {
    if (this.#phase === PHASE.length) {
      const end = Math.min(to, from + this.#left)
      this.#left -= end - from
      if (end > from) this.#give(buffer, from, end)
      if (this.#left === 0 && this.#phase === PHASE.length) this.#finish(end < to, null)
    } else if (this.#phase === PHASE.chunked) {
      const decoder = this.#decoder!
      const bytes = buffer.length === to ? buffer : buffer.subarray(0, to)
      const end = decoder.decode(bytes, from, this.#onChunk)
      // Who was given a chunk may have had enough of it.
      if (this.#phase !== PHASE.chunked) return
      if (end === -1) this.#refuse(`the body of the answer has ${decoder.problem}`)
      else if (decoder.done) this.#finish(end < to, decoder.trailers)
    } else if (to > from) {
      this.#give(buffer, from, to)
    }
  }

  readonly #onChunk = (piece: Buffer) => {
    if (this.#phase !== PHASE.chunked) return
    this.#give(piece, 0, piece.length)
  }

  #give(bytes: Buffer, from: number, to: number): void {
    const piece = this.#memory.pieceOf(bytes, from, to)
    if (this.#owner.onAnswerPiece(piece)) this.#memory.takeBack(piece)
  }

  #finish(more: boolean, trailers: HeaderList | null): void {
    this.#phase = PHASE.idle
    this.#owner.onAnswerEnd(more, trailers)
  }

  #refuse(problem: string): void {
    this.stop()
    this.#owner.onBadAnswer(problem)
  }
}

const PHASE = { idle: 0, head: 1, length: 2, chunked: 3, close: 4 } as const
type Phase = (typeof PHASE)[keyof typeof PHASE]

const HTTP_1 = 'HTTP/1.'
