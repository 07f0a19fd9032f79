import type {
  CancelReason,
  UpstreamAnswer,
  UpstreamRequest,
  UpstreamSender,
} from '../../kernel/exchange.ts'

export interface Sent {
  /** Rejects with the failure. */
  readonly answer: Promise<UpstreamAnswer>
  readonly informations: readonly number[]
  cancel(reason: CancelReason): void
}

/** Sends a request and waits for its answer with a promise. */
export function send(sender: UpstreamSender, request: UpstreamRequest): Sent {
  const { promise, resolve, reject } = Promise.withResolvers<UpstreamAnswer>()
  // Who cancels need not be waiting.
  promise.catch(() => {})
  const informations: number[] = []
  const sending = sender.send(request, {
    onInformation: (status) => informations.push(status),
    onAnswer: resolve,
    onFailure: reject,
  })
  return { answer: promise, informations, cancel: (reason) => sending.cancel(reason) }
}
