/**
 * What a PDK member throws. `code` is stable and may be compared; `message` is for people.
 */
export const PDK_ERRORS = {
  ALREADY_EXITED: 'the handler changed the message after it had called response.exit',
  BAD_ARGUMENT: 'an argument has the wrong type or a value that cannot be used',
  BODY_TOO_LARGE: 'the body is larger than the caller allowed',
  HANDLER_OVER: 'the handler has ended or ran out of time; its pdk object is no longer usable',
  LIMIT: 'a limit of the gateway or of the tenant was reached',
  NOT_FOUND: 'what was named does not exist',
  WRONG_PHASE: 'the member cannot be called in this phase',
} as const

export type PdkErrorCode = keyof typeof PDK_ERRORS

export class PdkError extends Error {
  override readonly name = 'PdkError'
  readonly code: PdkErrorCode

  constructor(code: PdkErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
