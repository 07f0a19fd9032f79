import {
  connect as connectTcp,
  isIP,
  type SocketConstructorOpts,
  type TcpNetConnectOpts,
} from 'node:net'
import { checkServerIdentity, connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { buildConnector } from 'undici'
import { type SendTarget, UpstreamFailure } from '../exchange.ts'

/**
 * Opens connections to one target, each within `connectMs` (TCP and TLS together). Fails with an
 * `UpstreamFailure` that says which step went wrong; nothing of a request was sent then.
 */
export function createUpstreamConnector(
  target: SendTarget,
  connectMs: number,
): buildConnector.connector {
  const where = `${target.hostname}:${target.port}`
  let session: Buffer | null = null
  return (_options, callback) => {
    const tls = target.tlsName !== null
    const socket = tls
      ? connectTls(toTlsOptions(target, target.tlsName, session))
      : connectTcp(toTcpOptions(target))
    let connected = false
    let done = false
    const finish = (failure: UpstreamFailure | null) => {
      if (done) return
      done = true
      clearTimeout(timer)
      if (failure === null) callback(null, socket)
      else callback(failure, null)
    }
    const timer = setTimeout(() => {
      finish(
        new UpstreamFailure('connect-timeout', `${where}: no connection in ${connectMs} ms`, false),
      )
      socket.destroy()
    }, connectMs)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS)
    socket.once('connect', () => {
      connected = true
      if (!tls) finish(null)
    })
    socket.once('secureConnect', () => finish(null))
    socket.on('session', (newSession: Buffer) => {
      session = newSession
    })
    socket.on('error', (error) => {
      session = null
      finish(toConnectFailure(error, tls && connected, where))
    })
    return socket
  }
}

/** One read takes what a fast upstream has ready. */
const READ_BYTES = 64 * 1024
/** Finds connections whose other end vanished without a word. */
const KEEP_ALIVE_PROBE_MS = 60_000

function toTcpOptions(target: SendTarget): TcpNetConnectOpts {
  // node:net hands `highWaterMark` on to its stream; its types do not say so.
  const options: TcpNetConnectOpts & SocketConstructorOpts & { highWaterMark: number } = {
    host: target.hostname,
    port: target.port,
    highWaterMark: READ_BYTES,
  }
  return options
}

function toTlsOptions(
  target: SendTarget,
  tlsName: string,
  session: Buffer | null,
): ConnectionOptions {
  return {
    host: target.hostname,
    port: target.port,
    // An address is no server name (RFC 6066), but it is what the certificate must be for.
    servername: isIP(tlsName) === 0 ? tlsName : '',
    checkServerIdentity: (_hostname, certificate) => checkServerIdentity(tlsName, certificate),
    ALPNProtocols: ['http/1.1'],
    ...(session === null ? {} : { session }),
  }
}

function toConnectFailure(
  error: NodeJS.ErrnoException,
  inHandshake: boolean,
  where: string,
): UpstreamFailure {
  const message = `${where}: ${error.message || error.code || 'no connection'}`
  if (inHandshake) return new UpstreamFailure('tls', message, false)
  const code = error.code ?? ''
  if (code === 'ENOTFOUND' || code.startsWith('EAI_')) {
    return new UpstreamFailure('name-resolution', message, false)
  }
  if (code === 'ETIMEDOUT') return new UpstreamFailure('connect-timeout', message, false)
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL')) {
    return new UpstreamFailure('tls', message, false)
  }
  // Refused, unreachable, reset before anything was said: nobody there takes the connection.
  return new UpstreamFailure('connect-refused', message, false)
}
