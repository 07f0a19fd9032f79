import type { CancelReason } from '../exchange.ts'

/** What a request body's sink is told when the body ends before its end. */
export class RequestBodyError extends Error {
  override readonly name = 'RequestBodyError'
  /** `malformed` is the client's fault (400), `timeout` its silence (408); else nobody is there. */
  readonly reason: CancelReason | 'malformed'

  constructor(reason: CancelReason | 'malformed') {
    super(`the request body ended early: ${reason}`)
    this.reason = reason
  }
}
