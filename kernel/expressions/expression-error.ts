/** What is wrong with an expression and where. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError'
  /** In UTF-16 units from the start of the expression. */
  readonly offset: number
  /** From 1. */
  readonly line: number
  readonly column: number

  /** The message opens with the place: `line 1, column 11: expected an operator, got "= 1"`. */
  constructor(text: string, offset: number, reason: string) {
    const { line, column } = placeIn(text, offset)
    super(`line ${line}, column ${column}: ${reason}`)
    this.offset = offset
    this.line = line
    this.column = column
  }
}

/** Line and column of an offset, both from 1. */
export function placeIn(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split('\n')
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1 }
}
