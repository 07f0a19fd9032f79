import type { HeaderList, ReadonlyHeaderList } from '@sallyport/sdk'
import type { Dispatcher } from 'undici'
import {
  type AnswerReceiver,
  type BodySink,
  type BodySource,
  type CancelReason,
  type Sending,
  UpstreamFailure,
  type UpstreamRequest,
} from '../exchange.ts'
import type { HttpLimits } from './limits.ts'
import { RequestBodyStream } from './request-body-stream.ts'
import { type Progress, toUpstreamFailure } from './upstream-failures.ts'

type Controller = Dispatcher.DispatchController

export interface UndiciSendingOptions {
  readonly receiver: AnswerReceiver
  readonly limits: HttpLimits
  /** Called once, when nothing of it is under way any more. */
  readonly onOver: () => void
}

/**
 * One request on its way through undici: its handler, the `Sending` of the caller and the body of
 * the answer in one object.
 */
export class UndiciSending implements Sending, BodySource, Progress, Dispatcher.DispatchHandler {
  length = -1
  started = false
  sent = false
  headArrived = false
  /** The body of the request as undici reads it; null when there is none. */
  readonly requestBody: RequestBodyStream | null

  readonly #request: UpstreamRequest
  readonly #limits: HttpLimits
  readonly #onOver: () => void
  readonly #receiver: AnswerReceiver
  #controller: Controller | null = null
  /** Neither the caller nor undici is told anything any more. */
  #over = false
  #sink: BodySink | null = null
  /** The sink asked to wait. */
  #waiting = false
  /** What arrived before the body was started, or while the sink asked to wait. */
  #backlog: Buffer[] = []
  #backlogBytes = 0
  #paused = false
  #arrived = false
  #trailers: ReadonlyHeaderList | null = null
  #failure: Error | null = null
  #headTimer: NodeJS.Timeout | null = null

  constructor(request: UpstreamRequest, { receiver, limits, onOver }: UndiciSendingOptions) {
    this.#request = request
    this.#receiver = receiver
    this.#limits = limits
    this.#onOver = onOver
    const { body, timeouts } = request
    this.requestBody =
      body === null
        ? null
        : new RequestBodyStream(body, timeouts.writeMs, () => this.#onTimeout('write-timeout'))
  }

  cancel(reason: CancelReason): void {
    if (this.#over) return
    const failure = new UpstreamFailure('closed', `cancelled: ${reason}`, this.sent)
    this.#finish()
    // Without a controller there is no connection yet: `onRequestStart` sees that it is over.
    this.#controller?.abort(failure)
    if (!this.headArrived) this.#receiver.onFailure(failure)
  }

  onRequestStart(controller: Controller): void {
    if (this.#over) {
      controller.abort(new UpstreamFailure('closed', 'cancelled before it was sent', false))
      return
    }
    this.#controller = controller
    this.sent = true
  }

  /** With a body the time for the answer begins when the request is out, not before. */
  onRequestSent(): void {
    if (this.requestBody === null || this.headArrived || this.#over) return
    this.#headTimer = setTimeout(
      () => this.#onTimeout('read-timeout'),
      this.#request.timeouts.readMs,
    )
  }

  onResponseStart(controller: Controller, status: number): void {
    if (this.#over) return
    const headers = toHeaderList(controller.rawHeaders)
    if (status < 200) {
      this.#headTimer?.refresh()
      this.#receiver.onInformation(status, headers)
      return
    }
    this.#stopHeadTimer()
    if (headers.length > this.#limits.headersMax * 2) {
      controller.abort(
        new UpstreamFailure('bad-answer', `more than ${this.#limits.headersMax} headers`, true),
      )
      return
    }
    this.headArrived = true
    this.length = toBodyLength(this.#request.method, status, headers)
    this.#receiver.onAnswer({ status, headers, body: this, tunnel: null })
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#over) return
    if (this.#sink !== null && !this.#waiting) {
      if (this.#sink.onData(chunk)) return
      this.#waiting = true
    } else {
      this.#backlog.push(chunk)
      this.#backlogBytes += chunk.length
      if (!this.#waiting && this.#backlogBytes < this.#limits.answerBacklogBytesMax) return
    }
    this.#paused = true
    controller.pause()
  }

  onResponseEnd(controller: Controller): void {
    if (this.#over) return
    this.#arrived = true
    const trailers = toHeaderList(controller.rawTrailers)
    if (trailers.length > 0) this.#trailers = trailers
    if (this.#sink !== null) this.#flush()
    this.#release()
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#over) return
    const failure = toUpstreamFailure(error, this)
    if (!this.headArrived) {
      this.#finish()
      this.#receiver.onFailure(failure)
      return
    }
    this.#failure = failure
    if (this.#sink !== null) this.#flush()
    this.#release()
  }

  start(sink: BodySink): void {
    if (this.started) throw new Error('the body of an answer is started once')
    this.started = true
    this.#sink = sink
    this.#flush()
  }

  resume(): void {
    if (!this.#waiting || this.#over) return
    this.#waiting = false
    this.#flush()
  }

  /** Passes on what was held, as far as the sink takes it, then lets the connection flow again. */
  #flush(): void {
    const sink = this.#sink!
    while (this.#backlog.length > 0 && !this.#waiting && !this.#over) {
      const chunk = this.#backlog.shift()!
      this.#backlogBytes -= chunk.length
      if (!sink.onData(chunk)) this.#waiting = true
    }
    if (this.#over || this.#backlog.length > 0) return
    if (this.#failure !== null) {
      this.#finish()
      sink.onError(this.#failure)
    } else if (this.#arrived) {
      this.#finish()
      sink.onEnd(this.#trailers)
    } else if (this.#paused && !this.#waiting) {
      this.#paused = false
      this.#controller!.resume()
    }
  }

  #onTimeout(kind: 'write-timeout' | 'read-timeout'): void {
    const ms = kind === 'write-timeout' ? 'writeMs' : 'readMs'
    const passed = `${this.#request.timeouts[ms]} ms`
    this.#controller?.abort(new UpstreamFailure(kind, `${kind} after ${passed}`, this.sent))
  }

  #stopHeadTimer(): void {
    if (this.#headTimer === null) return
    clearTimeout(this.#headTimer)
    this.#headTimer = null
  }

  #finish(): void {
    this.#over = true
    this.#backlog = []
    // undici chains a finished request to the next one: without this a scavenge would find the whole
    // exchange of every request alive through the one before, and promote it.
    this.#sink = null
    this.#release()
  }

  #released = false
  #release(): void {
    if (this.#released) return
    this.#released = true
    this.#stopHeadTimer()
    this.#onOver()
  }
}

type RawHeaders = Controller['rawHeaders']

/** undici gives buffers, as received. */
function toHeaderList(raw: RawHeaders): HeaderList {
  const list: HeaderList = []
  if (!Array.isArray(raw)) return list
  for (const part of raw) list.push(typeof part === 'string' ? part : part.toString('latin1'))
  return list
}

function toBodyLength(method: string, status: number, headers: ReadonlyHeaderList): number {
  if (method === 'HEAD' || status === 204 || status === 304) return 0
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (name.length === 14 && name.toLowerCase() === 'content-length') return Number(headers[i + 1])
  }
  return -1
}
