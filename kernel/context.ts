import { nowMs } from './clock.ts'
import type { Credential, Consumer, HeaderList, SerializeValue } from '@sallyport/sdk'
import { type Answer, applyPendingOperations, type HeaderOperation } from './answer.ts'
import type { Chain } from './chain.ts'
import type { CompiledSnapshot } from './compiled-snapshot.ts'
import type { ConditionResults } from './step-condition.ts'
import type { ConsumerRecord } from './directory.ts'
import { type ErrorCode, errorHeaders, ERRORS, formatError } from './errors.ts'
import type { CancelReason, Exchange, ExchangeObserver, Sending, Tunnel } from './exchange.ts'
import type { ReadableRequestBody } from './request-body.ts'
import { ServiceChanges } from './service-changes.ts'
import type { Trace } from './trace.ts'
import type { MatchedRoute } from './matched-route.ts'
import type { PickedTarget } from './balancer/balancer.ts'

/** One try at one target, for the log. */
export interface Try {
  readonly target: PickedTarget
  readonly startedAtMs: number
  endedAtMs: number
  /** Null when it brought an answer. */
  failure: string | null
}

/** Seen by plugins of the same tenant, and by those of no tenant. */
export interface TenantSerializeValue extends SerializeValue {
  readonly tenant: string | null
}

/** Who takes the body of an answer: told when the client can take more, and when it has gone. */
export interface BodyTaker {
  onDrain(): void
  onCancel(): void
}

/**
 * What is known of one request: one class of fixed shape, no bag of properties. A request keeps the
 * snapshot it began with. Times are milliseconds; `..Ms` of `nowMs()` unless the name says
 * otherwise.
 */
export class RequestContext implements ExchangeObserver {
  readonly exchange: Exchange
  readonly snapshot: CompiledSnapshot
  readonly id: string
  readonly startedAtMs: number
  /** Milliseconds since 1970. */
  readonly startTimeMs: number
  /** The path without the query, as received and normalised. */
  rawPath = ''
  path = ''
  /** With its question mark; empty when there is none. */
  query = ''

  matched: MatchedRoute | null = null
  chain: Chain
  consumer: ConsumerRecord | null = null
  credential: Credential | null = null
  /** By id: those that plugins of this request have loaded. */
  loadedConsumers: Map<string, ConsumerRecord> | null = null

  /** What plugins made of the request for the upstream; null while none has changed it. */
  changes: ServiceChanges | null = null
  /** A plugin wants the upstream's answer to be collected. */
  buffersAnswer = false
  /** The body of the request, once a plugin has asked for it. */
  readableBody: ReadableRequestBody | null = null
  target: PickedTarget | null = null
  readonly tries: Try[] = []
  sending: Sending | null = null
  /** The upstream's side after it agreed to an upgrade; null unless the answer is its 101. */
  upstreamTunnel: Tunnel | null = null

  /** Null until somebody has answered: an upstream, a plugin or the kernel. */
  answer: Answer | null = null
  errorCode: ErrorCode | null = null
  /** For the operator's log, never for the client. */
  errorDetail: string | null = null
  /** What the upstream answered, kept when the answer is changed; null when none did. */
  serviceStatus: number | null = null
  serviceHeadersReceived: HeaderList | null = null
  /** The body of the upstream's answer, when it was collected. */
  serviceBodyReceived: Uint8Array | null = null
  /** Changes of the answer's head made before there was an answer. */
  readonly pendingOperations: HeaderOperation[] = []
  pendingStatus: number | null = null

  /** The chunk that `bodyFilter` looks at. */
  chunk: Uint8Array | null = null
  chunkIsLast = false

  /** `ctx.shared` by tenant (the empty string: none), `ctx.plugin` by instance key. */
  shared: Map<string, Record<string, unknown>> | null = null
  pluginContexts: Map<string, Record<string, unknown>> | null = null

  /** What plugins have said for the log of the request, and whose plugins. */
  serializeValues: TenantSerializeValue[] | null = null
  /** Of steps with a condition; null until one was asked. */
  conditions: ConditionResults | null = null

  trace: Trace | null = null
  upstreamHeadAtMs = 0
  cancelReason: CancelReason | null = null
  /** Who takes the answer's body, while it flows. */
  stream: BodyTaker | null = null

  constructor(exchange: Exchange, snapshot: CompiledSnapshot, id: string) {
    this.exchange = exchange
    this.snapshot = snapshot
    this.id = id
    this.startedAtMs = nowMs()
    this.startTimeMs = Date.now()
    this.chain = snapshot.chains.globalChain
    exchange.observer = this
  }

  /** The changes of plugins, to be added to. */
  get ownChanges(): ServiceChanges {
    return (this.changes ??= new ServiceChanges())
  }

  get consumerView(): Consumer | null {
    return this.consumer === null ? null : this.consumer.view
  }

  /** Makes this the answer; what plugins asked for before there was one is applied to its head. */
  setAnswer(answer: Answer): void {
    this.answer = answer
    if (this.pendingOperations.length > 0) applyPendingOperations(answer, this.pendingOperations)
    if (this.pendingStatus !== null && answer.source === 'service') {
      answer.status = this.pendingStatus
    }
  }

  /** Answers with a row of the error table, whatever the answer was before. */
  fail(code: ErrorCode, detail: string): void {
    const row = ERRORS[code]
    this.errorCode = code
    this.errorDetail = detail
    this.discardBody('plugin')
    const { contentType, body } = formatError(this.exchange, row.message, this.id)
    const headers = errorHeaders(code)
    headers.push('Content-Type', contentType)
    this.setAnswer({ source: 'error', status: row.status, headers, body })
  }

  /** Frees the upstream connection of an answer that is not going to be sent. */
  discardBody(reason: CancelReason): void {
    this.upstreamTunnel?.abort()
    this.upstreamTunnel = null
    const body = this.answer?.body
    if (body !== null && body !== undefined && !(body instanceof Uint8Array)) body.cancel(reason)
  }

  onDrain(): void {
    this.stream?.onDrain()
  }

  onCancel(reason: CancelReason): void {
    this.cancelReason = reason
    this.sending?.cancel(reason)
    this.stream?.onCancel()
  }

  onFinish(): void {}
}
