/**
 * The ways in which a plugin host fails a call. The kind decides status and counters in the kernel:
 * what the plugin did wrong is 500, what keeps it from answering is 503.
 */
export const HOST_FAILURES = {
  error: { status: 500, what: 'the handler threw' },
  refused: { status: 500, what: 'the result of the handler was refused' },
  timeout: { status: 503, what: 'the handler ran out of time' },
  killed: { status: 503, what: 'the sandbox was killed or died' },
  unavailable: { status: 503, what: 'the plugin host is not ready or in quarantine' },
  throttled: { status: 503, what: 'the tenant has used up its CPU budget' },
} as const

export type HostFailureKind = keyof typeof HOST_FAILURES

export class HostFailure extends Error {
  override readonly name = 'HostFailure'
  readonly kind: HostFailureKind
  /** Whether the handler had already called `response.exit`: such a failure is never skipped. */
  readonly decided: boolean

  /** `message` is for the operator's log; it never reaches a client. */
  constructor(kind: HostFailureKind, message: string, decided = false) {
    super(message)
    this.kind = kind
    this.decided = decided
  }
}
