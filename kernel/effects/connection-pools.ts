import { isIP } from 'node:net'
import { LRUCache } from 'lru-cache'
import { buildConnector, Pool } from 'undici'
import type { FetchTarget } from './fetch-target.ts'
import type { Permissions } from './grants.ts'
import { EFFECT_LIMITS } from './limits.ts'

/** How certificates are checked; without `ca` by the authorities that Node knows. */
export interface FetchTls {
  /** PEM. */
  readonly ca?: string
}

/** Answers come in less than this between two of their bytes; the request's own time is shorter mostly. */
const IDLE_MS = EFFECT_LIMITS.fetchTimeoutMsMax
/** Many servers close after five seconds. */
const KEEP_ALIVE_MS = 4_000

/**
 * Connections to the servers that plugins ask. One pool belongs to one plugin, tenant, server and
 * checked address: whether a connection is there already tells nobody what others do, and a name that
 * leads elsewhere the next time gets another pool.
 */
export class ConnectionPools {
  readonly #tls: FetchTls
  readonly #pools = new LRUCache<string, Pool>({
    max: EFFECT_LIMITS.fetchConnectionsKept,
    // Graceful: requests that are under way end first.
    dispose: (pool) => void pool.close().catch(() => undefined),
  })

  constructor(tls: FetchTls) {
    this.#tls = tls
  }

  poolFor({ url, hostname, address }: FetchTarget, { pluginName, tenant }: Permissions): Pool {
    const key = JSON.stringify([tenant, pluginName, url.origin, address])
    let pool = this.#pools.get(key)
    if (pool === undefined) {
      pool = new Pool(url.origin, {
        connect: this.#connector(hostname, address),
        connections: EFFECT_LIMITS.fetchesAtOnce * 4,
        pipelining: 1,
        maxHeaderSize: EFFECT_LIMITS.fetchHeaderBytesMax,
        headersTimeout: IDLE_MS,
        bodyTimeout: IDLE_MS,
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
      timeout: EFFECT_LIMITS.fetchConnectMs,
      allowH2: false,
    })
    const servername = isIP(hostname) === 0 ? hostname : ''
    return (options, callback) => connect({ ...options, hostname: address, servername }, callback)
  }
}
