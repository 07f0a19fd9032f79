import { test } from '@sallyport/sdk/guest'

/**
 * Of a longer string isolated-vm (7.0.1) makes one outside of V8's heap, on either side. Only a full collection
 * frees it, and what lies there makes none begin: a worker grew by 145 MB in a thousand calls of a plugin
 * that set bodies of 100 KB; in the isolate itself isolated-vm asks for full collections that
 * throw away all optimised code.
 */
const PIECE_BYTES_MAX = 1_023
/** A text that is no longer is one piece, whatever is in it. */
export const PIECE_LENGTH = PIECE_BYTES_MAX >> 1
/** V8 keeps a text with such a character in two bytes each. */
const WIDE = /[^\0-\xff]/

/** How long the pieces of a text are that is longer than one of `PIECE_LENGTH`. */
export function pieceLengthOf(text: string): number {
  return test(WIDE, text) === null ? PIECE_BYTES_MAX : PIECE_LENGTH
}

/** A text as it crosses into an isolate: at least one piece. */
export function toPieces(text: string): string[] {
  if (text.length <= PIECE_LENGTH) return [text]
  const length = pieceLengthOf(text)
  const pieces: string[] = []
  for (let at = 0; at < text.length; at += length) pieces.push(text.slice(at, at + length))
  return pieces
}

/** What came in pieces. */
export function joinPieces(pieces: readonly string[]): string {
  let text = pieces[0]!
  for (let i = 1; i < pieces.length; i++) text += pieces[i]!
  return text
}
