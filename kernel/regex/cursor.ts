import { UnsafeRegexError } from './unsafe-regex-error.ts'
import type { UnsafeRegexReason } from './unsafe-regex-error.ts'

/** Walks over the source of a pattern and phrases what is wrong with it. */
export class Cursor {
  readonly source: string
  at = 0

  constructor(source: string) {
    this.source = source
  }

  get done(): boolean {
    return this.at >= this.source.length
  }

  /** Whether the text comes next; does not move. */
  sees(text: string): boolean {
    return this.source.startsWith(text, this.at)
  }

  /** Steps over the text if it comes next. */
  skip(text: string): boolean {
    if (!this.sees(text)) return false
    this.at += text.length
    return true
  }

  /** Takes one whole code point; '' at the end. */
  take(): string {
    const code = this.source.codePointAt(this.at)
    if (code === undefined) return ''
    const char = String.fromCodePoint(code)
    this.at += char.length
    return char
  }

  /** Takes what a sticky expression (of this module's own, never a user's) matches here. */
  takeMatch(sticky: RegExp): RegExpExecArray | null {
    sticky.lastIndex = this.at
    const found = sticky.exec(this.source)
    if (found !== null) this.at += found[0].length
    return found
  }

  fail(reason: UnsafeRegexReason, what: string): never {
    const where = `regular expression ${JSON.stringify(this.source)}, offset ${this.at}`
    throw new UnsafeRegexError(reason, `${where}: ${what}`)
  }
}
