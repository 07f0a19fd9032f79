import type { Socket } from 'node:net'
import type { HeaderList } from '@sallyport/sdk'
import { type SendTarget, UpstreamFailure } from '../../exchange.ts'
import { IDEMPOTENT_METHODS } from '../../idempotent-methods.ts'
import type { HttpLimits } from '../limits.ts'
import type { ReceivedHead } from './answer-head.ts'
import { AnswerReader, type AnswerReaderOwner } from './answer-reader.ts'
import type { LeanSending } from './lean-sending.ts'
import { ReadMemory } from './read-memory.ts'
import { RequestWriter, type RequestWriterOwner } from './request-writer.ts'
import { SocketTunnel } from './socket-tunnel.ts'
import type { TimerWheel } from './timer-wheel.ts'
import { UpstreamClock } from './upstream-clock.ts'
import type { Turn, TurnTask } from './turn.ts'
import { openUpstreamSocket, type SocketNeeds, toConnectFailure } from './upstream-socket.ts'

/** What the connections of a target have in common, and whom they tell how they fare. */
export interface ConnectionOwner extends SocketNeeds {
  readonly target: SendTarget
  readonly limits: HttpLimits
  readonly wheel: TimerWheel
  readonly turn: Turn
  /** It has served its request and may serve another. */
  onFree(connection: UpstreamConnection): void
  /** It is gone; told once. */
  onGone(connection: UpstreamConnection): void
  /** The request is to be sent again, on a new connection. */
  onRetry(sending: LeanSending): void
}

/**
 * One connection to an upstream: sends one request after the other and reads their answers. What
 * arrives unasked for, and whatever is not an answer, ends it.
 */
export class UpstreamConnection implements RequestWriterOwner, AnswerReaderOwner, TurnTask {
  /** How long it may be idle, by what the upstream said last. */
  idleMs = 0

  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #reader: AnswerReader
  readonly #clock: UpstreamClock
  #sending: LeanSending | null
  /** As long as the body of the request is on its way. */
  #writer: RequestWriter | null = null
  #tunnel: SocketTunnel | null = null
  #requests = 0
  /** The head of the request is written at the end of the turn. */
  #headWaits = false
  /** Whether anything arrived of the answer that is being waited for. */
  #answered = false
  /** Whether writing failed before a byte was taken. */
  #nothingSent = false
  #keepAlive = false
  #paused = false
  #gone = false

