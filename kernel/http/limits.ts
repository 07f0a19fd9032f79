import { type LimitTable, type LimitValues, resolveLimits } from '@sallyport/sdk/limits'

/**
 * The kernel's limits on the HTTP path, one table: each with its unit in its name, its default and
 * the reason for it. A plugin's view is never truncated: what is over a limit is refused.
 */
export const HTTP_LIMIT_ROWS = {
  targetBytesMax: {
    unit: 'bytes',
    default: 8 * 1024,
    range: [256, 1_024 * 1_024],
    reason: 'what browsers, caches and nginx (large_client_header_buffers) agree to carry',
  },
  headersMax: {
    unit: 'count',
    default: 128,
    range: [16, 10_000],
    reason: 'three times what a browser behind two proxies sends; bounds every loop over headers',
  },
  headerBytesMax: {
    unit: 'bytes',
    default: 32 * 1024,
    range: [1_024, 4 * 1_024 * 1_024],
    reason: 'room for large cookies and tokens, and still one small buffer a connection',
  },
  headDeadlineMs: {
    unit: 'ms',
    default: 10_000,
    range: [100, 600_000],
    reason: 'a head fits in a few packets; a slower one is somebody holding connections open',
  },
  keepAliveIdleMs: {
    unit: 'ms',
    default: 75_000,
    range: [100, 3_600_000],
    reason: 'longer than the 60 s after which load balancers drop idle connections',
  },
  bodyIdleMs: {
    unit: 'ms',
    default: 60_000,
    range: [100, 3_600_000],
    reason: 'silence in a request body; an upload may last for hours as long as it moves',
  },
  answerIdleMs: {
    unit: 'ms',
    default: 60_000,
    range: [100, 3_600_000],
    reason: 'a client that takes nothing of its answer holds an upstream connection',
  },
  unreadBodyBytesMax: {
    unit: 'bytes',
    default: 64 * 1024,
    range: [1, 16 * 1_024 * 1_024],
    reason: 'reading a small rest away is cheaper than a new connection, a large one is not',
  },
  heldBytesMax: {
    unit: 'bytes',
    default: 16 * 1024,
    range: [1_024, 16 * 1_024 * 1_024],
    reason: 'what arrives unasked for; below it we go on reading, to notice a client that leaves',
  },
  lingerMs: {
    unit: 'ms',
    default: 2_000,
    range: [1, 60_000],
    reason: 'closing at once on a client that still sends would reset the answer out of its hands',
  },
  idleUpstreamConnectionsMax: {
    unit: 'count',
    default: 512,
    range: [1, 65_536],
    reason: 'a target; enough for any steady load, small against its limit of open files',
  },
  upstreamIdleMs: {
    unit: 'ms',
    default: 60_000,
    range: [100, 3_600_000],
    reason: 'shorter than the 75 s of nginx, so that we are the side that closes',
  },
  upstreamPoolsMax: {
    unit: 'count',
    default: 4_096,
    range: [1, 65_536],
    reason: 'targets that still have a pool; the pool used longest ago goes first',
  },
  answerBacklogBytesMax: {
    unit: 'bytes',
    default: 64 * 1024,
    range: [1_024, 16 * 1_024 * 1_024],
    reason: 'one read of a socket, held while the head of the answer is being dealt with',
  },
  chunkExtensionBytesMax: {
    unit: 'bytes',
    default: 1_024,
    range: [1, 64 * 1_024],
    reason: 'a chunk; signatures of chunks take a hundred bytes, and nobody reads the rest',
  },
  upstreamConnectionsMax: {
    unit: 'count',
    default: 2_048,
    range: [1, 65_536],
    reason: 'a target; more in flight at once is an upstream that has stopped keeping up',
  },
  queuedRequestsMax: {
    unit: 'count',
    default: 1_024,
    range: [1, 65_536],
    reason: 'requests that wait for a connection to one target; a longer queue only adds delay',
  },
  upstreamQueueMs: {
    unit: 'ms',
    default: 5_000,
    range: [1, 600_000],
    reason: 'who waited longer than this has a client that is about to give up',
  },
  upstreamTotalMs: {
    unit: 'ms',
    default: 24 * 60 * 60 * 1_000,
    range: [1_000, 7 * 24 * 60 * 60 * 1_000],
    reason: 'an event stream may last all day; one without an end would outlive every drain',
  },
  informationalAnswersMax: {
    unit: 'count',
    default: 16,
    range: [1, 1_000],
    reason: 'before one answer; early hints come in a few, a flood holds a connection for nothing',
  },
  bodyBytesMax: {
    unit: 'bytes',
    default: Number.MAX_SAFE_INTEGER,
    range: [1, Number.MAX_SAFE_INTEGER],
    reason: 'of a request; as good as none: what is too much is for a route to say',
  },
  connectionRequestsMax: {
    unit: 'count',
    default: 100_000,
    range: [1, Number.MAX_SAFE_INTEGER],
    reason: 'a connection that lives for ever would never move to a worker that is new',
  },
  connectionsMax: {
    unit: 'count',
    default: 65_536,
    range: [1, 1_048_576],
    reason: 'a worker; 20 KB each, so that what a flood of them costs is known',
  },
  clientConnectionsMax: {
    unit: 'count',
    default: 16_384,
    range: [1, 1_048_576],
    reason: 'an address and worker; high, since a load balancer in front of us is one address',
  },
} as const satisfies LimitTable

export type HttpLimits = LimitValues<typeof HTTP_LIMIT_ROWS>

/** The limits with these changes; throws on a name that is no limit and on a value that is none. */
export function createHttpLimits(changes: Partial<HttpLimits> = {}): HttpLimits {
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in HTTP_LIMIT_ROWS)) throw new TypeError(`"${name}" is not one of the HTTP limits`)
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(`HTTP limit ${name} is ${value}: a whole number above 0 is wanted`)
    }
  }
  return resolveLimits(HTTP_LIMIT_ROWS, changes)
}
