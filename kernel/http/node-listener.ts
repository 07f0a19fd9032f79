import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { getHeader } from '@sallyport/sdk'
import type { Listener, ListenerOptions } from '../exchange.ts'
import type { HttpLimits } from './limits.ts'
import { NodeConnection } from './node-connection.ts'
import { NodeExchange, NodeResponse } from './node-exchange.ts'
import { type Refusal, toRefusalBody } from './refusal.ts'
import { REFUSALS, RequestChecker } from './request-checker.ts'

export interface NodeListenerOptions extends ListenerOptions {
  /** An inherited descriptor, or where to listen; port 0 takes a free one. */
  readonly listen: { readonly fd: number } | { readonly hostname: string; readonly port: number }
  readonly limits: HttpLimits
}

/**
 * A listener over node:http. Resolves once it listens, rejects when it cannot. Upgrades are not
 * offered: `Upgrade` is a hop-by-hop header like any other, and the request is answered as it is.
 */
export async function createNodeListener(options: NodeListenerOptions): Promise<Listener> {
  const listener = new NodeListener(options)
  await listener.listen(options.listen)
  return listener
}

/** The connection of a socket, kept on it: a map would be asked for every request. */
const connectionKey: unique symbol = Symbol('connection')
type KnownSocket = Socket & { [connectionKey]?: NodeConnection }

class NodeListener implements Listener {
  readonly #options: NodeListenerOptions
  readonly #server: Server<typeof IncomingMessage, typeof NodeResponse>
  readonly #checker: RequestChecker
  readonly #connections = new Set<NodeConnection>()
  readonly #state: { readonly limits: HttpLimits; draining: boolean }
  #closed: Promise<void> | null = null

