import type { Cursor } from './cursor.ts'
import type { Piece, RegexEngine } from './piece.ts'

export interface Quantifier {
  readonly min: number
  /** Infinity when open. */
  readonly max: number
  readonly mode: 'greedy' | 'lazy' | 'possessive'
}

// V8's linear engine writes counted repeats out and refuses when nested counts multiply to more.
const linearReplicationMax = 16

const quantifierSyntax = /(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})([?+]?)/y

/** Reads a quantifier if one comes next. A brace that is none is left as an ordinary character. */
export function takeQuantifier(cursor: Cursor): Quantifier | null {
  const found = cursor.takeMatch(quantifierSyntax)
  if (found === null) return null
  const [, sign, low, comma, high, suffix] = found
  if (cursor.takeMatch(/[*+?]|\{\d+(?:,\d*)?\}/y) !== null) {
    cursor.fail('syntax', 'a repeat follows another repeat')
  }
  const mode = suffix === '?' ? 'lazy' : suffix === '+' ? 'possessive' : 'greedy'
  if (sign !== undefined) {
    return { min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Infinity, mode }
  }
  const min = Number(low)
  const max = comma === undefined ? min : high === '' ? Infinity : Number(high)
  if (max < min) cursor.fail('syntax', `the repeat {${min},${max}} runs backwards`)
  return { min, max, mode }
}

/** Repeats a piece, in portions small enough for V8's linear engine when that is the aim. */
export function repeatPiece(atom: Piece, quantifier: Quantifier, engine: RegexEngine): Piece {
  const { min, max, mode } = quantifier
  const open = max === Infinity
  const lazy = mode === 'lazy' ? '?' : ''
  const count = Math.max(open ? min : max, 1)
  const states = atom.states * count + 1
  const shape = {
    states,
    captures: atom.captures,
    width: widthOf(atom, quantifier, count),
    prefix: min > 0 ? atom.prefix : '',
    isLiteral: false,
    ...(mode === 'lazy' || atom.set === undefined ? {} : { loop: atom.set }),
  }
  const isUnit = atom.set !== undefined || atom.source.startsWith('(')
  const body = isUnit ? atom.source : `(?:${atom.source})`
  const portion = Math.floor(linearReplicationMax / atom.replication)
  // Written-out copies would number their captures anew, so such a group stays in one piece.
  if (engine === 're2' || count <= portion || atom.captures > 0 || portion < 1) {
    const source = `${body}${printCount(min, max)}${lazy}`
    return { ...shape, source, replication: atom.replication * count }
  }
  let source = ''
  for (let left = min; left > 0; left -= portion) {
    source += `${body}${printCount(Math.min(left, portion), Math.min(left, portion))}`
  }
  if (open) source += `${body}*${lazy}`
  for (let left = open ? 0 : max - min; left > 0; left -= portion) {
    source += `${body}${printCount(0, Math.min(left, portion))}${lazy}`
  }
  const replication = atom.replication * Math.max(portion, 1)
  return { ...shape, source: `(?:${source})`, replication }
}

function widthOf(atom: Piece, { min, max }: Quantifier, count: number): number {
  // A loop keeps all of its body busy when the parts of it overlap.
  if (count > 1 || (max === Infinity && atom.set === undefined)) return atom.states * count
  return max === Infinity || (min === 0 && max === 1) ? atom.width + 1 : atom.width
}

function printCount(min: number, max: number): string {
  if (max === Infinity) return min === 0 ? '*' : min === 1 ? '+' : `{${min},}`
  if (min === 0 && max === 1) return '?'
  if (min === max) return min === 1 ? '' : `{${min}}`
  return `{${min},${max}}`
}
