import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { MemorySocket, settle } from './memory-socket.ts'
import type { Outcome, ReadRequest } from './outcome.ts'

interface Reading {
  readonly socket: MemorySocket
  readonly requests: ReadRequest[]
  refused: string | null
  closed: boolean
  waiting: boolean
}

/** Node's own parser, strict, behind a server of node:http that is given sockets in memory. */
export class NodeParser {
  readonly #server: Server
  readonly #readings = new WeakMap<Duplex, Reading>()

  constructor() {
    this.#server = createServer({
      insecureHTTPParser: false,
      requireHostHeader: true,
      shouldUpgradeCallback: () => false,
    })
    this.#server.on('request', (request, response) => {
      this.#onRequest(request)
      request.on('end', () => response.end())
    })
    this.#server.on('connect', (_request, socket) => {
      this.#readings.get(socket)!.refused = 'CONNECT'
    })
    this.#server.on('clientError', (error: Error & { code?: string; reason?: string }, socket) => {
      const reading = this.#readings.get(socket)!
      if (error.code === 'HPE_INVALID_EOF_STATE') reading.waiting = true
      else if (error.code === 'HPE_CLOSED_CONNECTION') reading.closed = true
      else reading.refused ??= `${error.code}: ${error.reason}`
    })
  }

  /** What becomes of each of these connections. */
  async read(messages: readonly string[]): Promise<Outcome[]> {
    const readings = messages.map((bytes) => {
      const socket = new MemorySocket()
      const reading: Reading = {
        socket,
        requests: [],
        refused: null,
        closed: false,
        waiting: false,
      }
      this.#readings.set(socket, reading)
      this.#server.emit('connection', socket)
      socket.receive(bytes)
      return reading
    })
    await settle()
    // Where it stands in the middle of a message it says so when no more comes.
    for (const { socket } of readings) if (!socket.destroyed) socket.push(null)
    await settle()
    for (const { socket } of readings) socket.destroy()
    return readings.map(toOutcome)
  }

  #onRequest(message: IncomingMessage): void {
    const { requests } = this.#readings.get(message.socket)!
    const { host } = message.headers
    const request: ReadRequest = {
      method: message.method!,
      target: toOriginForm(message.url!),
      httpVersion: message.httpVersion,
      authority: host ?? toAuthority(message.url!),
      headers: withoutExpect(message),
      upgrade: null,
      body: '',
      trailers: null,
      whole: false,
    }
    requests.push(request)
    message.on('data', (chunk: Buffer) => (request.body += chunk.toString('latin1')))
    message.on('end', () => {
      request.whole = true
      if (message.rawTrailers.length > 0) request.trailers = message.rawTrailers
    })
    message.on('error', () => {})
  }
}

function toOutcome({ socket, requests, refused, closed, waiting }: Reading): Outcome {
  // What it finds wrong only after its parser, it answers itself.
  const status = socket.statuses.find((each) => each >= 400) ?? null
  if (refused !== null || status !== null) {
    return { requests, end: 'refused', status, reason: refused }
  }
  if (isUpgrade(requests.at(-1)))
    return { requests, end: 'handed-over', status: null, reason: null }
  const within = waiting || requests.at(-1)?.whole === false
  const end = within
    ? 'waiting'
    : closed || /connection: close/i.test(socket.sent)
      ? 'closed'
      : 'open'
  return { requests, end, status: null, reason: null }
}

/** llhttp stops there, and a server of node:http that has no use for the upgrade loses the rest. */
function isUpgrade(request: ReadRequest | undefined): boolean {
  const has = (name: string, token: RegExp) =>
    request?.headers.some(
      (text, at, all) => at % 2 === 1 && all[at - 1]!.toLowerCase() === name && token.test(text),
    ) === true
  return has('upgrade', /^/) && has('connection', /upgrade/i)
}

function toOriginForm(url: string): string {
  const path = url.replace(/^http:\/\/[^/?]*/i, '')
  return path === url || path.startsWith('/') ? path : `/${path}`
}

function toAuthority(url: string): string | null {
  return /^http:\/\/([^/?]*)/i.exec(url)?.[1] ?? null
}

/** The listener answers `100-continue` itself and takes the header away. */
function withoutExpect({ rawHeaders, httpVersion }: IncomingMessage): string[] {
  if (httpVersion !== '1.1') return rawHeaders
  return rawHeaders.filter((_, at) => rawHeaders[at - (at % 2)]!.toLowerCase() !== 'expect')
}
