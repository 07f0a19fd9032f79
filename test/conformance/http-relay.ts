import type { HeaderList, ReadonlyHeaderList } from '@sallyport/sdk'
import type {
  AnswerReceiver,
  BodySink,
  BodySource,
  CancelReason,
  Exchange,
  ExchangeObserver,
  SendTarget,
  SendTimeouts,
  Sending,
  UpstreamAnswer,
  UpstreamSender,
} from '../../kernel/exchange.ts'
import { UpstreamFailure } from '../../kernel/exchange.ts'

/** Where the relay sends what it gets, and with which patience. */
export interface RelayRoute {
  readonly sender: UpstreamSender
  readonly target: SendTarget
  readonly timeouts: SendTimeouts
}

const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const STATUS_OF: Record<UpstreamFailure['kind'], number> = {
  'connect-refused': 502,
  'connect-timeout': 504,
  'name-resolution': 503,
  tls: 502,
  'write-timeout': 504,
  'read-timeout': 504,
  'total-timeout': 504,
  queue: 503,
  closed: 502,
  'bad-answer': 502,
  'request-body': 400,
}

/**
 * The smallest gateway that uses both ports as they are meant: no routing, no plugins. A failed try
 * is answered with the failure's kind and whether it was sent as headers.
 */
export class Relay implements ExchangeObserver, AnswerReceiver, BodySink {
  readonly exchange: Exchange
  readonly events: string[] = []
  failure: Error | null = null
  #sending: Sending | null = null
  #answerBody: BodySource | null = null

  constructor(exchange: Exchange) {
    this.exchange = exchange
    exchange.observer = this
  }

  run(route: RelayRoute): void {
    const { exchange } = this
    const request = {
      target: route.target,
      method: exchange.method,
      path: exchange.target,
      headers: withoutHopByHop(exchange.headers),
      body: exchange.body,
      upgrade: null,
      timeouts: route.timeouts,
    }
    this.#sending = route.sender.send(request, this)
  }

  onInformation(status: number, headers: ReadonlyHeaderList): void {
    this.exchange.sendInformation(status, headers)
  }

  onAnswer({ status, headers, body }: UpstreamAnswer): void {
    const forClient = withoutHopByHop(headers, 'content-length')
    this.exchange.sendHead({ status, headers: forClient, bodyLength: body.length })
    this.#answerBody = body
    body.start(this)
  }

  onData(chunk: Uint8Array): boolean {
    return this.exchange.write(chunk)
  }

  onEnd(trailers: ReadonlyHeaderList | null): void {
    if (trailers === null) this.exchange.end()
    else this.exchange.end(undefined, trailers)
  }

  onError(error: Error): void {
    this.failure = error
    this.exchange.abort('upstream-aborted')
  }

  onDrain(): void {
    this.#answerBody?.resume()
  }

  onCancel(reason: CancelReason): void {
    this.events.push(`cancel:${reason}`)
    this.#sending?.cancel(reason)
  }

  onFinish(): void {
    this.events.push('finish')
  }

  onFailure(error: Error): void {
    this.failure = error
    if (this.exchange.cancelled) return
    const body = Buffer.from(error.message)
    const isFailure = error instanceof UpstreamFailure
    this.exchange.sendHead({
      status: isFailure ? STATUS_OF[error.kind] : 500,
      headers: isFailure ? ['X-Kind', error.kind, 'X-Sent', String(error.sent)] : [],
      bodyLength: body.length,
    })
    this.exchange.end(body)
  }
}

function withoutHopByHop(headers: ReadonlyHeaderList, keep = ''): HeaderList {
  const list: HeaderList = []
  for (let i = 0; i < headers.length; i += 2) {
    const lower = headers[i]!.toLowerCase()
    if (lower === keep || !HOP_BY_HOP.has(lower)) list.push(headers[i]!, headers[i + 1]!)
  }
  return list
}
