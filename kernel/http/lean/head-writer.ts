import { charCodeAt } from '../../char-code-at.ts'
import { badName, type HeaderName, toHeaderName } from '../../header-name.ts'

/** Where heads are written: memory that others write to before and after. */
export interface HeadMemory {
  memory: Buffer
  /** Where the next message begins. */
  used: number
  /** Makes room for so many bytes behind `used`. */
  reserve(bytes: number): void
  /** Moves what was written into larger memory, with room for so many bytes more. */
  move(from: number, to: number, bytes: number): void
}

/**
 * Writes a head byte by byte, and looks at each byte that it writes: a value with a line break would
 * be a header, or a message, of its own. What throws has written nothing. (A string that is put
 * together, made flat, encoded and then checked costs three times as much.)
 */
export class HeadWriter {
  /** Between these two is what was written. */
  start = 0
  end = 0

  readonly #memory: HeadMemory
  #bytes: Buffer
  /** How far it may write. */
  #limit = 0

  constructor(memory: HeadMemory) {
    this.#memory = memory
    this.#bytes = memory.memory
  }

  /** Begins a head, with `room` bytes behind it if it is of the usual size. */
  begin(room: number): void {
    const memory = this.#memory
    memory.reserve(USUAL_HEAD_BYTES + room)
    this.#bytes = memory.memory
    this.#limit = this.#bytes.length
    this.start = this.end = memory.used
  }

  /** What is right by construction. */
  bytes(bytes: Uint8Array): void {
    const { length } = bytes
    if (length > this.#limit - this.end) this.#grow(length)
    const target = this.#bytes
    let at = this.end
    for (let i = 0; i < length; i++) target[at++] = bytes[i]!
    this.end = at
  }

  /** Text of one line; throws on what no header may have. */
  text(text: string): void {
    const { length } = text
    if (length > this.#limit - this.end) this.#grow(length)
    const target = this.#bytes
    let at = this.end
    for (let i = 0; i < length; i++) {
      const code = charCodeAt(text, i)
      if (code < 32 ? code !== TAB : code > 126 && (code < 128 || code > 255)) throw badValue()
      target[at++] = code
    }
    this.end = at
  }

  lineEnd(): void {
    if (this.#limit - this.end < 2) this.#grow(2)
    const target = this.#bytes
    target[this.end++] = CR
    target[this.end++] = LF
  }

  /** Throws on a name that is none as well. */
  header(name: string, value: string): void {
    const known = toHeaderName(name)
    if (known === null) throw badName(name)
    this.named(known, value)
  }

  named({ prefix }: HeaderName, value: string): void {
    this.bytes(prefix)
    this.text(value)
    this.lineEnd()
  }

  /** The empty line; returns the memory that the head is in. */
  finish(): Buffer {
    this.lineEnd()
    return this.#bytes
  }

  #grow(bytes: number): void {
    const length = this.end - this.start
    this.#memory.move(this.start, this.end, bytes + length + USUAL_HEAD_BYTES)
    this.#bytes = this.#memory.memory
    this.#limit = this.#bytes.length
    this.start = this.#memory.used
    this.end = this.start + length
  }
}

function badValue(): TypeError {
  return new TypeError('a header value has a character that no header may have')
}

/** More than most heads have; a larger one is moved once or twice while it is written. */
const USUAL_HEAD_BYTES = 2 * 1024
const TAB = 9
const CR = 13
const LF = 10
