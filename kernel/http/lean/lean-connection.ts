import type { Socket } from 'node:net'
import type { CancelReason } from '../../exchange.ts'
import type { HttpLimits } from '../limits.ts'
import { type Refusal, toRefusalMessage } from '../refusal.ts'
import { ClientSocket, type ClientSocketNeeds } from './client-socket.ts'
import { LeanExchange } from './lean-exchange.ts'
import type { LeanRequestBody } from './lean-request-body.ts'
import { Phase, PhaseClock } from './phase-clock.ts'
import type { RequestHead } from './request-head.ts'
import { RequestReader } from './request-reader.ts'
import { Refused, REQUEST_REFUSALS as REFUSALS } from './request-refusals.ts'
import { SocketTunnel } from './socket-tunnel.ts'
import type { TimerWheel } from './timer-wheel.ts'

/** What the connections of one listener share. */
export interface LeanListenerState extends ClientSocketNeeds {
  readonly limits: HttpLimits
  readonly wheel: TimerWheel
  draining: boolean
  onExchange(exchange: LeanExchange): void
  onRefused(refusal: Refusal, connection: LeanConnection): void
  onClosed(connection: LeanConnection): void
}

/**
 * One client connection: takes requests off it one after the other. While one is being answered, at
 * most the head of the next is read ahead, then reading stops: the client's window is what bounds
 * pipelining. One timer entry serves all the deadlines, since only one matters at a time.
 */
export class LeanConnection extends ClientSocket {
  readonly state: LeanListenerState

  readonly #reader: RequestReader
  readonly #clock: PhaseClock
  #current: LeanExchange | null = null
  /** The body that is arriving; its exchange may be over. */
  #body: LeanRequestBody | null = null
  /** Read while the exchange before it is being answered. */
  #next: RequestHead | Refused | null = null
  #tunnel: SocketTunnel | null = null
  #requests = 0
  /** No further exchange is made on it. */
  #closing = false
  #advancing = false
  #unsentBefore = 0

  constructor(socket: Socket, state: LeanListenerState, readsIntoMemory = false) {
    super(socket, state, readsIntoMemory)
    this.state = state
    this.#reader = new RequestReader(state.limits, this.memory)
    this.#clock = new PhaseClock(state.wheel, state.limits, () => this.#onDeadline())
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#onDrain())
    // What went wrong does not matter: `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => this.#onClose())
  }

