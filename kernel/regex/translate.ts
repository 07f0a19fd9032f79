import { foldSet, invertSet, printSet, setsMeet } from './char-set.ts'
import type { CharSet } from './char-set.ts'
import { Cursor } from './cursor.ts'
import { takeClass, takeEscapedSet, unknownEscape } from './escapes.ts'
import { takeGroupOpening } from './groups.ts'
import { repeatPiece, takeQuantifier } from './quantifier.ts'
import type { Piece, RegexEngine, RegexFlags } from './piece.ts'

export interface TranslatedRegex {
  readonly source: string
  readonly states: number
  readonly captures: number
  /** See `Piece`. */
  readonly width: number
  readonly needsRe2: boolean
  /** Every match begins with this text; '' when nothing is known. */
  readonly prefix: string
}

/**
 * Rewrites a PCRE or ECMAScript pattern into the spelling common to V8's linear engine and RE2:
 * classes become plain ranges, flags become part of the classes, and what no automaton can do is
 * refused with an `UnsafeRegexError` that says what and where.
 */
export function translateRegex(
  source: string,
  flags: RegexFlags,
  engine: RegexEngine,
): TranslatedRegex {
  const translator = new Translator(source, engine)
  const piece = translator.translate(flags)
  const { needsRe2 } = translator
  const { states, captures, width, prefix } = piece
  return { source: piece.source, states, captures, width, needsRe2, prefix }
}

// Deeper nesting than this could exhaust the stack of the parser or of an engine.
const nestingMax = 100

class Translator {
  needsRe2 = false
  readonly #cursor: Cursor
  readonly #engine: RegexEngine
  readonly #top: number
  #depth = 0

  constructor(source: string, engine: RegexEngine) {
    this.#cursor = new Cursor(source)
    this.#engine = engine
    this.#top = engine === 'v8' ? 0xffff : 0x10ffff
  }

  translate(flags: RegexFlags): Piece {
    const piece = this.#alternatives(flags)
    if (!this.#cursor.done) this.#cursor.fail('syntax', 'this ")" closes no group')
    return piece
  }

  // Inline flags hold to the end of their group, so they are handed from one alternative on.
  #alternatives(outer: RegexFlags): Piece {
    const pieces: Piece[] = []
    let flags = outer
    do {
      const sequence = this.#sequence(flags)
      pieces.push(sequence.piece)
      flags = sequence.flags
    } while (this.#cursor.skip('|'))
    const only = pieces[0]
    if (only !== undefined && pieces.length === 1) return only
    const joined = joinPieces(pieces, '|')
    return { ...joined, states: joined.states + pieces.length }
  }

  #sequence(outer: RegexFlags): { piece: Piece; flags: RegexFlags } {
    const pieces: Piece[] = []
    let flags = outer
    let committed: CharSet | 'anything' | null = null
    while (!this.#cursor.done && !this.#cursor.sees('|') && !this.#cursor.sees(')')) {
      const found = this.#item(flags)
      if ('flags' in found) {
        flags = found.flags
        continue
      }
      if (found.piece === null) continue
      if (committed !== null) this.#checkCommitted(committed, found.piece)
      committed = found.committed
      pieces.push(found.piece)
    }
    if (committed !== null && !/^\)*$/.test(this.#cursor.source.slice(this.#cursor.at))) {
      this.#refuseAtomic()
    }
    const only = pieces[0]
    const piece = only !== undefined && pieces.length === 1 ? only : joinPieces(pieces, '')
    return { piece, flags }
  }

