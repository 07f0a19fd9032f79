import { once } from 'node:events'
import { type Server, createServer } from 'node:net'
import { type Address, formatAddress, listenFault } from '../process/listening-socket.ts'
import { ok, problem, skipped, type Told } from './finding.ts'

export interface WantedListener {
  /** Of the setting, like `proxy_listen`. */
  readonly name: string
  readonly flag: string
  readonly address: Address | 'off'
}

/**
 * Listens on each address as `start` would, all at the same time so that two of them cannot be the
 * same one, and lets go of them at once. Whoever connects meanwhile is refused.
 */
export async function tellListeners(wanted: readonly WantedListener[]): Promise<Told[]> {
  const servers: Server[] = []
  const told: Told[] = []
  try {
    for (const { name, flag, address } of wanted) {
      if (address === 'off') {
        told.push(skipped(name, 'off'))
        continue
      }
      const shown = formatAddress(address)
      try {
        servers.push(await listen(address))
        told.push(ok(name, address.port === 0 ? `${shown}: any free port` : `${shown}: free`))
      } catch (error) {
        told.push(
          problem(name, `cannot listen on ${shown}: ${listenFault(error)}`, toStep(error, flag)),
        )
      }
    }
    return told
  } finally {
    await Promise.all(servers.map((server) => once(server.close(), 'close')))
  }
}

/** `flag` takes another address. */
function toStep(error: unknown, flag: string): string {
  const { code } = error as NodeJS.ErrnoException
  const other = `${flag} HOSTNAME:PORT`
  if (code === 'EADDRINUSE') {
    return `end what listens there (ss -ltnp names it), or choose another: ${other}`
  }
  if (code === 'EACCES') return `give the gateway CAP_NET_BIND_SERVICE, or choose another: ${other}`
  return `choose an address of this machine: ${other}`
}

async function listen({ hostname, port }: Address): Promise<Server> {
  const server = createServer((socket) => socket.destroy())
  await once(server.listen({ host: hostname, port, exclusive: true }), 'listening')
  return server
}
