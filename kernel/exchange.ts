import type { HeaderList, ReadonlyHeaderList } from '@sallyport/sdk'

/**
 * The two small ports of the HTTP data path: what accepts an exchange (a listener) and what sends
 * one upstream (a sender). Nothing here assumes HTTP/1.1 or one exchange a socket, and nothing makes
 * an object per header: headers are flat lists of names and values as received.
 */

export interface ConnectionFacts {
  readonly clientAddress: string
  readonly clientPort: number
  readonly localAddress: string
  readonly localPort: number
  readonly scheme: 'http' | 'https'
  readonly sni: string | null
  readonly alpn: string | null
  /** DER of the client's certificate. */
  readonly peerCertificate: Uint8Array | null
}

/** Why a body or an exchange ended before its end. */
export type CancelReason = 'client-aborted' | 'upstream-aborted' | 'timeout' | 'plugin' | 'shutdown'

export interface BodySink {
  /**
   * It does nothing with a chunk but write it to an exchange: when that has sent it, the memory of the
   * chunk may be used anew.
   */
  readonly passesOn?: boolean
  /** Takes a chunk; false asks the source to stop until `resume`. The chunk is the sink's to keep. */
  onData(chunk: Uint8Array): boolean
  onEnd(trailers: ReadonlyHeaderList | null): void
  onError(error: Error): void
}

/** A body that arrives. Nothing flows before `start`; it is started once. */
export interface BodySource {
  /** From `content-length`; -1 when it is not known beforehand. */
  readonly length: number
  /** Whether `start` was called: a body that began to flow cannot be sent a second time. */
  readonly started: boolean
  start(sink: BodySink): void
  resume(): void
  /** Throws the rest away; the connection is closed where that is cheaper than reading on. */
  cancel(reason: CancelReason): void
}

/** A byte stream both ways: what a connection is after an upgrade. */
export interface Tunnel {
  /** What the other side sends; nothing flows before. `onError` also when the connection is lost. */
  start(sink: BodySink): void
  resume(): void
  /** False asks to wait for `onDrain`. The chunk is the tunnel's to keep. */
  write(chunk: Uint8Array): boolean
  /** Nothing more will be written; what the other side sends still arrives. */
  end(): void
  /** Cuts both ways; nobody is told anything any more. */
  abort(): void
  /** Set by who writes. */
  onDrain: (() => void) | null
}

export interface AnswerHead {
  readonly status: number
  readonly headers: ReadonlyHeaderList
  /** Bytes that will follow; -1 when not known; 0 when there is no body. */
  readonly bodyLength: number
}

/**
 * One request and the way to answer it. A listener makes it when the head has arrived and was found
 * valid; who handles it calls `sendHead` once, then `write` and `end`, or `abort`.
 */
export interface Exchange {
  readonly connection: ConnectionFacts
  readonly httpVersion: '1.0' | '1.1' | '2'
  readonly method: string
  /** The request target in origin form, as received: path and query. */
  readonly target: string
  /** The `Host` header (or `:authority`), as received; null when an HTTP/1.0 request has none. */
  readonly authority: string | null
  readonly headers: HeaderList
  /** Null when the request has no body. */
  readonly body: BodySource | null
  /** The protocol that the client asks to go on with, as received; null when it does not. */
  readonly upgrade: string | null

  /** An informational answer (1xx but not 101). */
  sendInformation(status: number, headers: ReadonlyHeaderList): void
  sendHead(head: AnswerHead): void
  /** False asks to wait for `onDrain`. */
  write(chunk: Uint8Array): boolean
  end(chunk?: Uint8Array, trailers?: ReadonlyHeaderList): void
  /**
   * Answers 101 instead of `sendHead` and hands the connection over. `Connection` is added, and
   * `Upgrade` (the one asked for) when the headers have none. Throws when `upgrade` is null. The
   * observer is told of the finish, when both ways of the tunnel are over, or of the cancel.
   */
  switchProtocols(head: AnswerHead): Tunnel
  /** Cuts the answer short, so that the client can tell that it is not whole. */
  abort(reason: CancelReason): void
  /** True once the client is gone or the answer was aborted. */
  readonly cancelled: boolean
  readonly headSent: boolean
  readonly bytesReceived: number
  readonly bytesSent: number
  /** The handler that is told what happens; set once, before anything is sent. */
  observer: ExchangeObserver | null
}

