import { afterEach } from 'vitest'
import {
  type AnswerReceiver,
  type BodySink,
  type BodySource,
  type CancelReason,
  type Sending,
  type SendTarget,
  type Tunnel,
  type UpstreamAnswer,
  UpstreamFailure,
  type UpstreamRequest,
} from '../../../../kernel/exchange.ts'
import { createLeanSender, type LeanSender } from '../../../../kernel/http/lean/lean-sender.ts'
import { TimerWheel } from '../../../../kernel/http/lean/timer-wheel.ts'
import { createHttpLimits, type HttpLimits } from '../../../../kernel/http/limits.ts'
import { RawUpstream } from '../../../conformance/raw-http.ts'

/** What became of a request: as far as it got. */
export class Outcome implements AnswerReceiver, BodySink {
  sending!: Sending
  status = 0
  headers: readonly string[] = []
  body = ''
  trailers: readonly string[] | null = null
  readonly informations: number[] = []
  readonly startsBody: boolean
  ended = false
  error: Error | null = null
  tunnel: Tunnel | null = null
  /** Settled when the answer has ended, or failed, whatever way. */
  readonly over: Promise<this>
  /** Resolves with the head. */
  readonly headHere: Promise<void>
  source: BodySource | null = null
  takes = true
  #settle!: (self: this) => void
  #onHead!: () => void

  constructor(startsBody: boolean) {
    this.startsBody = startsBody
    this.over = new Promise((resolve) => (this.#settle = resolve))
    this.headHere = new Promise((resolve) => (this.#onHead = resolve))
  }

  onData(chunk: Uint8Array): boolean {
    this.body += Buffer.from(chunk).toString('latin1')
    return this.takes
  }

  onEnd(trailers: readonly string[] | null): void {
    this.ended = true
    this.trailers = trailers
    this.#settle(this)
  }

  onError(error: Error): void {
    this.error = error
    this.#settle(this)
  }

  onInformation(status: number): void {
    this.informations.push(status)
  }

  onAnswer(answer: UpstreamAnswer): void {
    this.status = answer.status
    this.headers = answer.headers
    this.source = answer.body
    this.tunnel = answer.tunnel
    this.#onHead()
    if (this.startsBody && answer.tunnel === null) answer.body.start(this)
  }

  onFailure(error: Error): void {
    this.onError(error)
  }

  /** `status`, or the kind of the failure and whether anything was sent. */
  get summary(): string {
    const failure = this.error
    if (failure === null) return this.ended ? `${this.status} ${this.body}` : 'open'
    const kind =
      failure instanceof UpstreamFailure ? `${failure.kind} ${failure.sent}` : failure.name
    return this.status === 0 ? kind : `${this.status} ${this.body} then ${kind}`
  }
}

/** A request body of which the test says when what comes. */
export class ScriptedBody implements BodySource {
  readonly length: number
  started = false
  resumes = 0
  cancelled: CancelReason | null = null
  sink: BodySink | null = null
  readonly #atOnce: readonly string[]
  #pumped: Buffer | null = null

  /** `atOnce` is there when it is started. */
  constructor(length: number, ...atOnce: string[]) {
    this.length = length
    this.#atOnce = atOnce
  }

  start(sink: BodySink): void {
    this.started = true
    this.sink = sink
    for (const chunk of this.#atOnce) this.push(chunk)
  }

  push(chunk: string | Buffer): boolean {
    return this.sink!.onData(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
  }

  end(): void {
    this.sink!.onEnd(null)
  }

  resume(): void {
    this.resumes++
    this.pump(this.#pumped)
  }

  /** Gives this chunk for as long as somebody takes it; null is the end of that. */
  pump(chunk: Buffer | null): void {
    this.#pumped = chunk
    while (this.cancelled === null && this.#pumped !== null && this.push(this.#pumped));
  }

  cancel(reason: CancelReason): void {
    this.cancelled = reason
  }
}

export interface SenderFixture {
  readonly upstream: RawUpstream
  readonly sender: LeanSender
  readonly target: SendTarget
  send(changes?: Partial<UpstreamRequest>, startsBody?: boolean): Outcome
  /** What the pool has: connections, of them idle, requests that wait. */
  readonly pool: string
}

/** Makes a sender and a scripted upstream, closed after each test. */
export function useSender(): (limits?: Partial<HttpLimits>) => Promise<SenderFixture> {
  const running: (() => Promise<void>)[] = []
  afterEach(async () => {
    for (const stop of running.splice(0)) await stop()
  })
  return async (limits = {}) => {
    const upstream = await new RawUpstream().listen()
    const wheel = new TimerWheel(10)
    const sender = createLeanSender({ limits: createHttpLimits(limits), wheel })
    running.push(async () => {
      await sender.close()
      wheel.close()
      await upstream.close()
    })
    const { port } = upstream
    const target = { scheme: 'http', hostname: '127.0.0.1', port, tlsName: null } as const
    return {
      ...{ upstream, sender, target },
      send(changes = {}, startsBody = true) {
        const outcome = new Outcome(startsBody)
        const request = {
          ...{ target, method: 'GET', path: '/', headers: ['Host', 'a'], body: null },
          upgrade: null,
          timeouts: { connectMs: 5_000, writeMs: 5_000, readMs: 5_000 },
          ...changes,
        }
        outcome.sending = sender.send(request, outcome)
        return outcome
      },
      get pool() {
        const { connections = 0, idle = 0, waiting = 0 } = sender.stats()[0] ?? {}
        return `${connections} ${idle} ${waiting}`
      },
    }
  }
}
