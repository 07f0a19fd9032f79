import type { Socket } from 'node:net'
import type { ConnectionFacts } from '../../exchange.ts'
import { toPlainAddress } from '../../plain-address.ts'
import type { SocketReader } from './accept-reading.ts'
import { OutputBuffer } from './output-buffer.ts'
import { ReadMemory } from './read-memory.ts'
import type { Turn } from './turn.ts'

/** What the sockets of one listener share. */
export interface ClientSocketNeeds {
  readonly turn: Turn
  /** What connections read into that carry no large body. */
  readonly readBuffer: Buffer
}

/** The socket of a client: what is known of it, what is sent on it, and how it is read. */
export abstract class ClientSocket implements ConnectionFacts, SocketReader {
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
  protected readonly memory: ReadMemory
  #bytesRead = 0
  #paused = false

  /** `readsIntoMemory`: it calls `onRead` instead of giving chunks. */
  constructor(socket: Socket, needs: ClientSocketNeeds, readsIntoMemory: boolean) {
    this.socket = socket
    this.output = new OutputBuffer(socket, needs.turn)
    this.memory = new ReadMemory(needs.readBuffer)
    this.clientAddress = toPlainAddress(socket.remoteAddress)
    this.clientPort = socket.remotePort ?? 0
    this.localAddress = toPlainAddress(socket.localAddress)
    this.localPort = socket.localPort ?? 0
    if (!readsIntoMemory) {
      socket.on('data', (chunk: Buffer) => this.receive(chunk, chunk.length, false))
    }
  }

  nextMemory(): Buffer | undefined {
    return this.memory.next(this.#bytesRead, this.inBody)
  }

  onRead(count: number, memory: Buffer): void {
    this.#bytesRead = count
    this.receive(memory, count, true)
  }

  /** The first bytes of this memory arrived; `lent`: it is used for the next read as well. */
  protected abstract receive(memory: Buffer, count: number, lent: boolean): void

  /** Whether what comes next is more of a body. */
  protected abstract get inBody(): boolean

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
