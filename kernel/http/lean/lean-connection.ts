import type { Socket } from 'node:net'
import type { CancelReason, ConnectionFacts } from '../../exchange.ts'
import type { HttpLimits } from '../limits.ts'
import { type Refusal, toRefusalMessage } from '../refusal.ts'
import { findHeadEnd, HEAD_INCOMPLETE, HEAD_UNSOUND, toResumePoint } from './head-end.ts'
import { InputBuffer } from './input-buffer.ts'
import { LeanExchange } from './lean-exchange.ts'
import type { LeanRequestBody } from './lean-request-body.ts'
import { OutputBuffer } from './output-buffer.ts'
import { parseSoundRequestHead, type RequestHead } from './request-head.ts'
import { Refused, REQUEST_REFUSALS as REFUSALS } from './request-refusals.ts'
import { SocketTunnel } from './socket-tunnel.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

/** What the connections of one listener share. */
export interface LeanListenerState {
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
export class LeanConnection implements ConnectionFacts {
  readonly clientAddress: string
  readonly clientPort: number
  readonly localAddress: string
  readonly localPort: number
  readonly scheme = 'http'
  readonly sni = null
  readonly alpn = null
  readonly peerCertificate = null

  readonly socket: Socket
  readonly state: LeanListenerState
  readonly output: OutputBuffer

  readonly #input = new InputBuffer()
  /** Where the search for the end of the head goes on; -1 when it has not begun. */
  #scanFrom = -1
  #phase: Phase = Phase.head
  readonly #timer = new TimerEntry(() => this.#onDeadline())
  #current: LeanExchange | null = null
  /** The body that is arriving; its exchange may be over. */
  #body: LeanRequestBody | null = null
  /** Read while the exchange before it is being answered. */
  #next: RequestHead | Refused | null = null
  #nextBytes = 0
  #tunnel: SocketTunnel | null = null
  #requests = 0
  /** No further exchange is made on it. */
  #closing = false
  #advancing = false
  #paused = false
  #unsentBefore = 0

