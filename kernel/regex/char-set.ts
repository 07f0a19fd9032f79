/** A set of characters as sorted, disjoint, inclusive ranges of code points. */
export type CharSet = readonly (readonly [number, number])[]

const space = [
  [0x09, 0x0d],
  [0x20, 0x20],
] as const
const digit = [[0x30, 0x39]] as const
const upper = [[0x41, 0x5a]] as const
const lower = [[0x61, 0x7a]] as const
const lineBreak = [
  [0x0a, 0x0d],
  [0x85, 0x85],
  [0x2028, 0x2029],
] as const

/** What a lower-case class letter stands for; the upper-case letter is its complement. */
export const escapedSets: ReadonlyMap<string, CharSet> = new Map<string, CharSet>([
  ['d', digit],
  ['s', space],
  ['w', normaliseSet([...digit, ...upper, ...lower, [0x5f, 0x5f]])],
  [
    'h',
    [
      [0x09, 0x09],
      [0x20, 0x20],
      [0xa0, 0xa0],
    ],
  ],
  ['v', lineBreak],
])

/** The names that may stand in `[[:name:]]`. ASCII only, as in PCRE without its UTF mode. */
export const posixSets: ReadonlyMap<string, CharSet> = new Map<string, CharSet>([
  ['alnum', [...digit, ...upper, ...lower]],
  ['alpha', [...upper, ...lower]],
  ['ascii', [[0x00, 0x7f]]],
  [
    'blank',
    [
      [0x09, 0x09],
      [0x20, 0x20],
    ],
  ],
  [
    'cntrl',
    [
      [0x00, 0x1f],
      [0x7f, 0x7f],
    ],
  ],
  ['digit', digit],
  ['graph', [[0x21, 0x7e]]],
  ['lower', lower],
  ['print', [[0x20, 0x7e]]],
  [
    'punct',
    [
      [0x21, 0x2f],
      [0x3a, 0x40],
      [0x5b, 0x60],
      [0x7b, 0x7e],
    ],
  ],
  ['space', space],
  ['upper', upper],
  ['word', [...digit, ...upper, [0x5f, 0x5f], ...lower]],
  ['xdigit', [...digit, [0x41, 0x46], [0x61, 0x66]]],
])

/** Sorts ranges and joins those that touch. */
export function normaliseSet(ranges: CharSet): CharSet {
  const sorted = [...ranges].sort((left, right) => left[0] - right[0])
  const joined: [number, number][] = []
  for (const [low, high] of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high)
    else joined.push([low, high])
  }
  return joined
}

/** Everything up to `top` that is not in the set. */
export function invertSet(set: CharSet, top: number): CharSet {
  const rest: [number, number][] = []
  let next = 0
  for (const [low, high] of normaliseSet(set)) {
    if (low > next) rest.push([next, low - 1])
    next = high + 1
  }
  if (next <= top) rest.push([next, top])
  return rest
}

/** Adds the other case of ASCII letters, and of other letters that stand alone (not in a range). */
export function foldSet(set: CharSet): CharSet {
  const folded = [...set]
  for (const [low, high] of set) {
    if (low === high && low > 0x7f) addOtherCases(folded, low)
    addShifted(folded, Math.max(low, 0x41), Math.min(high, 0x5a), 0x20)
    addShifted(folded, Math.max(low, 0x61), Math.min(high, 0x7a), -0x20)
  }
  return normaliseSet(folded)
}

export function setsMeet(left: CharSet, right: CharSet): boolean {
  return left.some(([low, high]) => right.some(([from, to]) => low <= to && from <= high))
}

/** Spelled so that both V8 and RE2 read it: a literal for one character, else a class. */
export function printSet(set: CharSet, top: number): string {
  const only = set[0]
  if (set.length === 1 && only !== undefined && only[0] === only[1]) return printChar(only[0])
  // The empty set: neither engine has a short spelling that the other one knows.
  if (set.length === 0) return `[^\\x00-${String.fromCodePoint(top)}]`
  let text = '['
  for (const [low, high] of set) {
    text += printChar(low)
    if (high > low) text += (high > low + 1 ? '-' : '') + printChar(high)
  }
  return text + ']'
}

function printChar(code: number): string {
  const char = String.fromCodePoint(code)
  if (/[0-9A-Za-z/_]/.test(char)) return char
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`
  return char
}

function addShifted(set: (readonly [number, number])[], low: number, high: number, by: number) {
  if (low <= high) set.push([low + by, high + by])
}

function addOtherCases(set: (readonly [number, number])[], code: number) {
  const char = String.fromCodePoint(code)
  for (const other of [char.toLowerCase(), char.toUpperCase()]) {
    const folded = other.codePointAt(0)
    if (folded !== undefined && other.length === char.length) set.push([folded, folded])
  }
}
