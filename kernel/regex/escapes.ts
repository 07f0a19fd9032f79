import { escapedSets, foldSet, invertSet, normaliseSet, posixSets } from './char-set.ts'
import type { CharSet } from './char-set.ts'
import type { Cursor } from './cursor.ts'

/** Highest character that an engine sees as one: a UTF-16 unit in V8, a code point in RE2. */
export interface ClassContext {
  readonly top: number
  readonly ignoreCase: boolean
  /** Called when a class holds characters that V8 sees as two, so that RE2 must run it. */
  readonly needRe2: () => void
}

const controlEscapes: ReadonlyMap<string, number> = new Map([
  ['a', 0x07],
  ['e', 0x1b],
  ['f', 0x0c],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
])
const hexEscape =
  /x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{0,2})|u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})/y
const octalEscape = /0[0-7]{0,2}|o\{([0-7]{1,7})\}/y
const posixClass = /\[:(\^?)([a-z]+):\]/y

/** Reads what follows a backslash if it stands for characters; null (nothing taken) otherwise. */
export function takeEscapedSet(cursor: Cursor, context: ClassContext): CharSet | null {
  const start = cursor.at
  const hex = cursor.takeMatch(hexEscape)
  if (hex !== null) return oneChar(cursor, parseInt(hex[1] ?? hex[2] ?? hex[3] ?? hex[4] ?? '', 16))
  const octal = cursor.takeMatch(octalEscape)
  if (octal !== null) return oneChar(cursor, parseInt(octal[1] ?? octal[0], 8))
  const char = cursor.take()
  const control = controlEscapes.get(char)
  if (control !== undefined) return [[control, control]]
  if (char === 'c') return oneChar(cursor, (cursor.take().toUpperCase().codePointAt(0) ?? 0) ^ 0x40)
  if (char === 'N') return invertSet([[0x0a, 0x0a]], context.top)
  const set = escapedSets.get(char.toLowerCase())
  if (set !== undefined) return char === char.toLowerCase() ? set : invertSet(set, context.top)
  if (char === '') return cursor.fail('syntax', 'a backslash at the end escapes nothing')
  if (!/[0-9A-Za-z]/.test(char)) return oneChar(cursor, char.codePointAt(0) ?? 0)
  cursor.at = start
  return null
}

/** Reads a bracketed class; the opening bracket has been taken. */
export function takeClass(cursor: Cursor, context: ClassContext): CharSet {
  const negated = cursor.skip('^')
  const ranges: (readonly [number, number])[] = []
  // A closing bracket in the first place is an ordinary character, as in PCRE.
  let first = true
  while (first || !cursor.sees(']')) {
    if (cursor.done) cursor.fail('syntax', 'the character class has no closing "]"')
    first = false
    const low = takeClassMember(cursor, context)
    if (isOneChar(low) && cursor.sees('-') && cursor.source[cursor.at + 1] !== ']') {
      cursor.take()
      const high = takeClassMember(cursor, context)
      if (isOneChar(high)) ranges.push(checkedRange(cursor, low[0][0], high[0][0]))
      else ranges.push(...low, [0x2d, 0x2d], ...high)
    } else ranges.push(...low)
  }
  cursor.skip(']')
  if (ranges.some(([, high]) => high > 0xffff && context.top === 0xffff)) {
    context.needRe2()
  }
  const set = context.ignoreCase ? foldSet(ranges) : normaliseSet(ranges)
  return negated ? invertSet(set, context.top) : set
}

function takeClassMember(cursor: Cursor, context: ClassContext): CharSet {
  const posix = cursor.takeMatch(posixClass)
  if (posix !== null) {
    const set = posixSets.get(posix[2] ?? '')
    if (set === undefined) return cursor.fail('syntax', `there is no character class ${posix[0]}`)
    return posix[1] === '^' ? invertSet(set, context.top) : set
  }
  if (!cursor.skip('\\')) return oneChar(cursor, cursor.take().codePointAt(0) ?? 0)
  if (cursor.skip('b')) return [[0x08, 0x08]]
  const set = takeEscapedSet(cursor, context)
  if (set === null) return cursor.fail('unsupported', unknownEscape(cursor))
  return set
}

export function unknownEscape(cursor: Cursor): string {
  return `"\\${cursor.source[cursor.at] ?? ''}" is not an escape that is understood here`
}

function oneChar(cursor: Cursor, code: number): CharSet {
  const value = Number.isNaN(code) ? 0 : code
  if (value > 0x10ffff) return cursor.fail('syntax', 'there is no character above 10FFFF')
  return [[value, value]]
}

function isOneChar(set: CharSet): set is readonly [readonly [number, number]] {
  return set.length === 1 && set[0]?.[0] === set[0]?.[1]
}

function checkedRange(cursor: Cursor, low: number, high: number): readonly [number, number] {
  if (low > high) cursor.fail('syntax', 'a range in the character class runs backwards')
  return [low, high]
}
