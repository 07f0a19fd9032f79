import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A client or an upstream's connection as bytes: sends what it is told and keeps what it gets. */
export class RawPeer {
  readonly socket: Socket
  /** Everything received so far, latin1. */
  received = ''
  bytes = 0
  ended = false
  closed = false
  /** Whether the other side cut it with a reset. */
  reset = false
  #keep = true
  #changed: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length
      if (this.#keep) this.received += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('end', () => {
      this.ended = true
      this.#wake()
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET') this.reset = true
    })
    socket.on('close', () => {
      this.closed = true
      this.#wake()
    })
  }

  static async connect(port: number): Promise<RawPeer> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    await once(socket, 'connect')
    return new RawPeer(socket)
  }

  /** Only counts from now on what arrives. */
  countOnly(): void {
    this.#keep = false
  }

  send(text: string | Buffer): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }

  /** Resolves when the condition holds; the test's own time limit is what ends a vain wait. */
  async until(condition: (peer: RawPeer) => boolean): Promise<this> {
    while (!condition(this)) await new Promise<void>((resolve) => this.#changed.push(resolve))
    return this
  }

  has(text: string): Promise<this> {
    return this.until((peer) => peer.received.includes(text))
  }

  over(): Promise<this> {
    return this.until((peer) => peer.ended || peer.closed)
  }

  /** The status codes of every final and informational answer received so far. */
  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]))
  }

  destroy(): void {
    this.socket.destroy()
  }

  #wake(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }
}

/** An upstream of which the test says byte by byte what it answers. */
export class RawUpstream {
  readonly peers: RawPeer[] = []
  readonly #server: Server
  #arrived: (() => void)[] = []

  constructor() {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.peers.push(new RawPeer(socket))
      for (const resolve of this.#arrived.splice(0)) resolve()
    })
  }

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** The connection with this number, as soon as it is there. */
  async peer(index = 0): Promise<RawPeer> {
    while (this.peers.length <= index) {
      await new Promise<void>((resolve) => this.#arrived.push(resolve))
    }
    return this.peers[index]!
  }

  async close(): Promise<void> {
    for (const peer of this.peers) peer.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
