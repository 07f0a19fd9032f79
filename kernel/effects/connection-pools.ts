import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import { buildConnector, Pool } from 'undici'
import type { PluginLimits } from '../plugin-limits.ts'
import type { FetchTarget } from './fetch-target.ts'
import type { Permissions } from './grants.ts'

/** How certificates are checked; without `ca` by the authorities that Node knows. */
export interface FetchTls {
  /** PEM. */
  readonly ca?: string
}

/** Many servers close after five seconds. */
const KEEP_ALIVE_MS = 4_000

/**
 * Connections to the servers that plugins ask. One pool belongs to one plugin, tenant, server and
 * checked address: whether a connection is there already tells nobody what others do, and a name that
 * leads elsewhere the next time gets another pool.
 */
export class ConnectionPools {
  readonly #tls: FetchTls
  /** The operator's: pools outlive the limits of a tenant, which hold in each call. */
  readonly #limits: PluginLimits
  readonly #pools: LRUCache<string, Pool>

  constructor(tls: FetchTls, limits: PluginLimits) {
    this.#tls = tls
    this.#limits = limits
    this.#pools = new LRUCache({
      max: limits.fetchConnectionsKept,
      // Graceful: requests that are under way end first.
      dispose: (pool) => void pool.close().catch(() => undefined),
    })
  }

  poolFor({ url, hostname, address }: FetchTarget, { pluginName, tenant }: Permissions): Pool {
    const key = JSON.stringify([tenant, pluginName, url.origin, address])
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      const { fetchesAtOnce, fetchHeaderBytesMax, fetchTimeoutMsMax } = this.#limits
      pool = new Pool(url.origin, {
        connect: this.#connector(hostname, address),
        connections: fetchesAtOnce * 4,
        pipelining: 1,
        maxHeaderSize: fetchHeaderBytesMax,
        // Between two bytes of an answer; the request's own time is shorter mostly.
        headersTimeout: fetchTimeoutMsMax,
        bodyTimeout: fetchTimeoutMsMax,
        keepAliveTimeout: KEEP_ALIVE_MS,
        keepAliveMaxTimeout: KEEP_ALIVE_MS,
      })
      this.#pools.set(key, pool)
    }
    return pool
  }

  async close(): Promise<void> {
    const pools = [...this.#pools.values()]
    this.#pools.clear()
    await Promise.allSettled(pools.map((pool) => pool.destroy()))
  }

  /** Connects to the address that was checked, and asks for the certificate of the name. */
  #connector(hostname: string, address: string): buildConnector.connector {
    const connect = buildConnector({
      ...this.#tls,
      timeout: this.#limits.fetchConnectMs,
      allowH2: false,
    })
    const servername = isIP(hostname) === 0 ? hostname : ''
    return (options, callback) => connect({ ...options, hostname: address, servername }, callback)
  }
}
