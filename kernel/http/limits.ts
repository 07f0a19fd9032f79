/**
 * The kernel's limits on the HTTP path, one table: each with its unit in its name, its default and
 * the reason for it. A plugin's view is never truncated: what is over a limit is refused.
 */
export const HTTP_LIMIT_ROWS = {
  targetBytesMax: {
    default: 8 * 1024,
    reason: 'what browsers, caches and nginx (large_client_header_buffers) agree to carry',
  },
  headersMax: {
    default: 128,
    reason: 'three times what a browser behind two proxies sends; bounds every loop over headers',
  },
  headerBytesMax: {
    default: 32 * 1024,
    reason: 'room for large cookies and tokens, and still one small buffer a connection',
  },
  headDeadlineMs: {
    default: 10_000,
    reason: 'a head fits in a few packets; a slower one is somebody holding connections open',
  },
  keepAliveIdleMs: {
    default: 75_000,
    reason: 'longer than the 60 s after which load balancers drop idle connections',
  },
  bodyIdleMs: {
    default: 60_000,
    reason: 'silence in a request body; an upload may last for hours as long as it moves',
  },
  answerIdleMs: {
    default: 60_000,
    reason: 'a client that takes nothing of its answer holds an upstream connection',
  },
  unreadBodyBytesMax: {
    default: 64 * 1024,
    reason: 'reading a small rest away is cheaper than a new connection, a large one is not',
  },
  heldBytesMax: {
    default: 16 * 1024,
    reason: 'what arrives unasked for; below it we go on reading, to notice a client that leaves',
  },
  lingerMs: {
    default: 2_000,
    reason: 'closing at once on a client that still sends would reset the answer out of its hands',
  },
  drainMs: {
    default: 30_000,
    reason: 'the time that orchestrators give a process between SIGTERM and SIGKILL',
  },
  idleUpstreamConnectionsMax: {
    default: 512,
    reason: 'a target; enough for any steady load, small against its limit of open files',
  },
  upstreamIdleMs: {
    default: 60_000,
    reason: 'shorter than the 75 s of nginx, so that we are the side that closes',
  },
  upstreamPoolsMax: {
    default: 4_096,
    reason: 'targets that still have a pool; the pool used longest ago goes first',
  },
  answerBacklogBytesMax: {
    default: 64 * 1024,
    reason: 'one read of a socket, held while the head of the answer is being dealt with',
  },
  chunkExtensionBytesMax: {
    default: 1_024,
    reason: 'a chunk; signatures of chunks take a hundred bytes, and nobody reads the rest',
  },
  upstreamConnectionsMax: {
    default: 2_048,
    reason: 'a target; more in flight at once is an upstream that has stopped keeping up',
  },
  queuedRequestsMax: {
    default: 1_024,
    reason: 'requests that wait for a connection to one target; a longer queue only adds delay',
  },
  upstreamQueueMs: {
    default: 5_000,
    reason: 'who waited longer than this has a client that is about to give up',
  },
  upstreamTotalMs: {
    default: 24 * 60 * 60 * 1_000,
    reason: 'an event stream may last all day; one without an end would outlive every drain',
  },
  informationalAnswersMax: {
    default: 16,
    reason: 'before one answer; early hints come in a few, a flood holds a connection for nothing',
  },
  bodyBytesMax: {
    default: Number.MAX_SAFE_INTEGER,
    reason: 'of a request; as good as none: what is too much is for a route to say',
  },
  connectionRequestsMax: {
    default: 100_000,
    reason: 'a connection that lives for ever would never move to a worker that is new',
  },
  connectionsMax: {
    default: 65_536,
    reason: 'a worker; 20 KB each, so that what a flood of them costs is known',
  },
  clientConnectionsMax: {
    default: 16_384,
    reason: 'an address and worker; high, since a load balancer in front of us is one address',
  },
} as const satisfies Record<string, { default: number; reason: string }>

export type HttpLimits = { readonly [name in keyof typeof HTTP_LIMIT_ROWS]: number }

/** The limits with these changes; throws on a name that is no limit and on a value that is none. */
export function createHttpLimits(changes: Partial<HttpLimits> = {}): HttpLimits {
  const limits: Record<string, number> = {}
  for (const [name, row] of Object.entries(HTTP_LIMIT_ROWS)) limits[name] = row.default
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in limits)) throw new TypeError(`"${name}" is not one of the HTTP limits`)
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new TypeError(`HTTP limit ${name} is ${value}: a whole number above 0 is wanted`)
    }
    limits[name] = value
  }
  return limits as HttpLimits
}