  /** Whether the answer of the current exchange must say that the connection ends with it. */
  get endsWithAnswer(): boolean {
    return (this.#closing || this.state.draining) && this.#next === null
  }

  /** Whether it neither carries an exchange nor has begun to receive one. */
  get idle(): boolean {
    return (
      this.#clock.phase <= Phase.idle && this.#current === null && this.#reader.input.length === 0
    )
  }

  /** No exchange follows the current one. */
  closeAfterCurrent(): void {
    this.#closing = true
  }

  /** The body of the current request wants bytes. */
  onBodyResume(): void {
    this.#clock.mind('bodyIdleMs')
    this.#advance()
  }

  /** The client has not taken all that was written: it has so long to take some of it. */
  onBlocked(): void {
    this.#unsentBefore = this.unsent
    this.#clock.mind('answerIdleMs')
  }

  /** The answer was handed to the system as a whole. */
  onExchangeOver(exchange: LeanExchange): void {
    if (this.#current !== exchange || this.#clock.phase === Phase.over) return
    this.#current = null
    const body = this.#body
    if (body !== null) body.discard()
    if (body?.isBestLeft(exchange.awaitsContinue)) this.linger()
    else if (this.#endsHere()) {
      if (body === null && this.#reader.input.length === 0 && this.#next === null) this.#finish()
      else this.linger()
    } else {
      // The head of the next request may have begun to arrive: its deadline begins now.
      const between = this.#reader.begun ? Phase.head : Phase.idle
      this.#clock.enter(body === null ? between : Phase.rest)
      this.#advance()
    }
  }

  /** Tells the exchange on it that its client is gone, and lets go of everything. */
  lose(reason: CancelReason): void {
    if (this.#clock.phase === Phase.over) return
    this.#clock.enter(Phase.over)
    this.#closing = true
    this.#clock.stop()
    const current = this.#current
    this.#current = null
    this.#body = null
    this.#next = null
    this.#reader.clear()
    this.#tunnel?.lost(new Error(`the connection was lost: ${reason}`))
    current?.onConnectionLost(reason)
  }

  /** Ends it at once. With `reset` the client can tell even where the end of the bytes is the end. */
  cut(reason: CancelReason, reset = false): void {
    this.lose(reason)
    // The answer before, to a pipelined request, may still wait for the end of the turn.
    this.output.flush()
    if (reset) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  /**
   * Sends what there is to send and says that there will be no more, but goes on taking what the
   * client sends for a while: a close while bytes arrive is a reset, and takes from the client the
   * answer that it has not read yet.
   */
  linger(): void {
    if (this.#clock.phase >= Phase.linger) return
    this.#closing = true
    this.#body = null
    this.#next = null
    this.#reader.clear()
    this.#clock.enter(Phase.linger)
    this.output.flush()
    this.socket.end()
    this.unpause()
  }

  /** Hands the connection over; what has arrived behind the head belongs to the tunnel. */
  openTunnel(): SocketTunnel {
    const tunnel = new SocketTunnel(this.socket)
    this.#tunnel = tunnel
    this.#closing = true
    this.#clock.stop()
    const early = this.#reader.takeRest()
    this.unpause()
    if (early !== null) tunnel.receive(early)
    return tunnel
  }

  protected get inBody(): boolean {
    return this.#body !== null || this.#tunnel !== null
  }

  protected receive(memory: Buffer, count: number, lent: boolean): void {
    const { input } = this.#reader
    if (this.#tunnel !== null) {
      this.#tunnel.receive(lent ? this.memory.pieceOf(memory, 0, count) : memory)
    } else if (this.#clock.phase < Phase.linger) {
      input.push(memory, count, lent)
      this.#advance()
      input.keep()
    }
  }

  /** Goes as far as the bytes at hand and the exchange under way allow. */
  #advance(): void {
    // A handler that answers at once comes back here from within: the loop below goes on for it.
    if (this.#advancing) return
    this.#advancing = true
    try {
      while (this.#step());
    } finally {
      this.#advancing = false
    }
  }

  /** False when there is nothing more to do now. */
  #step(): boolean {
    if (this.#clock.phase >= Phase.linger || this.#tunnel !== null) return false
    if (this.#body !== null) return this.#feedBody(this.#body)
    // What follows an upgrade may be of the other protocol.
    if (this.#closing || this.#current?.upgrade) return this.#hold()
    if (this.#next === null) this.#readHead()
    if (this.#closing) return this.#hold()
    if (this.#next === null) this.unpause()
    else if (this.#current !== null) this.pause()
    else {
      this.#begin(this.#next as RequestHead)
      return true
    }
    return false
  }

  #readHead(): void {
    const head = this.#reader.read()
    if (head === null) {
      // One deadline for the whole head: bytes that drip in do not move it.
      if (this.#reader.begun && this.#clock.phase === Phase.idle) this.#clock.enter(Phase.head)
      return
    }
    this.#next = head
    if (!(head instanceof Refused)) return
    // It is answered in its turn: the exchange before it may still be on its way.
    this.#closing = true
    this.#reader.clear()
    this.state.onRefused(head, this)
  }

  #begin(head: RequestHead): void {
    this.#next = null
    this.#requests++
    const last = !head.keepAlive || this.#requests >= this.state.limits.connectionRequestsMax
    if (last) this.#closing = true
    const exchange = new LeanExchange(this, head, this.#reader.headBytes)
    this.#body = exchange.body
    this.#current = exchange
    this.#clock.enter(Phase.exchange)
    this.state.onExchange(exchange)
  }

  /** Bytes that are not read as a request, not now or never: few are kept, then reading stops. */
  #hold(): boolean {
    if (this.#next instanceof Refused && this.#current === null) this.#answerRefused(this.#next)
    else if (this.#reader.input.length > this.state.limits.heldBytesMax) this.pause()
    return false
  }

  /** What there is of the body, as far as somebody takes it. */
  #feedBody(body: LeanRequestBody): boolean {
    const { input } = this.#reader
    if (body.failed) {
      // Nothing after it can be read; the answer decides when the connection ends.
      input.clear()
      this.unpause()
      return false
    }
    if (!body.open) {
      if (input.length > this.state.limits.heldBytesMax || (body.started && !body.cancelled))
        this.pause()
      return false
    }
    this.unpause()
    if (input.length === 0) return false
    this.#clock.mind('bodyIdleMs')
    if (!body.take(input)) {
      if (this.#clock.phase < Phase.linger) this.#onBrokenBody(body)
      return false
    }
    if (body.complete && this.#body === body) {
      this.#body = null
      if (this.#current === null) {
        if (this.state.draining) this.#finish()
        else this.#clock.enter(Phase.idle)
      }
    }
    return true
  }

  #onBrokenBody(body: LeanRequestBody): void {
    this.#closing = true
    this.#reader.clear()
    this.state.onRefused(body.tooLarge ? REFUSALS.bodyBytes : REFUSALS.body, this)
    if (this.#current === null) this.linger()
    else body.fail('malformed')
  }

  #answerRefused(refusal: Refused): void {
    this.output.writeText(toRefusalMessage(refusal.status))
    this.linger()
  }

  #onDeadline(): void {
    if (this.#clock.phase === Phase.exchange) this.#onSilence()
    else if (this.#clock.phase === Phase.head && this.#reader.input.length > 0) {
      this.state.onRefused(REFUSALS.headDeadline, this)
      this.#answerRefused(REFUSALS.headDeadline)
    } else this.cut('timeout')
  }

  /** Nothing moved for a while; who is to blame for it decides what becomes of the exchange. */
  #onSilence(): void {
    if (this.socket.writableLength > 0) {
      if (this.unsent === this.#unsentBefore) this.cut('timeout')
      else this.onBlocked()
    } else if (this.#body !== null && this.#body.waiting) {
      this.#closing = true
      this.#body.fail('timeout')
    }
  }

  #onEnd(): void {
    if (this.#tunnel !== null) this.#tunnel.receiveEnd()
    else if (this.#clock.phase === Phase.linger) this.socket.destroySoon()
    // A client that says it will send no more is taken to have hung up, as nginx does.
    else this.cut('client-aborted')
  }

  #onDrain(): void {
    if (this.#tunnel !== null) this.#tunnel.drained()
    else this.#current?.onDrain()
  }

  #onClose(): void {
    const bothEnded = this.socket.readableEnded && this.socket.writableFinished
    if (this.#tunnel !== null && bothEnded) this.#current?.onTunnelOver()
    this.lose('client-aborted')
    this.state.onClosed(this)
  }

  /** A next request that was read already is answered also while draining. */
  #endsHere(): boolean {
    if (this.#closing) return !(this.#next instanceof Refused)
    return this.state.draining && this.#next === null
  }

  /** Everything was read and answered: a plain close takes nothing from the client. */
  #finish(): void {
    this.#clock.enter(Phase.linger)
    this.output.flush()
    this.socket.destroySoon()
  }
}
