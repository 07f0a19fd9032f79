import type { HeaderList } from '@sallyport/sdk'

/** Where a plugin sends the request instead of to a target of the service; health checks do not see it. */
export interface ChosenTarget {
  readonly hostname: string
  readonly port: number
}

/** Milliseconds, in place of those of the service. */
export interface ChosenTimeouts {
  readonly connectMs: number
  readonly writeMs: number
  readonly readMs: number
}

/**
 * What plugins made of the request on its way to the upstream; null is as it came. Made at the first
 * change, so that a request that nobody changes carries nothing.
 */
export class ServiceChanges {
  scheme: 'http' | 'https' | null = null
  method: string | null = null
  /** Escaped, without the query; in place of what the route makes of the request's path. */
  path: string | null = null
  /** With its question mark; empty for none. */
  query: string | null = null
  /** The Host header. */
  host: string | null = null
  /** The request's headers for the upstream. */
  headers: HeaderList | null = null
  body: Uint8Array | null = null
  target: ChosenTarget | null = null
  /** The name of an upstream, in place of the service's host. */
  upstream: string | null = null
  retries: number | null = null
  timeouts: ChosenTimeouts | null = null

  copy(): ServiceChanges {
    const copy = Object.assign(new ServiceChanges(), this)
    copy.headers = this.headers === null ? null : this.headers.slice()
    return copy
  }
}
