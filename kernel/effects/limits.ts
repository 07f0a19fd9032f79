interface LimitRow {
  readonly default: number
  readonly reason: string
}

const KB = 1024
const MB = 1024 * KB

/**
 * The limits of what plugins do beyond the request. Per call means one call of one handler, across
 * everything it awaits. Times in milliseconds, sizes in bytes.
 */
export const EFFECT_LIMIT_ROWS = {
  fetchesPerCall: {
    default: 8,
    reason: 'requests of one handler call, redirects counted: one client must not become a crowd',
  },
  fetchesAtOnce: {
    default: 4,
    reason: 'of one handler call at one time; what waits at once is what other requests lack',
  },
  fetchConnectMs: {
    default: 1_000,
    reason: 'to find the address and connect; half of what a handler has',
  },
  fetchTimeoutMs: { default: 2_000, reason: 'unless asked otherwise: as long as a handler has' },
  fetchTimeoutMsMax: { default: 30_000, reason: 'no plugin holds a connection longer' },
  fetchRedirects: {
    default: 3,
    reason: 'unless asked otherwise: http to https to www, and one more',
  },
  fetchRedirectsMax: { default: 5, reason: 'a longer chain is a loop' },
  fetchBodyBytesMax: { default: MB, reason: 'what is sent; the size of a body given to a plugin' },
  fetchUrlLengthMax: { default: 8 * KB, reason: 'as long as a request target may be' },
  fetchHeaderBytesMax: { default: 32 * KB, reason: 'of an answer; what clients may send as well' },
  fetchConnectionsKept: {
    default: 256,
    reason: 'pools of connections of a worker, one for each plugin, tenant, server and address',
  },
  chunkGrowthBytesMax: {
    default: MB,
    reason:
      'by which a chunk out of `bodyFilter` may be larger than what went in and was kept back; a body given to a plugin',
  },
  cacheCallsPerCall: { default: 128, reason: 'more is a loop, not a look-up' },
  cacheKeysMax: { default: 1_000, reason: 'a plugin and tenant; the oldest go' },
  cacheValueBytesMax: { default: 64 * KB, reason: 'of JSON; what is larger belongs elsewhere' },
  cacheBytesMax: { default: 10 * MB, reason: 'a plugin and tenant; the oldest go' },
  cacheTtlMs: { default: 300_000, reason: 'unless asked otherwise: long enough to be of use' },
  cacheTtlMsMax: { default: 86_400_000, reason: 'a day; what must stay belongs in the store' },
  cacheWorkerBytesMax: {
    default: 256 * MB,
    reason: 'all caches of a worker; the largest gives way, so none drives out a smaller one',
  },
  storeCallsPerCall: { default: 32, reason: 'each may be a write to a disk that all share' },
  storeKeysMax: { default: 10_000, reason: 'a plugin and tenant; more is a database' },
  storeValueBytesMax: { default: 64 * KB, reason: 'of JSON; one page of a form, one set of keys' },
  storeBytesMax: { default: 10 * MB, reason: 'a plugin and tenant; keys and values' },
  storeTtlMsMax: { default: 31_536_000_000, reason: 'a year' },
  storeListMax: { default: 1_000, reason: 'keys of one answer; `after` gives the next' },
  keyLengthMax: { default: 256, reason: 'characters of a key of cache or store' },
  vaultCallsPerCall: { default: 16, reason: 'a plugin has a few secrets' },
  vaultReferenceLengthMax: { default: 300, reason: 'characters of a reference' },
  cryptoCallsPerCall: { default: 64, reason: 'a token needs two or three' },
  cryptoBytesPerCall: {
    default: 4 * MB,
    reason: 'hashed in one call: about 10 ms of the worker, which other requests wait for',
  },
  cryptoBytesMax: { default: MB, reason: 'hashed at once: about 2 ms that nobody can interrupt' },
  cryptoKeyBytesMax: { default: 16 * KB, reason: 'a certificate in PEM has 2 KB' },
} as const satisfies Record<string, LimitRow>

export type EffectLimits = { readonly [Name in keyof typeof EFFECT_LIMIT_ROWS]: number }

export const EFFECT_LIMITS = Object.fromEntries(
  Object.entries(EFFECT_LIMIT_ROWS).map(([name, row]) => [name, row.default]),
) as unknown as EffectLimits
