import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Listener, ListenerOptions } from '../../exchange.ts'
import type { HttpLimits } from '../limits.ts'
import { type Refusal, toRefusalMessage } from '../refusal.ts'
import { acceptReading } from './accept-reading.ts'
import { LeanConnection, type LeanListenerState } from './lean-connection.ts'
import type { LeanExchange } from './lean-exchange.ts'
import { SHARED_READ_BYTES } from './read-memory.ts'
import { REQUEST_REFUSALS as REFUSALS } from './request-refusals.ts'
import { TimerWheel } from './timer-wheel.ts'
import { Turn } from './turn.ts'

export interface LeanListenerOptions extends ListenerOptions {
  /** An inherited descriptor, or where to listen; port 0 takes a free one. */
  readonly listen: { readonly fd: number } | { readonly hostname: string; readonly port: number }
  readonly limits: HttpLimits
  /** The worker's; without them the listener has its own. */
  readonly wheel?: TimerWheel
  readonly turn?: Turn
}

/** Our own HTTP/1.1 over node:net. Resolves once it listens, rejects when it cannot. */
export async function createLeanListener(options: LeanListenerOptions): Promise<Listener> {
  const listener = new LeanListener(options)
  await listener.listen(options.listen)
  return listener
}

class LeanListener implements Listener, LeanListenerState {
  readonly limits: HttpLimits
  readonly wheel: TimerWheel
  readonly turn: Turn
  readonly readBuffer = Buffer.allocUnsafeSlow(SHARED_READ_BYTES)
  draining = false

  readonly #options: LeanListenerOptions
  readonly #server: Server
  readonly #connections = new Set<LeanConnection>()
  readonly #connectionsByAddress = new Map<string, number>()
  #closed: Promise<void> | null = null
  /** Called when the last connection has gone, once it does not listen any more. */
  #onLastClosed: (() => void) | null = null

  constructor(options: LeanListenerOptions) {
    this.#options = options
    this.limits = options.limits
    this.wheel = options.wheel ?? new TimerWheel()
    this.turn = options.turn ?? new Turn()
    // Half-open, so that a lingering close and a tunnel can end one way before the other.
    this.#server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
    })
  }

  get address(): { hostname: string; port: number } {
    const address = this.#server.address() as AddressInfo | null
    return { hostname: address?.address ?? '', port: address?.port ?? 0 }
  }

  listen(listen: LeanListenerOptions['listen']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen('fd' in listen ? listen : { host: listen.hostname, port: listen.port })
      this.#server.once('listening', () => {
        this.#server.off('error', reject)
        this.#server.on('error', (error) => this.#onAcceptError(error))
        this.#accept()
        resolve()
      })
    })
  }

  async drain(deadlineMs: number): Promise<void> {
    this.draining = true
    const closed = this.#stopListening()
    for (const connection of this.#connections) {
      if (connection.idle) connection.cut('shutdown')
    }
    const timer = setTimeout(() => this.#cutAll(), deadlineMs)
    await closed
    clearTimeout(timer)
  }

  async close(): Promise<void> {
    this.draining = true
    const closed = this.#stopListening()
    this.#cutAll()
    await closed
  }

  onExchange(exchange: LeanExchange): void {
    this.#options.onExchange(exchange)
  }

  onRefused({ status, reason }: Refusal, { clientAddress }: LeanConnection): void {
    this.#options.onRefused({ status, reason, clientAddress })
  }

  onClosed(connection: LeanConnection): void {
    this.#connections.delete(connection)
    const { clientAddress } = connection
    const count = this.#connectionsByAddress.get(clientAddress)! - 1
    if (count === 0) this.#connectionsByAddress.delete(clientAddress)
    else this.#connectionsByAddress.set(clientAddress, count)
    if (this.#connections.size === 0) this.#onLastClosed?.()
  }

  /** Resolves when no connection is left. */
  #stopListening(): Promise<void> {
    this.#closed ??= new Promise((resolve) =>
      this.#server.close(() => {
        this.#onLastClosed = () => {
          if (this.#options.wheel === undefined) this.wheel.close()
          resolve()
        }
        if (this.#connections.size === 0) this.#onLastClosed()
      }),
    )
    return this.#closed
  }

  #accept(): void {
    const reads = acceptReading(this.#server, this.readBuffer, (socket) => {
      socket.setNoDelay(true)
      socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS)
      return this.#onConnection(socket, true)
    })
    if (!reads) this.#server.on('connection', (socket) => this.#onConnection(socket, false))
  }

  #cutAll(): void {
    for (const connection of this.#connections) connection.cut('shutdown')
  }

  /** Out of descriptors, for one: those that are connected already need not suffer from it. */
  #onAcceptError(error: Error): void {
    const reason = `a connection could not be accepted: ${error.message}`
    this.#options.onRefused({ status: 503, reason, clientAddress: '' })
  }

  /** Null when the socket is not read. */
  #onConnection(socket: Socket, readsIntoMemory: boolean): LeanConnection | null {
    const address = socket.remoteAddress
    // The client has left before we came to it.
    if (address === undefined) {
      socket.destroy()
      return null
    }
    const connection = new LeanConnection(socket, this, readsIntoMemory)
    const { clientAddress } = connection
    const count = this.#connectionsByAddress.get(clientAddress) ?? 0
    this.#connections.add(connection)
    this.#connectionsByAddress.set(clientAddress, count + 1)
    if (count >= this.limits.clientConnectionsMax) this.#turnAway(connection, REFUSALS.connections)
    else if (this.#connections.size > this.limits.connectionsMax) {
      this.#turnAway(connection, REFUSALS.allConnections)
    }
    return connection
  }

  /** It gets an answer if it reads one, but nobody waits for it: connections are what is short. */
  #turnAway(connection: LeanConnection, refusal: Refusal): void {
    this.onRefused(refusal, connection)
    connection.socket.write(toRefusalMessage(refusal.status), 'latin1')
    connection.socket.destroySoon()
    connection.lose('shutdown')
  }
}

/** Finds clients that vanished without a word. */
const KEEP_ALIVE_PROBE_MS = 60_000
