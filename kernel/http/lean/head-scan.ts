import type { HeaderName } from '../../header-name.ts'

/** Nothing is wrong so far, but the empty line has not arrived. */
export const HEAD_INCOMPLETE = -1
/** A control character, or a CR or LF that is no line end: no HTTP. */
export const HEAD_UNSOUND = -2

/** What a scan leaves of each header line, counted from the start of the head. */
export const MARK = { colon: 0, valueStart: 1, valueEnd: 2, lineEnd: 3, hash: 4, size: 5 } as const

/** Where the parts of a head are. Scanning and parsing never wait: one serves all heads. */
class HeadScan {
  /** Where the request or status line ends. */
  firstLineEnd = 0
  /** How many header lines there are. */
  lines = 0
  /** `MARK.size` of each line; the colon is -1 when it has none. */
  marks: Int32Array = new Int32Array(MARK.size * 64)
  /** Of each line: its name when it is a known one. */
  readonly names: (HeaderName | null)[] = []
  /** By the hash of their bytes, one a place. */
  readonly #known = Array.from({ length: KNOWN_PLACES }, (): HeaderName | null => null)

  /** The name is known by its bytes from now on: no string is made of it any more. */
  remember(name: HeaderName, hash: number): void {
    this.#known[hash & (KNOWN_PLACES - 1)] = name
  }

  nameOf(bytes: Uint8Array, from: number, to: number, hash: number): HeaderName | null {
    const name = this.#known[hash & (KNOWN_PLACES - 1)]!
    if (name === null) return null
    const { prefix } = name
    const length = to - from
    // Behind the name it has a colon and a space.
    if (prefix.length !== length + 2) return null
    for (let i = 0; i < length; i++) if (prefix[i] !== bytes[from + i]) return null
    return name
  }

  moreRoom(): Int32Array {
    const larger = new Int32Array(this.marks.length * 2)
    larger.set(this.marks)
    this.marks = larger
    return larger
  }
}

const KNOWN_PLACES = 1024

export const scan = new HeadScan()

/**
 * Finds the parts of the head that begins at `from` and leaves them in `scan`. Returns the index after
 * its empty line, or one of the two answers above. Every byte of the head is looked at, once.
 */
export function scanHead(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  for (; at < to; at++) {
    const byte = bytes[at]!
    if (byte < 32 ? byte !== TAB : byte === DEL) break
  }
  if (at === to) return HEAD_INCOMPLETE
  if (bytes[at] !== CR) return HEAD_UNSOUND
  if (at + 1 === to) return HEAD_INCOMPLETE
  if (bytes[at + 1] !== LF) return HEAD_UNSOUND
  scan.firstLineEnd = at - from
  return scanLines(bytes, from, at + 2, to)
}

/** The same from where the first header line begins; what it leaves is counted from `from`. */
export function scanLines(bytes: Uint8Array, from: number, start: number, to: number): number {
  const { names } = scan
  let { marks } = scan
  let at = start
  for (let line = 0; at < to; line++) {
    if (bytes[at] === CR) {
      scan.lines = line
      if (at + 1 === to) return HEAD_INCOMPLETE
      return bytes[at + 1] === LF ? at + 2 : HEAD_UNSOUND
    }
    const nameStart = at
    let hash = 0
    let byte = 0
    for (; at < to; at++) {
      byte = bytes[at]!
      if (byte === COLON || byte === CR) break
      if (byte < 32 ? byte !== TAB : byte === DEL) return HEAD_UNSOUND
      hash = (Math.imul(hash, 31) + byte) | 0
    }
    const colon = byte === COLON ? at : -1
    if (colon !== -1) at++
    while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
    const valueStart = at
    let valueEnd = at
    for (; at < to; at++) {
      byte = bytes[at]!
      if (byte > SPACE ? byte !== DEL : byte === SPACE || byte === TAB) {
        if (byte > SPACE) valueEnd = at + 1
      } else if (byte === CR) break
      else return HEAD_UNSOUND
    }
    if (at >= to - 1) return HEAD_INCOMPLETE
    if (bytes[at + 1] !== LF) return HEAD_UNSOUND
    const mark = line * MARK.size
    if (mark === marks.length) marks = scan.moreRoom()
    marks[mark + MARK.colon] = colon === -1 ? -1 : colon - from
    marks[mark + MARK.valueStart] = valueStart - from
    marks[mark + MARK.valueEnd] = valueEnd - from
    marks[mark + MARK.lineEnd] = at - from
    marks[mark + MARK.hash] = hash
    names[line] = colon === -1 ? null : scan.nameOf(bytes, nameStart, colon, hash)
    at += 2
  }
  return HEAD_INCOMPLETE
}

/**
 * Only the end of a head that arrived in pieces, looked for from `from` on, which is what
 * `toResumePoint` has said: what arrived before is not looked at again.
 */
export function findHeadEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    if (byte >= 32 ? byte !== DEL : byte === TAB) continue
    if (byte !== CR) return HEAD_UNSOUND
    if (at + 1 === to) return HEAD_INCOMPLETE
    if (bytes[at + 1] !== LF) return HEAD_UNSOUND
    if (at + 2 === to) return HEAD_INCOMPLETE
    at++
    if (bytes[at + 1] !== CR) continue
    if (at + 2 === to) return HEAD_INCOMPLETE
    return bytes[at + 2] === LF ? at + 3 : HEAD_UNSOUND
  }
  return HEAD_INCOMPLETE
}

/** Where `findHeadEnd` may go on with an incomplete head: before any line ends at its end. */
export function toResumePoint(bytes: Uint8Array, from: number, to: number): number {
  let at = to
  while (at > from && (bytes[at - 1] === CR || bytes[at - 1] === LF)) at--
  return at
}

const TAB = 9
const LF = 10
const CR = 13
const SPACE = 32
const COLON = 58
const DEL = 127
