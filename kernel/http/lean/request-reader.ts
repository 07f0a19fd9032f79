import type { HttpLimits } from '../limits.ts'
import { findHeadEnd, HEAD_INCOMPLETE, HEAD_UNSOUND, scanHead, toResumePoint } from './head-scan.ts'
import { InputBuffer } from './input-buffer.ts'
import type { ReadMemory } from './read-memory.ts'
import { parseRequestHead, type RequestHead } from './request-head.ts'
import { Refused, REQUEST_REFUSALS as REFUSALS } from './request-refusals.ts'

/** Takes the heads of requests off the bytes of a connection, however these are cut. */
export class RequestReader {
  readonly input: InputBuffer
  /** How many bytes the head was that was read last. */
  headBytes = 0

  readonly #limits: HttpLimits
  /** Where, from the start of the input, the search for the end goes on; -1: no head has begun. */
  #scanFrom = -1

  constructor(limits: HttpLimits, memory: ReadMemory) {
    this.input = new InputBuffer(memory)
    this.#limits = limits
  }

  /** Whether a head has begun to arrive and is not whole. */
  get begun(): boolean {
    return this.#scanFrom !== -1
  }

  /** Null while the head is not whole. What comes after a refused one cannot be read. */
  read(): RequestHead | Refused | null {
    const { input } = this
    if (this.#scanFrom <= 0) {
      skipEmptyLines(input)
      this.#scanFrom = -1
      if (input.length === 0) return null
    }
    const { bytes, start } = input
    const resumes = this.#scanFrom > 0
    let end = resumes ? findHeadEnd(bytes, start + this.#scanFrom, input.end) : input.end
    if (end > 0) end = scanHead(bytes, start, end)
    if (end === HEAD_INCOMPLETE) return this.#wait()
    this.#scanFrom = -1
    if (end === HEAD_UNSOUND) return REFUSALS.malformed
    const text = bytes.toString('latin1', start, end)
    this.headBytes = end - start
    input.consumeTo(end)
    const head = parseRequestHead(text, this.#limits)
    const tooLarge = !(head instanceof Refused) && head.bodyLength > this.#limits.bodyBytesMax
    return tooLarge ? REFUSALS.bodyBytes : head
  }

  /** What has arrived and is no request; null when there is nothing. */
  takeRest(): Buffer | null {
    const { input } = this
    const rest = input.length === 0 ? null : input.pieceOf(input.bytes, input.start, input.end)
    this.clear()
    return rest
  }

  clear(): void {
    this.#scanFrom = -1
    this.input.clear()
  }

  #wait(): Refused | null {
    const { bytes, start, end, length } = this.input
    const { targetBytesMax, headerBytesMax } = this.#limits
    this.#scanFrom = toResumePoint(bytes, start, end) - start
    if (length <= targetBytesMax + headerBytesMax + REQUEST_LINE_REST) return null
    const lineEnd = bytes.indexOf('\r\n', start, 'latin1')
    const isLongLine = lineEnd === -1 || lineEnd > start + targetBytesMax + REQUEST_LINE_REST
    return isLongLine ? REFUSALS.target : REFUSALS.headOverflow
  }
}

/** Method, version and the spaces between: what a request line has besides its target. */
const REQUEST_LINE_REST = 128

/** Empty lines before a request line are what some clients send after a body (RFC 9112, 2.2). */
function skipEmptyLines(input: InputBuffer): void {
  const { bytes } = input
  let at = input.start
  while (at + 1 < input.end && bytes[at] === 13 && bytes[at + 1] === 10) at += 2
  if (at > input.start) input.consumeTo(at)
}