export interface ExchangeObserver {
  onDrain(): void
  /** The client went away before the answer was sent whole. */
  onCancel(reason: CancelReason): void
  /** The last byte of the answer was handed to the system. */
  onFinish(): void
}

/** Where a try goes. */
export interface SendTarget {
  readonly scheme: 'http' | 'https'
  /** Hostname or address, without brackets. */
  readonly hostname: string
  readonly port: number
  /** Name for TLS and certificate check; null without TLS. */
  readonly tlsName: string | null
}

export interface SendTimeouts {
  readonly connectMs: number
  /** Between two successful writes of the request. */
  readonly writeMs: number
  /** Between two reads of the answer, the first one included. */
  readonly readMs: number
}

export interface UpstreamRequest {
  readonly target: SendTarget
  readonly method: string
  /** Path and query, ready for the request line. */
  readonly path: string
  /** Complete, `Host` included, hop-by-hop and framing headers excluded. */
  readonly headers: ReadonlyHeaderList
  readonly body: BodySource | null
  /** Sent as `Connection: Upgrade` and `Upgrade`; null asks for none. */
  readonly upgrade: string | null
  readonly timeouts: SendTimeouts
}

/**
 * Who is told what becomes of a request that is sent: of any number of informational answers, and
 * then of the answer or of the failure. Never before `send` has returned.
 */
export interface AnswerReceiver {
  onInformation(status: number, headers: ReadonlyHeaderList): void
  /** The head is here. */
  onAnswer(answer: UpstreamAnswer): void
  /** `UpstreamFailure`, or a `TypeError` when the request cannot be sent because of what it is. */
  onFailure(error: Error): void
}

/** The answer of an upstream: the head is here, the body flows once it is started. */
export interface UpstreamAnswer {
  readonly status: number
  readonly headers: HeaderList
  readonly body: BodySource
  /** Not null exactly when the status is 101: the upstream agreed to the upgrade. */
  readonly tunnel: Tunnel | null
}

/** Where a try failed: decides the error row, the passive health check and whether to try again. */
export type UpstreamFailureKind =
  | 'connect-refused'
  | 'connect-timeout'
  | 'name-resolution'
  | 'tls'
  | 'write-timeout'
  | 'read-timeout'
  | 'total-timeout'
  | 'queue'
  | 'closed'
  | 'bad-answer'
  | 'request-body'

export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure'
  readonly kind: UpstreamFailureKind
  /** Whether any byte of the request may have reached the upstream. */
  readonly sent: boolean

  constructor(kind: UpstreamFailureKind, message: string, sent: boolean) {
    super(message)
    this.kind = kind
    this.sent = sent
  }
}

/** A request on its way. */
export interface Sending {
  /**
   * Stops it at any time; frees the upstream connection. A receiver that still waits for the answer
   * is told of the failure from within this call.
   */
  cancel(reason: CancelReason): void
}

export interface UpstreamSender {
  send(request: UpstreamRequest, receiver: AnswerReceiver): Sending
  close(): Promise<void>
}

/** What a listener needs of its owner. */
export interface ListenerOptions {
  readonly onExchange: (exchange: Exchange) => void
  /** A message that could not be made an exchange of: answered by the listener itself. */
  readonly onRefused: (refusal: { status: number; reason: string; clientAddress: string }) => void
}

export interface Listener {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number }
  /** Stops accepting; answers carry `Connection: close`; resolves when the last exchange is over. */
  drain(deadlineMs: number): Promise<void>
  close(): Promise<void>
}
