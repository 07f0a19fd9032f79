import type { Socket } from 'node:net'
import type { BodySink, Tunnel } from '../../exchange.ts'

/**
 * A socket as a byte stream both ways, after an upgrade. Its owner has the socket's events and
 * passes them on: `receive`, `receiveEnd`, `drained` and `lost`. The socket is a half-open one.
 */
export class SocketTunnel implements Tunnel {
  onDrain: (() => void) | null = null

  readonly #socket: Socket
  #sink: BodySink | null = null
  /** What arrived before the start, or while the sink asked to wait. */
  #held: Buffer[] = []
  #paused = false
  #endReceived = false
  #endTold = false
  #over = false
  #loss: Error | null = null

  constructor(socket: Socket) {
    this.#socket = socket
  }

  start(sink: BodySink): void {
    if (this.#sink !== null) throw new Error('a tunnel is started once')
    this.#sink = sink
    this.#flush()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#flush()
  }

  write(chunk: Uint8Array): boolean {
    if (this.#over || this.#socket.writableEnded) return true
    return this.#socket.write(chunk)
  }

  end(): void {
    if (!this.#over && !this.#socket.writableEnded) this.#socket.end()
  }

  abort(): void {
    if (this.#over) return
    this.#over = true
    this.#held = []
    this.#socket.destroy()
  }

  receive(chunk: Buffer): void {
    if (this.#over) return
    if (this.#sink === null || this.#paused) {
      this.#held.push(chunk)
      this.#socket.pause()
    } else if (!this.#sink.onData(chunk)) {
      this.#paused = true
      this.#socket.pause()
    }
  }

  receiveEnd(): void {
    this.#endReceived = true
    if (this.#sink !== null) this.#flush()
  }

  drained(): void {
    if (!this.#over) this.onDrain?.()
  }

  /** The socket was closed. When both sides had ended that is its regular end. */
  lost(reason: Error): void {
    if (this.#over) return
    this.#loss = reason
    if (this.#sink !== null) this.#flush()
  }

  #flush(): void {
    const sink = this.#sink!
    while (this.#held.length > 0 && !this.#paused && !this.#over) {
      if (!sink.onData(this.#held.shift()!)) this.#paused = true
    }
    if (this.#paused || this.#over) return
    if (this.#endReceived) {
      if (!this.#endTold) {
        this.#endTold = true
        sink.onEnd(null)
      }
      if (this.#loss === null) return
    }
    if (this.#loss === null) {
      this.#socket.resume()
      return
    }
    this.#over = true
    if (!this.#endTold || !this.#socket.writableFinished) sink.onError(this.#loss)
  }
}
