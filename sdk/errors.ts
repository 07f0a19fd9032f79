/**
 * What a PDK member throws. `code` is stable and may be compared; `message` is for people.
 */
export const PDK_ERRORS = {
  ALREADY_EXITED: 'the handler changed the message after it had called response.exit',
  BAD_ARGUMENT: 'an argument has the wrong type or a value that cannot be used',
  BAD_BODY: 'the body is not of the type that it is said to be',
  BODY_GONE: 'the body was sent on already and is not kept',
  BODY_NOT_BUFFERED: 'the body flows past; service.request.enableBuffering collects it',
  BODY_TOO_LARGE: 'the body is larger than the caller allowed',
  FETCH_FAILED: 'the other server could not be asked, or did not answer as it should',
  HANDLER_OVER: 'the handler has ended or ran out of time; its pdk object is no longer usable',
  INTERNAL: 'the gateway could not do it; its log says why',
  LIMIT: 'a limit of the gateway or of the tenant was reached',
  NOT_FOUND: 'what was named does not exist',
  NOT_GRANTED: 'the operator has not granted this to the plugin',
  STORE_FAILED: 'the store could not be read or written',
  TIMEOUT: 'it took longer than the caller or the handler has time for',
  UNKNOWN_TYPE: 'the body is of a type that is not parsed',
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
