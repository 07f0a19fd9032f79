/** The headers that the gateway adds, under our names or under Kong's. */
export interface HeaderNames {
  readonly requestId: string
  /** Milliseconds the gateway itself took, of a proxied answer. */
  readonly proxyLatency: string
  /** Milliseconds until the upstream's head arrived. */
  readonly upstreamLatency: string
  /** Milliseconds for an answer that came from the gateway itself. */
  readonly responseLatency: string
  readonly upstreamStatus: string
}

export const HEADER_NAMES = {
  sallyport: {
    requestId: 'X-Sallyport-Request-Id',
    proxyLatency: 'X-Sallyport-Proxy-Latency',
    upstreamLatency: 'X-Sallyport-Upstream-Latency',
    responseLatency: 'X-Sallyport-Response-Latency',
    upstreamStatus: 'X-Sallyport-Upstream-Status',
  },
  kong: {
    requestId: 'X-Kong-Request-Id',
    proxyLatency: 'X-Kong-Proxy-Latency',
    upstreamLatency: 'X-Kong-Upstream-Latency',
    responseLatency: 'X-Kong-Response-Latency',
    upstreamStatus: 'X-Kong-Upstream-Status',
  },
} as const satisfies Record<string, HeaderNames>

export type HeaderNaming = keyof typeof HEADER_NAMES

export const HEADER_NAMINGS = Object.keys(HEADER_NAMES) as readonly HeaderNaming[]
