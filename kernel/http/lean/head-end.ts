/** Nothing is wrong so far, but the empty line has not arrived. */
export const HEAD_INCOMPLETE = -1
/** A control character, or a CR or LF that is no line end: no HTTP. */
export const HEAD_UNSOUND = -2

/**
 * The index after the empty line that ends the head which begins at `from`, or one of the two
 * answers above. One pass finds the end and what no head may contain; a head that arrives in pieces
 * is looked at again from `toResumePoint` only.
 */
export function findHeadEnd(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    if (byte >= 32 ? byte !== 127 : byte === 9) continue
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

/** The same about a head that is there as text: whether it is one head, whole and sound. */
export function isSoundHead(text: string): boolean {
  return SOUND_HEAD.test(text)
}

// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const SOUND_HEAD = /^(?:[^\0-\x08\x0a-\x1f\x7f]+\r\n)+\r\n$/

const CR = 13
const LF = 10
