import type { Socket } from 'node:net'
import type { CancelReason, ConnectionFacts } from '../exchange.ts'
import type { HttpLimits } from './limits.ts'
import { type Refusal, toRefusalMessage } from './refusal.ts'
import { toPlainAddress } from '../plain-address.ts'

/** What a connection needs to know of an exchange on it. */
export interface LiveExchange {
  /** The client is gone, or we cut it off. */
  onConnectionLost(reason: CancelReason): void
  /** What follows on the connection is not HTTP, so nothing more can be read from it. */
  onMalformed(): void
  /** Nothing moved for a while; true when the client is the one to blame for it. */
  onSilence(): boolean
}

/** What the connections of one listener share. */
export interface ListenerState {
  readonly limits: HttpLimits
  draining: boolean
}

/** One client connection of a node:http server: its facts, and the exchanges that live on it. */
export class NodeConnection implements ConnectionFacts {
  readonly clientAddress: string
  readonly clientPort: number
  readonly localAddress: string
  readonly localPort: number
  readonly scheme = 'http'
  readonly sni = null
  readonly alpn = null
  readonly peerCertificate = null

  readonly socket: Socket
  readonly state: ListenerState
  /** Exchanges that are not over, the one being answered first (more than one when pipelined). */
  readonly live: LiveExchange[] = []
  /** No further exchange is made on it. */
  closing = false
  /** What the socket had read and written when the last exchange ended. */
  bytesReadBefore = 0
  bytesWrittenBefore = 0
  #lingering = false

  constructor(socket: Socket, state: ListenerState) {
    this.socket = socket
    this.state = state
    this.clientAddress = toPlainAddress(socket.remoteAddress)
    this.clientPort = socket.remotePort ?? 0
    this.localAddress = toPlainAddress(socket.localAddress)
    this.localPort = socket.localPort ?? 0
    // A client that says it will send no more is taken to have hung up, as nginx does.
    socket.on('end', () => {
      if (this.live.length > 0) this.cut('client-aborted')
    })
    socket.on('close', () => this.lose('client-aborted'))
  }

  /** Whether answers must say that the connection ends with them. */
  get mustClose(): boolean {
    return this.closing || this.state.draining
  }

  /** Whether it neither carries an exchange nor has begun to receive one. */
  get idle(): boolean {
    return this.live.length === 0 && this.socket.bytesRead === this.bytesReadBefore
  }

  onExchangeEnd(exchange: LiveExchange): void {
    const at = this.live.indexOf(exchange)
    if (at !== -1) this.live.splice(at, 1)
    this.bytesReadBefore = this.socket.bytesRead
    this.bytesWrittenBefore = this.socket.bytesWritten
    if (this.mustClose && this.live.length === 0 && !this.#lingering) this.socket.destroySoon()
  }

  /** Tells every exchange on it that its client is gone. */
  lose(reason: CancelReason): void {
    this.closing = true
    while (this.live.length > 0) this.live.shift()!.onConnectionLost(reason)
  }

  /** Ends it at once. With `reset` the client can tell even where the end of the bytes is the end. */
  cut(reason: CancelReason, reset = false): void {
    this.lose(reason)
    if (reset) this.socket.resetAndDestroy()
    else this.socket.destroy()
  }

  /** From now on its end is a lingering one, also where node:http brings it about. */
  lingerAtEnd(): void {
    this.closing = true
    this.socket.destroySoon = () => this.linger()
  }

  /**
   * Sends what there is to send and says that there will be no more, but goes on taking what the
   * client sends for a while: a close while bytes arrive is a reset, and takes from the client the
   * answer that it has not read yet.
   */
  linger(): void {
    if (this.#lingering || this.socket.destroyed) return
    this.#lingering = true
    this.closing = true
    if (this.socket.writable) this.socket.end()
    this.socket.resume()
    const timer = setTimeout(() => this.socket.destroy(), this.state.limits.lingerMs)
    this.socket.once('close', () => clearTimeout(timer))
  }

  /** Answers on the bare socket, when no message could be made of what arrived. */
  refuse(refusal: Refusal): void {
    this.closing = true
    if (this.socket.writable) this.socket.write(toRefusalMessage(refusal.status), 'latin1')
    this.linger()
  }

  /** The socket's timer ran out. */
  onTimeout(): void {
    const exchange = this.live[0]
    if (exchange === undefined) this.socket.destroy()
    else if (exchange.onSilence()) this.cut('timeout')
  }
}
