import { lookup } from 'node:dns/promises'
import net from 'node:net'
import { isIPv6 } from 'node:net'

export interface Address {
  readonly hostname: string
  readonly port: number
}

/**
 * A socket that is bound but never accepts here: workers inherit its descriptor and listen on it. It
 * lives as long as the primary keeps it, and with it the queue of connections that nobody has
 * accepted yet. So a lone worker may die and be replaced, and who connects meanwhile only waits.
 * (`node:cluster` closes its shared handle when the last worker is gone, which refuses connections;
 * that is why workers are plain children here.)
 */
export interface ListeningSocket {
  readonly fd: number
  /** With the port that the system chose, where 0 was asked for. */
  readonly address: Address
  close(): void
}

/**
 * Binds a socket. Rejects with one sentence that names the address: it is in use, not ours, or needs
 * rights. Two gateways that start at the same moment may both bind; then the worker of the later one
 * is refused when it listens.
 */
export async function bindListeningSocket(address: Address): Promise<ListeningSocket> {
  const { hostname, port } = address
  try {
    const ip = net.isIP(hostname) === 0 ? (await lookup(hostname)).address : hostname
    return 'BoundSocket' in net ? bindPublic(ip, port) : bindWithHandle(ip, port)
  } catch (error) {
    throw new Error(`cannot listen on ${formatAddress(address)}: ${listenFault(error)}`, {
      cause: error,
    })
  }
}

export function formatAddress({ hostname, port }: Address): string {
  return isIPv6(hostname) ? `[${hostname}]:${port}` : `${hostname}:${port}`
}

function bindPublic(ip: string, port: number): ListeningSocket {
  const socket = new net.BoundSocket({ host: ip, port })
  const bound = socket.address()
  return {
    fd: socket.fd(),
    address: { hostname: bound.address, port: bound.port },
    close: () => socket.close(),
  }
}

interface ServerHandle {
  readonly fd: number
  getsockname(out: { address?: string; port?: number }): number
  close(): void
}

/** Node 24 has no `BoundSocket`; this is what its `net.Server` binds with. */
export function bindWithHandle(ip: string, port: number): ListeningSocket {
  const create = (net as unknown as Record<string, unknown>)['_createServerHandle']
  if (typeof create !== 'function') {
    throw new Error(`Node ${process.versions.node} cannot bind a socket without listening on it`)
  }
  const made: unknown = Reflect.apply(create, net, [ip, port, isIPv6(ip) ? 6 : 4, -1])
  if (typeof made === 'number') throw Object.assign(new Error('bind'), { errno: made })
  const handle = made as ServerHandle
  const bound: { address?: string; port?: number } = {}
  handle.getsockname(bound)
  // An address that is in use is reported by the system's `listen` only; until then there is no port.
  if (!bound.port) {
    handle.close()
    throw Object.assign(new Error('bind'), { code: 'EADDRINUSE' })
  }
  return {
    fd: handle.fd,
    address: { hostname: bound.address ?? ip, port: bound.port },
    close: () => handle.close(),
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'the address is not one of this machine',
  EACCES: 'ports below 1024 need more rights',
  ENOTFOUND: 'the hostname is not known',
}

/** The system's numbers of what may go wrong; only the old way of binding tells those. */
const CODES: Readonly<Record<number, string>> = {
  [-13]: 'EACCES',
  [-98]: 'EADDRINUSE',
  [-99]: 'EADDRNOTAVAIL',
}

/** Why the system refuses an address, in words. */
export function listenFault(error: unknown): string {
  const { code, errno, message } = error as NodeJS.ErrnoException
  return WORDS[code ?? CODES[errno ?? 0] ?? ''] ?? message
}