  // A possessive repeat gives nothing back. An automaton cannot commit like that, but when what
  // follows cannot begin inside the repeat, giving back would never help either.
  #checkCommitted(committed: CharSet | 'anything', next: Piece): void {
    if (committed === 'anything') this.#refuseAtomic()
    else if (next.isEnd !== true && (next.set === undefined || setsMeet(committed, next.set))) {
      this.#refuseAtomic()
    }
  }

  #refuseAtomic(): never {
    const text = 'possessive repeats and atomic groups are only possible where they change nothing'
    return this.#cursor.fail('atomic', `${text}; write the plain repeat`)
  }

  #item(flags: RegexFlags): Item {
    const cursor = this.#cursor
    if (cursor.takeMatch(/\(\?#[^)]*\)/y) !== null) return { piece: null, committed: null }
    let atomic = false
    let atom: Piece
    if (cursor.sees('(')) {
      const opening = takeGroupOpening(cursor, flags)
      if (opening.kind === 'flags') return { flags: opening.flags }
      atomic = opening.kind === 'atomic'
      atom = this.#group(opening.source, opening.flags)
    } else {
      if (cursor.takeMatch(/\\Q\\E|\\E/y) !== null) return { piece: null, committed: null }
      atom = this.#atom(flags)
    }
    const quantifier = takeQuantifier(cursor)
    if (quantifier === null) return { piece: atom, committed: atomic ? commitment(atom) : null }
    if (atomic) this.#refuseAtomic()
    const piece = repeatPiece(atom, quantifier, this.#engine)
    return { piece, committed: quantifier.mode === 'possessive' ? (atom.set ?? 'anything') : null }
  }

  #group(opening: string, flags: RegexFlags): Piece {
    this.#depth++
    if (this.#depth > nestingMax) {
      this.#cursor.fail('too-complex', `groups are nested deeper than ${nestingMax}`)
    }
    const piece = this.#alternatives(flags)
    if (!this.#cursor.skip(')')) this.#cursor.fail('syntax', 'a group has no closing ")"')
    this.#depth--
    const source = `${opening}${piece.source})`
    if (opening === '(?:') return { ...piece, source }
    const { states, captures, width, replication, prefix, isLiteral } = piece
    const outside = { states: states + 2, captures: captures + 1 }
    return { source, ...outside, width, replication, prefix, isLiteral }
  }

  #atom(flags: RegexFlags): Piece {
    const cursor = this.#cursor
    const char = cursor.take()
    switch (char) {
      case '^':
        return this.#assertion(flags.multiline ? '(?m:^)' : '^')
      case '$':
        return this.#assertion(flags.multiline ? '(?m:$)' : '$')
      case '.':
        return this.#one(
          flags.dotAll ? [[0, this.#top]] : invertSet([[0x0a, 0x0a]], this.#top),
          flags,
        )
      case '[':
        return this.#class(flags)
      case '\\':
        return this.#escape(flags)
      case '*':
      case '+':
      case '?':
        return cursor.fail('syntax', `there is nothing for "${char}" to repeat`)
      default:
        return this.#literal(char.codePointAt(0) ?? 0, flags)
    }
  }

  #class(flags: RegexFlags): Piece {
    const { ignoreCase } = flags
    const needRe2 = () => this.#needRe2()
    return this.#one(takeClass(this.#cursor, { top: this.#top, ignoreCase, needRe2 }), flags)
  }

  #escape(flags: RegexFlags): Piece {
    const cursor = this.#cursor
    const quoted = cursor.takeMatch(/Q([\s\S]*?)(?:\\E|$)/y)
    if (quoted !== null) return this.#quoted(quoted[1] ?? '', flags)
    if (cursor.takeMatch(/[1-9]|k[<{']|g[{<'\d+-]/y) !== null) {
      const text = 'back-references cannot be matched in linear time'
      cursor.fail('back-reference', `${text}; repeat the group instead`)
    }
    const property = cursor.takeMatch(/[pP](?:\{\^?\w+\}|\w)/y)
    if (property !== null) {
      this.#needRe2()
      return pieceOf(`\\${property[0]}`, 1)
    }
    if (cursor.skip('A')) return this.#assertion('^')
    if (cursor.takeMatch(/[zZ]/y) !== null) return this.#assertion('$')
    const boundary = cursor.takeMatch(/[bB]/y)
    if (boundary !== null) return this.#assertion(`\\${boundary[0]}`)
    if (cursor.skip('R')) {
      const source = '(?:\\r\\n|[\\n-\\r\\x85\u2028\u2029])'
      return pieceOf(source, 4)
    }
    const context = { top: this.#top, ignoreCase: flags.ignoreCase, needRe2: () => this.#needRe2() }
    const set = takeEscapedSet(cursor, context)
    if (set === null) return cursor.fail('unsupported', unknownEscape(cursor))
    const [only] = set
    if (set.length === 1 && only !== undefined && only[0] === only[1]) {
      return this.#literal(only[0], flags)
    }
    return this.#one(set, flags)
  }

  #quoted(text: string, flags: RegexFlags): Piece {
    const pieces = Array.from(text, (char) => this.#literal(char.codePointAt(0) ?? 0, flags))
    const last = pieces.at(-1)
    // A quantifier after `\E` belongs to the last character only.
    if (
      pieces.length > 1 &&
      last !== undefined &&
      /^[*+?{]/.test(this.#cursor.source.slice(this.#cursor.at))
    ) {
      this.#cursor.fail(
        'unsupported',
        'a repeat right after \\Q..\\E; put the last character outside',
      )
    }
    return pieces.length === 1 && last !== undefined ? last : joinPieces(pieces, '')
  }

  #literal(code: number, flags: RegexFlags): Piece {
    // V8 sees two units here: a group keeps a following quantifier on both.
    if (code > 0xffff && this.#engine === 'v8') {
      const source = `(?:${String.fromCodePoint(code)})`
      return pieceOf(source, 2)
    }
    const set: CharSet = [[code, code]]
    return this.#one(flags.ignoreCase ? foldSet(set) : set, flags)
  }

  #one(set: CharSet, flags: RegexFlags): Piece {
    // V8 without its flag `u` would see the two halves of a pair as two characters.
    if (flags.unicode && setsMeet(set, [[0xd800, 0xdfff]])) this.#needRe2()
    const only = set.length === 1 ? set[0] : undefined
    const isLiteral = only !== undefined && only[0] === only[1]
    const prefix = isLiteral ? String.fromCodePoint(only[0]) : ''
    return { ...pieceOf(printSet(set, this.#top), 1), set, prefix, isLiteral }
  }

  #assertion(source: string): Piece {
    if (source.startsWith('(?m')) this.#needRe2()
    return { ...pieceOf(source, 1), isLiteral: true, isEnd: source === '$' }
  }

  #needRe2(): void {
    this.needsRe2 = true
  }
}

type Item =
  | { readonly flags: RegexFlags }
  | { readonly piece: Piece | null; readonly committed: CharSet | 'anything' | null }

function commitment(atom: Piece): CharSet | 'anything' {
  return atom.loop ?? atom.set ?? 'anything'
}

function pieceOf(source: string, states: number): Piece {
  return { source, states, captures: 0, width: 0, replication: 1, prefix: '', isLiteral: false }
}

function joinPieces(pieces: readonly Piece[], separator: '' | '|'): Piece {
  let states = 0
  let captures = 0
  let width = 0
  let replication = 1
  for (const piece of pieces) {
    states += piece.states
    captures += piece.captures
    width += piece.width
    replication = Math.max(replication, piece.replication)
  }
  const source = pieces.map((piece) => piece.source).join(separator)
  const prefix = separator === '' ? prefixOfSequence(pieces) : commonPrefix(pieces)
  const isLiteral = separator === '' && pieces.every((piece) => piece.isLiteral)
  return { source, states, captures, width, replication, prefix, isLiteral }
}

function prefixOfSequence(pieces: readonly Piece[]): string {
  let prefix = ''
  for (const piece of pieces) {
    prefix += piece.prefix
    if (!piece.isLiteral) break
  }
  return prefix
}

function commonPrefix(pieces: readonly Piece[]): string {
  let common = pieces[0]?.prefix ?? ''
  for (const { prefix } of pieces) {
    while (!prefix.startsWith(common)) common = common.slice(0, -1)
  }
  return common
}