  /** Connects, within the time that the request allows, and sends it. */
  constructor(owner: ConnectionOwner, sending: LeanSending) {
    this.#owner = owner
    this.#sending = sending
    this.#clock = new UpstreamClock(owner.wheel, owner.limits, () => this.#onTimeout())
    this.#reader = new AnswerReader(this, owner.limits, new ReadMemory(owner.readBuffer))
    sending.connection = this
    this.#socket = openUpstreamSocket(owner.target, owner, {
      onConnected: () => this.#begin(),
      onRead: (bytes, buffer) => this.#onRead(bytes, buffer),
      nextBuffer: () => this.#reader.nextBuffer(),
      onDrain: () => this.#onDrain(),
      onEnd: () => this.#onEnd(),
      onLost: (error, connected) => this.#onLost(error, connected),
    })
    this.#clock.arm('connect', sending.request.timeouts.connectMs)
  }

  /** Sends a request on a connection that is free. */
  send(sending: LeanSending): void {
    this.#sending = sending
    sending.connection = this
    this.#begin()
  }

  /** It is free and waits for the next request. */
  rest(): void {
    this.#clock.arm('idle', this.idleMs)
  }

  /** Ends it; who waits for an answer is told nothing. */
  close(): void {
    if (this.#gone) return
    this.#gone = true
    this.#headWaits = false
    this.#sending = null
    this.#reader.stop()
    this.#clock.stop()
    const writer = this.#writer
    this.#writer = null
    this.#socket.destroy()
    this.#owner.onGone(this)
    writer?.stop()
  }

  /** Ends it with what is under way on it. */
  fail(failure: Error): void {
    const sending = this.#sending
    this.close()
    this.#tunnel?.lost(failure)
    sending?.onFailure(failure)
  }

  /** Ends it with what is under way on it, for a reason of ours. */
  abandon(message: string): void {
    this.fail(new UpstreamFailure('closed', message, this.#sending?.sent === true))
  }

  pauseReading(): void {
    if (this.#paused || this.#gone) return
    this.#paused = true
    // Who does not read cannot tell how long the other side is silent.
    if (this.#clock.timing === 'read') this.#clock.stop()
    this.#socket.pause()
  }

  resumeReading(): void {
    if (!this.#paused || this.#gone) return
    this.#paused = false
    this.#armRead()
    this.#socket.resume()
  }

  write(bytes: Uint8Array): boolean {
    this.#sending!.sent = true
    return this.#socket.write(bytes)
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  onRequestWait(): void {
    this.#clock.arm('write', this.#sending!.request.timeouts.writeMs)
  }

  onRequestEnd(): void {
    // While the last bytes wait to be taken, the time for writing goes on.
    if (this.#writer!.waiting) return
    this.#writer = null
    this.#armRead()
  }

  onRequestFail(error: Error): void {
    const failure = new UpstreamFailure('request-body', error.message, this.#sending!.sent)
    failure.cause = error
    this.fail(failure)
  }

  onInformation(head: ReceivedHead): void {
    this.#sending!.receiver.onInformation(head.status, head.headers)
  }

  onAnswerHead(head: ReceivedHead): void {
    this.idleMs = head.idleMs(this.#owner.limits.upstreamIdleMs)
    this.#keepAlive = head.keepAlive && this.idleMs > 0
    this.#sending!.onHead(head, null)
  }

  onAnswerPiece(piece: Buffer): boolean {
    return this.#sending!.onPiece(piece, this.#owner.turn)
  }

  onAnswerEnd(more: boolean, trailers: HeaderList | null): void {
    const sending = this.#sending!
    sending.connection = null
    this.#sending = null
    if (more || !this.#keepAlive || this.#writer !== null || this.#paused) this.close()
    else this.#owner.onFree(this)
    sending.onComplete(trailers)
  }

  onSwitch(head: ReceivedHead, early: Buffer): void {
    const sending = this.#sending!
    if (!head.agreesTo(sending.request.upgrade) || this.#writer !== null) {
      this.onBadAnswer('an upgrade nobody asked for')
      return
    }
    this.#clock.stop()
    this.#tunnel = new SocketTunnel(this.#socket)
    if (early.length > 0) this.#tunnel.receive(early)
    sending.connection = null
    this.#sending = null
    sending.onHead(head, this.#tunnel)
    sending.onComplete(null)
  }

  onBadAnswer(problem: string): void {
    this.fail(new UpstreamFailure('bad-answer', problem, true))
  }

  #begin(): void {
    const sending = this.#sending
    if (sending === null) return
    const { body, method } = sending.request
    this.#requests++
    this.#answered = false
    this.#clock.begin()
    this.#reader.begin(method)
    if (body !== null) {
      // Who writes it may wait for the body.
      sending.keepHead()
      this.#clock.stop()
      this.#clock.timing = 'write'
      this.#writer = new RequestWriter(body, this)
      this.#writer.start(sending.head)
      return
    }
    this.#armRead()
    this.#headWaits = true
    this.#owner.turn.add(this)
  }

  onTurnEnd(): void {
    // In the meantime it may have been cancelled, or the connection lost.
    if (!this.#headWaits) return
    this.#headWaits = false
    this.write(this.#sending!.head)
    // What fails at once was taken by nobody; the error itself is told later.
    if (this.#socket.errored !== null) this.#nothingSent = true
    else if (this.#socket.writableLength > 0) this.#owner.turn.lend()
  }

  #onDrain(): void {
    this.#tunnel?.drained()
    const writer = this.#writer
    if (writer === null || !writer.waiting) return
    this.#clock.stop()
    if (!writer.over) return writer.resume()
    this.#writer = null
    this.#armRead()
  }

  /** The callback of the socket; false stops reading. */
  #onRead(bytes: number, buffer: Buffer): boolean {
    if (this.#tunnel !== null) {
      this.#tunnel.receive(Buffer.from(buffer.subarray(0, bytes)))
      return true
    }
    if (this.#sending === null) {
      // An answer that nobody asked for.
      this.close()
      return false
    }
    if (!this.#sending.sent) {
      // It cannot be the answer to what has not been asked yet.
      this.#nothingSent = true
      this.#onCut('the upstream spoke before it was asked', false)
      return false
    }
    if (this.#clock.overdue) {
      this.fail(this.#clock.totalFailure(true))
      return false
    }
    this.#answered = true
    this.#armRead()
    this.#reader.read(buffer, bytes)
    return !this.#paused && !this.#gone
  }

  #onEnd(): void {
    if (this.#gone || this.#requests === 0) return
    if (this.#tunnel !== null) this.#tunnel.receiveEnd()
    else if (this.#reader.readEnd()) this.onAnswerEnd(false, null)
    else this.#onCut('the upstream closed the connection', true)
  }

  #onLost(error: Error, connected: boolean): void {
    if (this.#gone) return
    if (this.#requests > 0) {
      this.#onCut(error.message, false)
      return
    }
    this.#owner.session = null
    this.fail(toConnectFailure(error, connected, this.#owner.target))
  }

  /** `orderly`: the other side said that it will send nothing more. */
  #onCut(message: string, orderly: boolean): void {
    const sending = this.#sending
    if (sending === null || !this.#mayRetry(sending, orderly)) {
      const sent = sending !== null && sending.sent && !this.#nothingSent
      this.fail(new UpstreamFailure('closed', message, sent))
      return
    }
    this.close()
    sending.sent = false
    this.#owner.onRetry(sending)
  }

  /**
   * A kept connection may be closed while a request is on its way to it. That is sent again when not
   * a byte was taken, or when the end was orderly and the method may be processed twice.
   */
  #mayRetry({ request: { body, method } }: LeanSending, orderly: boolean): boolean {
    if (this.#requests < 2 || this.#answered) return false
    if (body !== null && body.started) return false
    return this.#nothingSent || (orderly && IDEMPOTENT_METHODS.has(method))
  }

  /** Begins the time for the next read anew, unless the request is not out yet. */
  #armRead(): void {
    if (this.#sending !== null && this.#writer === null && !this.#paused) {
      this.#clock.arm('read', this.#sending.request.timeouts.readMs)
    }
  }

  #onTimeout(): void {
    const sending = this.#sending
    if (sending === null) this.close()
    // While it answers, what it does not take of the request is its own affair.
    else if (this.#clock.timing === 'write' && !this.#reader.inHead) this.#giveUpWriting()
    else this.fail(this.#clock.toFailure(sending))
  }

  /** The upstream is answering and does not want the rest of the request. */
  #giveUpWriting(): void {
    this.#keepAlive = false
    this.#writer?.stop()
    this.#writer = null
    this.#armRead()
  }
}
