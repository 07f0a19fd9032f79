import type { CharSet } from './char-set.ts'

export type RegexEngine = 'v8' | 're2'

export interface RegexFlags {
  readonly ignoreCase: boolean
  readonly multiline: boolean
  readonly dotAll: boolean
  readonly unicode: boolean
}

/** A part of the translated pattern, with what the parts around it must know. */
export interface Piece {
  readonly source: string
  /** States of the automaton, counted repeats written out. */
  readonly states: number
  readonly captures: number
  /** States that one character may keep busy at once: copies of counted and optional parts, bodies of loops. */
  readonly width: number
  /** Largest product of nested counted repeats inside. */
  readonly replication: number
  /** Every match of the piece begins with this text. */
  readonly prefix: string
  /** The piece matches its prefix and nothing else. */
  readonly isLiteral: boolean
  /** Set when the piece matches exactly one character. */
  readonly set?: CharSet
  /** Set when the piece is a greedy repeat of one character. */
  readonly loop?: CharSet
  /** The end-of-input assertion. */
  readonly isEnd?: boolean
}
