import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { checkServerIdentity, connect as connectTls, type ConnectionOptions } from 'node:tls'
import { type SendTarget, UpstreamFailure } from '../../exchange.ts'

/** What sockets to one target share. */
export interface SocketNeeds {
  /** Where every socket reads into: a read and its callback are one step. */
  readonly readBuffer: Buffer
  /** Of the last TLS connection, to resume it. */
  session: Buffer | null
}

/** Who is told what happens to a socket. */
export interface SocketObserver {
  /** TLS included. */
  onConnected(): void
  /** The first bytes of the buffer arrived; false stops reading. */
  onRead(bytes: number, buffer: Buffer): boolean
  /** What the next read goes into; undefined: the same buffer again. */
  nextBuffer(): Buffer | undefined
  onDrain(): void
  /** The other side will send nothing more. */
  onEnd(): void
  /** An error or the end of the socket, maybe both; `connected`: TCP was. */
  onLost(error: Error, connected: boolean): void
}

/** Begins to connect to a target. Both ways are closed by hand: a tunnel may be half-closed. */
export function openUpstreamSocket(
  target: SendTarget,
  needs: SocketNeeds,
  observer: SocketObserver,
): Socket {
  const { hostname: host, port, tlsName } = target
  let connected = false
  const onread = {
    // Called before the first read and after each one. The types do not say that it may give nothing.
    buffer: () => (connected ? observer.nextBuffer() : needs.readBuffer) as Uint8Array,
    callback: (bytes: number, buffer: Uint8Array) => observer.onRead(bytes, buffer as Buffer),
  }
  // node:net also takes `noDelay` and `keepAlive` here and sets them when it connects.
  const options = {
    ...{ host, port, onread, allowHalfOpen: true },
    ...{ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS },
  }
  const socket =
    tlsName === null ? connectTcp(options) : connectTls(toTlsOptions(options, tlsName, needs))
  socket.once('connect', () => {
    connected = true
    if (tlsName === null) observer.onConnected()
  })
  if (tlsName !== null) {
    socket.once('secureConnect', () => observer.onConnected())
    socket.on('session', (session: Buffer) => {
      needs.session = session
    })
  }
  socket.on('drain', () => observer.onDrain())
  socket.on('end', () => observer.onEnd())
  socket.on('error', (error) => observer.onLost(error, connected))
  socket.on('close', () => observer.onLost(new Error('the connection was closed'), connected))
  return socket
}

function toTlsOptions(
  options: ConnectionOptions,
  tlsName: string,
  { session }: SocketNeeds,
): ConnectionOptions {
  return {
    ...options,
    // An address is no server name (RFC 6066), but it is what the certificate must be for.
    servername: isIP(tlsName) === 0 ? tlsName : '',
    checkServerIdentity: (_hostname, certificate) => checkServerIdentity(tlsName, certificate),
    rejectUnauthorized: true,
    ALPNProtocols: ['http/1.1'],
    ...(session === null ? {} : { session }),
  }
}

/** Finds connections whose other end vanished without a word. */
const KEEP_ALIVE_PROBE_MS = 60_000

/** Why no connection came about; `inHandshake`: TCP had connected. Nothing of a request was sent. */
export function toConnectFailure(
  error: NodeJS.ErrnoException,
  inHandshake: boolean,
  target: SendTarget,
): UpstreamFailure {
  const { code = '' } = error
  const message = `${target.hostname}:${target.port}: ${error.message || code || 'no connection'}`
  const failure = new UpstreamFailure(toKind(code, inHandshake), message, false)
  failure.cause = error
  return failure
}

function toKind(code: string, inHandshake: boolean) {
  if (inHandshake || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL')) return 'tls'
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) return 'name-resolution'
  if (code === 'ETIMEDOUT') return 'connect-timeout'
  // Refused, unreachable, reset before anything was said: nobody there takes the connection.
  return 'connect-refused'
}
