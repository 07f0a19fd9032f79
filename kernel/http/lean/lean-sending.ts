import type { HeaderList, ReadonlyHeaderList } from '@sallyport/sdk'
import {
  type AnswerReceiver,
  type BodySink,
  type BodySource,
  type CancelReason,
  type Sending,
  type Tunnel,
  type UpstreamAnswer,
  UpstreamFailure,
  type UpstreamRequest,
} from '../../exchange.ts'
import type { ReceivedHead } from './answer-head.ts'
import { toSentHead } from './sent-head.ts'
import type { TimerEntry } from './timer-wheel.ts'
import type { Turn } from './turn.ts'
import type { UpstreamConnection } from './upstream-connection.ts'

/** Where a request waits that has no connection yet. */
export interface WaitingPlace {
  onWaitingCancelled(sending: LeanSending): void
}

/**
 * One request on its way: what its sender holds, its answer and the body of that in one object.
 */
export class LeanSending implements Sending, UpstreamAnswer, BodySource {
  readonly request: UpstreamRequest
  readonly receiver: AnswerReceiver
  /** The head of the request as bytes: good until the end of the turn, unless it was kept. */
  head: Buffer = NO_BYTES
  /** While it is being sent and answered; null before and afterwards. */
  connection: UpstreamConnection | null = null
  /** While it waits for a connection. */
  waitingPlace: WaitingPlace | null = null
  waitingTimer: TimerEntry | null = null
  /** Whether any byte of the request may have reached the upstream. */
  sent = false

  status = 0
  headers: HeaderList = NO_HEADERS
  tunnel: Tunnel | null = null
  length = -1
  started = false

  /** Nobody is told anything any more. */
  #over = false
  #sink: BodySink | null = null
  /** The sink asked to wait. */
  #waiting = false
  /** What arrived before the body was started, or while the sink asked to wait. */
  #backlog: Buffer[] | null = null
  #backlogBytes = 0
  readonly #backlogBytesMax: number
  #arrived = false
  #keptHead = false
  #trailers: ReadonlyHeaderList | null = null
  #failure: Error | null = null

  constructor(request: UpstreamRequest, receiver: AnswerReceiver, backlogBytesMax: number) {
    this.request = request
    this.receiver = receiver
    this.#backlogBytesMax = backlogBytesMax
  }

  /** Throws a `TypeError` on what would not be one request. */
  writeHead(turn: Turn): void {
    if (!this.#keptHead) this.head = toSentHead(this.request, turn)
  }

  /** The head is sent later than at the end of this turn. */
  keepHead(): void {
    if (!this.#keptHead) this.head = Buffer.from(this.head)
    this.#keptHead = true
  }

  get body(): BodySource {
    return this
  }

  cancel(reason: CancelReason): void {
    if (this.#over) return
    const { connection } = this
    this.#finish()
    this.waitingPlace?.onWaitingCancelled(this)
    connection?.close()
    this.tunnel?.abort()
    if (this.status !== 0) return
    this.receiver.onFailure(new UpstreamFailure('closed', `cancelled: ${reason}`, this.sent))
  }

  /** It is not sent at all; who sends it is told later. */
  refuse(error: Error): this {
    process.nextTick(refuse, this, error)
    return this
  }

  onHead(head: ReceivedHead, tunnel: Tunnel | null): void {
    this.status = head.status
    this.headers = head.headers
    this.length = head.bodyLength < 0 ? -1 : head.bodyLength
    this.tunnel = tunnel
    this.receiver.onAnswer(this)
  }

  /** True when the piece was sent on, and nobody holds it any more. */
  onPiece(piece: Buffer, turn: Turn): boolean {
    const sink = this.#sink
    if (sink !== null && !this.#waiting) {
      const more = sink.onData(piece)
      const passedOn = sink.passesOn === true && turn.taken === piece
      if (more) return passedOn
      this.#waiting = true
      this.connection?.pauseReading()
      return passedOn
    }
    if (this.#backlog === null) this.#backlog = [piece]
    else this.#backlog.push(piece)
    this.#backlogBytes += piece.length
    if (this.#waiting || this.#backlogBytes >= this.#backlogBytesMax) {
      this.connection?.pauseReading()
    }
    return false
  }

  onComplete(trailers: HeaderList | null): void {
    this.#arrived = true
    this.#trailers = trailers
    if (this.#sink !== null) this.#flush()
  }

  onFailure(failure: Error): void {
    this.connection = null
    if (this.#over) return
    if (this.status === 0) {
      this.#finish()
      this.receiver.onFailure(failure)
      return
    }
    this.#failure = failure
    if (this.#sink !== null) this.#flush()
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
    const backlog = this.#backlog
    if (backlog !== null) {
      while (backlog.length > 0 && !this.#waiting && !this.#over) {
        const piece = backlog.shift()!
        this.#backlogBytes -= piece.length
        if (!sink.onData(piece)) this.#waiting = true
      }
      if (backlog.length > 0) return
      this.#backlog = null
    }
    if (this.#over) return
    if (this.#failure !== null) {
      this.#finish()
      sink.onError(this.#failure)
    } else if (this.#arrived) {
      this.#finish()
      sink.onEnd(this.#trailers)
    } else if (!this.#waiting) {
      this.connection?.resumeReading()
    }
  }

  #finish(): void {
    this.#over = true
    this.#backlog = null
    this.connection = null
    // Who keeps the answer does not keep the client's side of it.
    this.#sink = null
  }
}

/** Never changed: until the head arrives nobody has the answer. */
const NO_HEADERS: HeaderList = []
const NO_BYTES = Buffer.alloc(0)

function refuse(sending: LeanSending, error: Error): void {
  sending.onFailure(error)
}
