import { UpstreamFailure, type UpstreamFailureKind } from '../exchange.ts'

/** The failure for an error of undici; `sent` is whether the request had begun to go out. */
export function toUpstreamFailure(error: Error, sent: boolean): Error {
  if (error instanceof UpstreamFailure) return error
  const code = (error as NodeJS.ErrnoException).code ?? ''
  // What undici refuses to send (a header that is not one, a broken path) is nobody's failure but
  // that of who made the request: an internal error.
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return new TypeError(`the request cannot be sent: ${error.message}`, { cause: error })
  }
  const failure = new UpstreamFailure(toKind(code, error.message), error.message, sent)
  failure.cause = error
  return failure
}

function toKind(code: string, message: string): UpstreamFailureKind {
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return 'read-timeout'
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return 'request-body'
    case 'UND_ERR_HEADERS_OVERFLOW':
      return 'bad-answer'
    case 'UND_ERR_SOCKET':
      // undici's words for an answer without a question, and for 100 or 101 unasked for.
      return message === 'bad response' || message === 'bad upgrade' ? 'bad-answer' : 'closed'
    case 'HPE_INVALID_EOF_STATE':
      return 'closed'
    default:
      if (code.startsWith('HPE_')) return 'bad-answer'
      if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) return 'tls'
      // Reset, broken pipe, fewer bytes than announced, a pool that was closed.
      return 'closed'
  }
}
