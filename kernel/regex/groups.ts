import type { Cursor } from './cursor.ts'
import type { RegexFlags } from './piece.ts'

export type GroupOpening =
  | { readonly kind: 'flags'; readonly flags: RegexFlags }
  | { readonly kind: 'group' | 'atomic'; readonly source: string; readonly flags: RegexFlags }

const named = /\(\?(?:P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)')/y
const inlineFlags = /\(\?(?!R\))(\^?)([a-zA-Z]*)(?:-([a-zA-Z]*))?([:)])/y

/** Reads `(` with whatever decorates it. Look-around and its like are refused here. */
export function takeGroupOpening(cursor: Cursor, flags: RegexFlags): GroupOpening {
  if (cursor.sees('(*')) cursor.fail('unsupported', 'verbs such as (*SKIP) are not supported')
  if (!cursor.sees('(?')) {
    cursor.skip('(')
    return { kind: 'group', source: '(', flags }
  }
  const name = cursor.takeMatch(named)
  if (name !== null) return { kind: 'group', source: `(?<${name[1] ?? name[2]}>`, flags }
  if (cursor.skip('(?>')) return { kind: 'atomic', source: '(?:', flags }
  const inline = cursor.takeMatch(inlineFlags)
  if (inline !== null) {
    const changed = changeFlags(cursor, inline[1] === '^' ? noFlags : flags, inline)
    if (inline[4] === ')') return { kind: 'flags', flags: changed }
    return { kind: 'group', source: '(?:', flags: changed }
  }
  return refuseGroup(cursor)
}

const noFlags: RegexFlags = { ignoreCase: false, multiline: false, dotAll: false, unicode: false }

function changeFlags(cursor: Cursor, flags: RegexFlags, inline: RegExpExecArray): RegexFlags {
  const changed = { ...flags }
  for (const letter of inline[2] ?? '') changed[flagName(cursor, letter)] = true
  for (const letter of inline[3] ?? '') changed[flagName(cursor, letter)] = false
  return changed
}

function flagName(cursor: Cursor, letter: string): keyof RegexFlags {
  if (letter === 'i') return 'ignoreCase'
  if (letter === 'm') return 'multiline'
  if (letter === 's') return 'dotAll'
  if (letter === 'u') return 'unicode'
  return cursor.fail('unsupported', `the inline flag "${letter}" is not supported; use i, m or s`)
}

function refuseGroup(cursor: Cursor): never {
  if (['(?=', '(?!', '(?<=', '(?<!'].some((opening) => cursor.sees(opening))) {
    const text = 'look-around cannot be matched in linear time'
    return cursor.fail('look-around', `${text}; match the text itself or use two rules`)
  }
  if (cursor.sees('(?P=')) {
    return cursor.fail('back-reference', 'back-references cannot be matched in linear time')
  }
  if (cursor.takeMatch(/\(\?(?:R|&|P>|[+-]?\d)/y) !== null) {
    return cursor.fail('recursion', 'recursion and subroutine calls are not regular')
  }
  return cursor.fail('unsupported', 'this kind of group is not supported')
}
