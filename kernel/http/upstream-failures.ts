import { errors } from 'undici'
import { UpstreamFailure, type UpstreamFailureKind } from '../exchange.ts'

/** How far a request had come when it failed. */
export interface Progress {
  /** It had begun to go out. */
  readonly sent: boolean
  /** The head of its answer had arrived. */
  readonly headArrived: boolean
}

/** The failure for an error of undici. */
export function toUpstreamFailure(error: Error, progress: Progress): Error {
  if (error instanceof UpstreamFailure) return error
  const code = (error as NodeJS.ErrnoException).code ?? ''
  // What undici refuses to send (a header that is not one, a broken path) is nobody's failure but
  // that of who made the request: an internal error.
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED') {
    return new TypeError(`the request cannot be sent: ${error.message}`, { cause: error })
  }
  const failure = new UpstreamFailure(toKind(error, code, progress), error.message, progress.sent)
  failure.cause = error
  return failure
}

function toKind(error: Error, code: string, progress: Progress): UpstreamFailureKind {
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
      return error.message === 'bad response' || error.message === 'bad upgrade'
        ? 'bad-answer'
        : 'closed'
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      // Without a head it hides the parser's own error, with one the body was cut short.
      return progress.headArrived ? 'closed' : 'bad-answer'
    default:
      if (error instanceof errors.HTTPParserError) {
        return error.message.includes('Invalid EOF state') ? 'closed' : 'bad-answer'
      }
      if (code.startsWith('ERR_SSL') || code.startsWith('ERR_TLS')) return 'tls'
      // Reset, broken pipe, a pool that was closed.
      return 'closed'
  }
}