  constructor(options: NodeListenerOptions) {
    const { limits } = options
    this.#options = options
    this.#state = { limits, draining: false }
    this.#checker = new RequestChecker(limits, 'http')
    this.#server = createServer({
      ServerResponse: NodeResponse,
      insecureHTTPParser: false,
      // The checker looks for `Host` itself, so that a refusal reaches the access log.
      requireHostHeader: false,
      maxHeaderSize: limits.targetBytesMax + limits.headerBytesMax,
      headersTimeout: limits.headDeadlineMs,
      connectionsCheckingInterval: Math.min(1_000, Math.ceil(limits.headDeadlineMs / 2)),
      // Would cut a slow upload, however steadily it moves; silence is minded by the exchange.
      requestTimeout: 0,
      keepAliveTimeout: limits.keepAliveIdleMs,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
      noDelay: true,
      shouldUpgradeCallback: () => false,
    })
    // node:http drops the headers over its own limit in silence: one more is enough to notice.
    this.#server.maxHeadersCount = limits.headersMax + 1
    this.#server.on('connection', (socket) => this.#onConnection(socket))
    this.#server.on('request', (request, response) => this.#onRequest(request, response))
    this.#server.on('checkContinue', (request, response) => this.#onExpect(request, response))
    this.#server.on('checkExpectation', (request, response) => this.#onExpect(request, response))
    this.#server.on('connect', (_request, socket) => this.#onConnect(socket as Socket))
    this.#server.on('clientError', (error, socket) => this.#onClientError(error, socket as Socket))
    this.#server.on('timeout', (socket) => connectionOf(socket)?.onTimeout())
  }

  get address(): { hostname: string; port: number } {
    const address = this.#server.address() as AddressInfo | null
    return { hostname: address?.address ?? '', port: address?.port ?? 0 }
  }

  listen(listen: NodeListenerOptions['listen']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen('fd' in listen ? listen : { host: listen.hostname, port: listen.port })
      this.#server.once('listening', () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#state.draining = true
    const closed = this.#stopListening()
    for (const connection of this.#connections) {
      if (connection.idle) connection.socket.destroy()
    }
    const timer = setTimeout(() => this.#cutAll(), deadlineMs)
    await closed
    clearTimeout(timer)
  }

  async close(): Promise<void> {
    this.#state.draining = true
    const closed = this.#stopListening()
    this.#cutAll()
    await closed
  }

  /** Resolves when no connection is left. */
  #stopListening(): Promise<void> {
    this.#closed ??= new Promise((resolve) => this.#server.close(() => resolve()))
    return this.#closed
  }

  #cutAll(): void {
    for (const connection of this.#connections) connection.cut('shutdown')
  }

  #onConnection(socket: KnownSocket): void {
    const connection = new NodeConnection(socket, this.#state)
    socket[connectionKey] = connection
    this.#connections.add(connection)
    socket.on('close', () => this.#connections.delete(connection))
  }

  #onRequest(request: IncomingMessage, response: NodeResponse): void {
    const exchange = this.#toExchange(request, response)
    if (exchange !== null) this.#options.onExchange(exchange)
  }

  #onExpect(request: IncomingMessage, response: NodeResponse): void {
    if (getHeader(request.rawHeaders, 'expect')!.toLowerCase() !== '100-continue') {
      this.#refuse(REFUSALS.expectation, request, response)
      return
    }
    const exchange = this.#toExchange(request, response)
    if (exchange === null) return
    exchange.expectContinue()
    this.#options.onExchange(exchange)
  }

  /** Null when the request was refused, or came on a connection that is ending. */
  #toExchange(request: IncomingMessage, response: NodeResponse): NodeExchange | null {
    const connection = connectionOf(request.socket)!
    if (connection.closing) return null
    const refusal = this.#checker.check(
      request.method!,
      request.url!,
      request.httpVersion,
      request.rawHeaders,
    )
    if (refusal !== null) {
      this.#refuse(refusal, request, response)
      return null
    }
    // A client that says "TE: chunked" in HTTP/1.0 would make node:http send chunks in HTTP/1.0.
    if (request.httpVersion === '1.0') response.useChunkedEncodingByDefault = false
    return new NodeExchange(request, response, connection, this.#checker)
  }

  /** Answers in its turn: earlier requests of the connection may still be on their way. */
  #refuse(refusal: Refusal, request: IncomingMessage, response: NodeResponse): void {
    const connection = connectionOf(request.socket)!
    if (connection.closing) return
    const body = toRefusalBody(refusal.status)
    connection.lingerAtEnd()
    response.writeHead(refusal.status, [
      'Content-Type',
      'application/json; charset=utf-8',
      'Content-Length',
      String(Buffer.byteLength(body)),
      'Connection',
      'close',
    ])
    response.end(body)
    this.#report(refusal, connection)
  }

  /** node:http has let go of a socket on which CONNECT arrived, so the answer is raw bytes. */
  #onConnect(socket: Socket): void {
    const connection = connectionOf(socket)
    socket.on('error', () => socket.destroy())
    if (connection === undefined || connection.live.length > 0) {
      socket.destroy()
      return
    }
    connection.refuse(REFUSALS.connect)
    this.#report(REFUSALS.connect, connection)
  }

  #onClientError(error: Error & { code?: string }, socket: Socket): void {
    const connection = connectionOf(socket)
    const refusal = toRefusal(error.code)
    if (connection === undefined || refusal === null) {
      socket.destroy()
      return
    }
    // The rest of what was refused goes on arriving while the connection lingers.
    if (connection.closing) return
    if (refusal === REFUSALS.headDeadline && connection.idle) {
      socket.destroy()
      return
    }
    this.#report(refusal, connection)
    const last = connection.live.at(-1)
    if (last === undefined) {
      connection.refuse(refusal)
      return
    }
    // The answers under way are still good; what comes after them is not readable.
    connection.lingerAtEnd()
    last.onMalformed()
  }

  #report(refusal: Refusal, connection: NodeConnection): void {
    const { status, reason } = refusal
    this.#options.onRefused({ status, reason, clientAddress: connection.clientAddress })
  }
}

function connectionOf(socket: KnownSocket): NodeConnection | undefined {
  return socket[connectionKey]
}

/** The refusal for a parser's error; null when there is nobody to refuse. */
function toRefusal(code: string | undefined): Refusal | null {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return REFUSALS.headDeadline
  if (code === 'HPE_HEADER_OVERFLOW') return REFUSALS.headOverflow
  // The client left in the middle of a message.
  if (code === 'HPE_INVALID_EOF_STATE') return null
  return code?.startsWith('HPE_') === true ? REFUSALS.malformed : null
}
