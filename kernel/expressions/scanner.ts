import { quote } from '../config/config-error.ts'
import { ExpressionError, placeIn } from './expression-error.ts'

/** So much of what follows is quoted. */
const quotedLength = 24

/** A place in the text of an expression. */
export class Scanner {
  readonly text: string
  at = 0

  constructor(text: string) {
    this.text = text
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length
  }

  skipSpace(): void {
    while (' \t\r\n'.includes(this.text[this.at] ?? '.')) this.at++
  }

  sees(word: string): boolean {
    return this.text.startsWith(word, this.at)
  }

  /** Goes past the word if it stands here. */
  skip(word: string): boolean {
    if (!this.sees(word)) return false
    this.at += word.length
    return true
  }

  /** What a sticky pattern finds here; '' when it finds nothing. */
  take(pattern: RegExp): string {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.text)?.[0] ?? ''
    this.at += found.length
    return found
  }

  /** `got "= 1 && net.."`, for the end of a message. */
  got(): string {
    if (this.isAtEnd) return 'but the expression ends here'
    const rest = this.text.slice(this.at)
    return `got ${quote(rest.length > quotedLength ? `${rest.slice(0, quotedLength - 2)}..` : rest)}`
  }

  /** A place of the text in words. */
  place(at: number): string {
    const { line, column } = placeIn(this.text, at)
    return `line ${line}, column ${column}`
  }

  fail(reason: string, at = this.at): never {
    throw new ExpressionError(this.text, at, reason)
  }
}
