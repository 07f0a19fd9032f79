import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { toMetricsText } from '../telemetry/metrics.ts'
import { type Address, formatAddress } from './listening-socket.ts'
import type { WorkerReport } from './supervisor.ts'

export interface StatusListenerOptions {
  readonly listen: Address
  /** How many there should be. */
  readonly workers: number
  readonly isStopping: () => boolean
  readonly report: () => Promise<readonly WorkerReport[]>
}

export interface StatusListener {
  readonly address: Address
  close(): Promise<void>
}

/** Whoever does not send a request by then, or keeps a connection for nothing, is let go. */
const IDLE_MS = 5_000
/** A reader of metrics and a prober or two; more is a mistake somewhere. */
const CONNECTIONS_MAX = 64
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * Serves what operators look at, in the primary and apart from the traffic: `/status/ready` (200 while
 * requests can be served, 503 otherwise) and `/metrics` (Prometheus text). Rejects with one sentence
 * when it cannot listen.
 */
export async function startStatusListener(options: StatusListenerOptions): Promise<StatusListener> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch(() => response.destroy())
  })
  server.maxConnections = CONNECTIONS_MAX
  server.headersTimeout = IDLE_MS
  server.requestTimeout = IDLE_MS
  server.keepAliveTimeout = IDLE_MS
  const { hostname, port } = options.listen
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === 'EADDRINUSE' ? 'the address is in use' : message
      const where = formatAddress(options.listen)
      reject(new Error(`cannot listen on ${where} for --status-listen: ${why}`))
    })
    server.listen(port, hostname, resolve)
  })
  const bound = server.address() as AddressInfo
  return {
    address: { hostname: bound.address, port: bound.port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(
  options: StatusListenerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '').split('?')[0]
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD')
    return send(response, 405, { message: `expected GET, got ${request.method}` })
  }
  if (path === '/status/ready') return sendReadiness(options, response)
  if (path === '/metrics') {
    const text = toMetricsText({ workers: options.workers, reports: await options.report() })
    response.writeHead(200, { 'Content-Type': METRICS_TYPE }).end(text)
    return
  }
  send(response, 404, { message: 'expected /status/ready or /metrics' })
}

async function sendReadiness(
  options: StatusListenerOptions,
  response: ServerResponse,
): Promise<void> {
  const reports = await options.report()
  const serving = reports.filter(({ state }) => state === 'serving').length
  const isReady = serving > 0 && !options.isStopping()
  const message = options.isStopping()
    ? 'the gateway stops'
    : isReady
      ? 'ready'
      : 'no worker serves'
  send(response, isReady ? 200 : 503, { message, workers: options.workers, serving })
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
