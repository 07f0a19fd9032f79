/** Why a regular expression was refused. */
export type UnsafeRegexReason =
  | 'syntax'
  | 'look-around'
  | 'back-reference'
  | 'recursion'
  | 'atomic'
  | 'unsupported'
  | 'too-long'
  | 'too-complex'

/** The pattern cannot be run with a guaranteed linear cost, or cannot be read at all. */
export class UnsafeRegexError extends Error {
  readonly reason: UnsafeRegexReason

  constructor(reason: UnsafeRegexReason, message: string) {
    super(message)
    this.name = 'UnsafeRegexError'
    this.reason = reason
  }
}