  constructor(socket: Socket, state: LeanListenerState) {
    this.socket = socket
    this.state = state
    this.output = new OutputBuffer(socket)
    this.clientAddress = toPlainAddress(socket.remoteAddress)
    this.clientPort = socket.remotePort ?? 0
    this.localAddress = toPlainAddress(socket.localAddress)
    this.localPort = socket.localPort ?? 0
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.#onEnd())
    socket.on('drain', () => this.#onDrain())
    // What went wrong does not matter: `close` follows.
    socket.on('error', () => {})
    socket.on('close', () => this.#onClose())
    state.wheel.arm(this.#timer, state.limits.headDeadlineMs)
  }

  /** Whether the answer of the current exchange must say that the connection ends with it. */
  get mustClose(): boolean {
    return this.#closing || this.state.draining
  }

  /** Whether it neither carries an exchange nor has begun to receive one. */
  get idle(): boolean {
    return this.#phase <= Phase.idle && this.#current === null && this.#input.length === 0
  }

  /** A further request that was refused is answered before the connection ends. */
  get hasNext(): boolean {
    return this.#next !== null
  }

  /** No exchange follows the current one. */
  closeAfterCurrent(): void {
    this.#closing = true
  }

  onBodyResume(): void {
    this.state.wheel.arm(this.#timer, this.state.limits.bodyIdleMs)
    this.#advance()
  }

  /** The client has not taken all that was written: it has so long to take some of it. */
  onBlocked(): void {
    this.#unsentBefore = this.#unsent()
    this.state.wheel.arm(this.#timer, this.state.limits.answerIdleMs)
  }

  /** The answer was handed to the system as a whole. */
  onExchangeOver(exchange: LeanExchange): void {
    if (this.#current !== exchange || this.#phase === Phase.over) return
    this.#current = null
    const body = this.#body
    if (body !== null) {
      if (isBestLeft(body, exchange, this.state.limits)) {
        this.linger()
        return
      }
      body.discard()
    }
    if (this.#endsHere()) {
      if (body === null && this.#input.length === 0 && this.#next === null) this.#finish()
      else this.linger()
      return
    }
    // The head of the next request may have begun to arrive: its deadline begins now.
    const between = this.#scanFrom === -1 ? Phase.idle : Phase.head
    this.#setPhase(body === null ? between : Phase.rest)
    this.#advance()
  }

  /** A next request that was read already is answered also while draining. */
  #endsHere(): boolean {
    if (this.#closing) return !(this.#next instanceof Refused)
    return this.state.draining && this.#next === null
  }

  /** Tells the exchange on it that its client is gone, and lets go of everything. */
  lose(reason: CancelReason): void {
    if (this.#phase === Phase.over) return
    this.#phase = Phase.over
    this.#closing = true
    this.state.wheel.disarm(this.#timer)
    const current = this.#current
    this.#current = null
    this.#body = null
    this.#next = null
    this.#input.clear()
    this.#tunnel?.lost(new Error(`the connection was lost: ${reason}`))
    current?.onConnectionLost(reason)
  }

  /** Ends it at once. With `reset` the client can tell even where the end of the bytes is the end. */
  cut(reason: CancelReason, reset = false): void {
    this.lose(reason)
    if (reset) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  /**
   * Sends what there is to send and says that there will be no more, but goes on taking what the
   * client sends for a while: a close while bytes arrive is a reset, and takes from the client the
   * answer that it has not read yet.
   */
  linger(): void {
    if (this.#phase === Phase.linger || this.#phase === Phase.over) return
    this.#closing = true
    this.#body = null
    this.#next = null
    this.#input.clear()
    this.#setPhase(Phase.linger)
    this.socket.end()
    this.#unpause()
  }

  /** Hands the connection over; what has arrived behind the head belongs to the tunnel. */
  openTunnel(): SocketTunnel {
    const tunnel = new SocketTunnel(this.socket)
    this.#tunnel = tunnel
    this.#closing = true
    this.state.wheel.disarm(this.#timer)
    this.#passToTunnel()
    return tunnel
  }

  #passToTunnel(): void {
    const { bytes, start, end } = this.#input
    if (start === end) return
    this.#input.clear()
    this.#tunnel!.receive(bytes.subarray(start, end))
  }

  #onData(chunk: Buffer): void {
    if (this.#tunnel !== null) this.#tunnel.receive(chunk)
    else if (this.#phase < Phase.linger) {
      this.#input.push(chunk)
      this.#advance()
    }
  }

  /** Goes as far as the bytes at hand and the exchange under way allow. */
  #advance(): void {
    // A handler that answers at once comes back here from within: the loop below goes on for it.
    if (this.#advancing) return
    this.#advancing = true
    while (this.#step());
    this.#advancing = false
  }

  /** False when there is nothing more to do now. */
  #step(): boolean {
    if (this.#phase >= Phase.linger || this.#tunnel !== null) return false
    if (this.#body !== null) return this.#feedBody(this.#body)
    if (this.#closing || this.#current?.upgrade) return this.#hold()
    if (this.#next === null) this.#readHead()
    if (this.#closing) return this.#hold()
    const next = this.#next
    if (next === null) {
      this.#unpause()
      return false
    }
    if (this.#current !== null) {
      this.#pause()
      return false
    }
    this.#next = null
    this.#begin(next as RequestHead)
    return true
  }

  /** Bytes that are not read as a request, not now or never: few are kept, then reading stops. */
  #hold(): boolean {
    const next = this.#next
    if (next instanceof Refused && this.#current === null) {
      this.#next = null
      this.#answerRefused(next)
    } else if (this.#input.length > HELD_BYTES_MAX) this.#pause()
    return false
  }

  #begin(head: RequestHead): void {
    this.#requests++
    const last = !head.keepAlive || this.#requests >= this.state.limits.requestsPerConnectionMax
    if (last) this.#closing = true
    const exchange = new LeanExchange(this, head, this.#nextBytes)
    this.#body = exchange.body
    this.#current = exchange
    this.#phase = Phase.exchange
    this.state.onExchange(exchange)
  }

  /** What there is of the body, as far as somebody takes it. */
  #feedBody(body: LeanRequestBody): boolean {
    const input = this.#input
    if (body.failed && this.#current !== null) {
      // Nothing after it can be read; the answer decides when the connection ends.
      input.clear()
      this.#unpause()
      return false
    }
    if (!body.open) {
      if (input.length > HELD_BYTES_MAX || (body.started && !body.cancelled)) this.#pause()
      return false
    }
    this.#unpause()
    if (input.length === 0) return false
    this.state.wheel.arm(this.#timer, this.state.limits.bodyIdleMs)
    if (!body.take(input)) {
      if (this.#phase < Phase.linger) this.#onBrokenBody(body)
      return false
    }
    if (body.complete && this.#body === body) {
      this.#body = null
      if (this.#current === null) this.#onRestRead()
    }
    return true
  }

  #onRestRead(): void {
    if (this.state.draining) this.#finish()
    else this.#setPhase(Phase.idle)
  }

  #onBrokenBody(body: LeanRequestBody): void {
    this.#closing = true
    this.#input.clear()
    this.state.onRefused(body.tooLarge ? REFUSALS.bodyBytes : REFUSALS.body, this)
    if (this.#current === null) this.linger()
    else body.fail('malformed')
  }

  /** Sets `#next` when the whole head of a request is there, or when it will never be one. */
  #readHead(): void {
    const input = this.#input
    if (this.#scanFrom === -1) skipEmptyLines(input)
    if (input.length === 0) return
    const from = this.#scanFrom === -1 ? input.start : input.start + this.#scanFrom
    const end = findHeadEnd(input.bytes, from, input.end)
    if (end === HEAD_INCOMPLETE) {
      this.#awaitHead(input)
      return
    }
    this.#scanFrom = -1
    if (end === HEAD_UNSOUND) {
      this.#refuse(REFUSALS.malformed)
      return
    }
    const text = input.bytes.toString('latin1', input.start, end)
    this.#nextBytes = end - input.start
    input.consumeTo(end)
    const head = parseSoundRequestHead(text, this.state.limits)
    if (head instanceof Refused) this.#refuse(head)
    else if (head.bodyLength > this.state.limits.bodyBytesMax) this.#refuse(REFUSALS.bodyBytes)
    else this.#next = head
  }

  #awaitHead(input: InputBuffer): void {
    const { limits } = this.state
    if (input.length > limits.targetBytesMax + limits.headerBytesMax + REQUEST_LINE_REST) {
      const lineEnd = input.bytes.indexOf('\r\n', input.start, 'latin1')
      const long =
        lineEnd === -1 || lineEnd > input.start + limits.targetBytesMax + REQUEST_LINE_REST
      this.#refuse(long ? REFUSALS.target : REFUSALS.headOverflow)
      return
    }
    // One deadline for the whole head: bytes that drip in do not move it.
    if (this.#scanFrom === -1 && this.#current === null && this.#phase !== Phase.head) {
      this.#setPhase(Phase.head)
    }
    this.#scanFrom = toResumePoint(input.bytes, input.start, input.end) - input.start
  }

  /** It is answered in its turn: the exchange before it may still be on its way. */
  #refuse(refusal: Refused): void {
    this.#closing = true
    this.#next = refusal
    this.#input.clear()
    this.state.onRefused(refusal, this)
  }

  #answerRefused(refusal: Refused): void {
    this.output.writeText(toRefusalMessage(refusal.status))
    this.output.flush()
    this.linger()
  }

  #onDeadline(): void {
    switch (this.#phase) {
      case Phase.head:
        if (this.#input.length === 0) this.cut('timeout')
        else {
          this.state.onRefused(REFUSALS.headDeadline, this)
          this.#answerRefused(REFUSALS.headDeadline)
        }
        return
      case Phase.exchange:
        this.#onSilence()
        return
      default:
        this.cut('timeout')
    }
  }

  /** Nothing moved for a while; who is to blame for it decides what becomes of the exchange. */
  #onSilence(): void {
    if (this.socket.writableLength > 0) {
      const unsent = this.#unsent()
      if (unsent === this.#unsentBefore) this.cut('timeout')
      else this.onBlocked()
    } else if (this.#body !== null && this.#body.waiting) {
      this.#closing = true
      this.#body.fail('timeout')
    }
  }

  /** What the system has not taken, as exactly as that can be known: a large chunk goes in parts. */
  #unsent(): number {
    const handle = (this.socket as { _handle?: { writeQueueSize?: number } | null })._handle
    return handle?.writeQueueSize ?? this.socket.writableLength
  }

  #onEnd(): void {
    if (this.#tunnel !== null) this.#tunnel.receiveEnd()
    // A client that says it will send no more is taken to have hung up, as nginx does.
    else if (this.#current !== null) this.cut('client-aborted')
    else if (this.#phase === Phase.linger) this.socket.destroySoon()
    else this.cut('client-aborted')
  }

  #onDrain(): void {
    if (this.#tunnel !== null) this.#tunnel.drained()
    else this.#current?.onDrain()
  }

  #onClose(): void {
    const { socket } = this
    if (this.#tunnel !== null && socket.readableEnded && socket.writableFinished) {
      this.#current?.onTunnelOver()
    }
    this.lose('client-aborted')
    this.state.onClosed(this)
  }

  /** Everything was read and answered: a plain close takes nothing from the client. */
  #finish(): void {
    this.#setPhase(Phase.linger)
    this.socket.destroySoon()
  }

  #setPhase(phase: Phase): void {
    const { wheel, limits } = this.state
    this.#phase = phase
    if (phase === Phase.idle) wheel.arm(this.#timer, limits.keepAliveIdleMs)
    else if (phase === Phase.head) wheel.arm(this.#timer, limits.headDeadlineMs)
    else if (phase === Phase.rest) wheel.arm(this.#timer, limits.bodyIdleMs)
    else wheel.arm(this.#timer, limits.lingerMs)
  }

  #pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.socket.pause()
  }

  #unpause(): void {
    if (!this.#paused) return
    this.#paused = false
    this.socket.resume()
  }
}

/** In the order in which they are told apart: what is before `linger` reads requests. */
const Phase = {
  /** A head is expected, with a deadline: the first one, or one that has begun. */
  head: 0,
  /** Between two requests. */
  idle: 1,
  exchange: 2,
  /** The rest of a body that nobody wants is read away. */
  rest: 3,
  linger: 4,
  over: 5,
} as const
type Phase = (typeof Phase)[keyof typeof Phase]

/** Method, version and the spaces between: what a request line has besides its target. */
const REQUEST_LINE_REST = 128
/** Of a body that nobody has asked for yet; below, a client that leaves is still noticed. */
const HELD_BYTES_MAX = 16 * 1024

/** Whether the connection is better closed than the rest of the request body read away. */
export function isBestLeft(
  body: LeanRequestBody,
  exchange: LeanExchange,
  limits: HttpLimits,
): boolean {
  if (body.complete) return false
  return exchange.awaitsContinue || body.failed || body.left > limits.unreadBodyBytesMax
}

/** Empty lines before a request line are what some clients send after a body (RFC 9112, 2.2). */
function skipEmptyLines(input: InputBuffer): void {
  const { bytes } = input
  let at = input.start
  while (at + 1 < input.end && bytes[at] === 13 && bytes[at + 1] === 10) at += 2
  if (at > input.start) input.consumeTo(at)
}

/** `::ffff:10.0.0.1` is how a dual-stack socket spells 10.0.0.1. */
function toPlainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
