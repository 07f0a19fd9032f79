import type { Socket } from 'node:net'
import type { ConnectionFacts } from '../../exchange.ts'
import { toPlainAddress } from '../../plain-address.ts'
import { OutputBuffer } from './output-buffer.ts'
import type { Turn } from './turn.ts'

/** The socket of a client: what is known of it, what is sent on it, and whether it is read. */
export class ClientSocket implements ConnectionFacts {
  readonly clientAddress: string
  readonly clientPort: number
  readonly localAddress: string
  readonly localPort: number
  readonly scheme = 'http'
  readonly sni = null
  readonly alpn = null
  readonly peerCertificate = null

  readonly socket: Socket
  readonly output: OutputBuffer
  #paused = false

  constructor(socket: Socket, turn: Turn) {
    this.socket = socket
    this.output = new OutputBuffer(socket, turn)
    this.clientAddress = toPlainAddress(socket.remoteAddress)
    this.clientPort = socket.remotePort ?? 0
    this.localAddress = toPlainAddress(socket.localAddress)
    this.localPort = socket.localPort ?? 0
  }

  /** Stops reading; a client that leaves is not noticed meanwhile. */
  protected pause(): void {
    if (this.#paused) return
    this.#paused = true
    this.socket.pause()
  }

  protected unpause(): void {
    if (!this.#paused) return
    this.#paused = false
    this.socket.resume()
  }

  /** What the system has not taken, as exactly as that can be known: a large chunk goes in parts. */
  protected get unsent(): number {
    const handle = (this.socket as { _handle?: { writeQueueSize?: number } | null })._handle
    return handle?.writeQueueSize ?? this.socket.writableLength
  }
}
