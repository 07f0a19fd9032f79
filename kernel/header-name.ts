/** What a header name means to the data path; everything else is `other`. */
export const HEADER_KIND = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  upgrade: 5,
  expect: 6,
  keepAlive: 7,
  proxyConnection: 8,
  trailer: 9,
  te: 10,
  date: 11,
} as const

/** What forwarding must know of a header name, as bits. */
export const HEADER_TRAITS = {
  /** Belongs to the client's hop, or is written anew for the upstream. */
  requestHop: 1,
  /** Belongs to the upstream's hop, or is written anew for the client. */
  answerHop: 2,
  /** What the gateway says of the client; its own words count only from trusted addresses. */
  forwarded: 4,
  via: 8,
  contentLength: 16,
} as const

const { requestHop, answerHop, forwarded } = HEADER_TRAITS
const BOTH_HOPS = requestHop | answerHop

const TRAITS: Readonly<Record<string, number>> = {
  connection: BOTH_HOPS,
  'content-length': BOTH_HOPS | HEADER_TRAITS.contentLength,
  host: requestHop,
  'keep-alive': BOTH_HOPS,
  proxy: requestHop,
  'proxy-connection': BOTH_HOPS,
  te: BOTH_HOPS,
  trailer: BOTH_HOPS,
  'transfer-encoding': BOTH_HOPS,
  upgrade: BOTH_HOPS,
  via: HEADER_TRAITS.via,
  'x-forwarded-for': forwarded,
  'x-forwarded-host': forwarded,
  'x-forwarded-path': forwarded,
  'x-forwarded-port': forwarded,
  'x-forwarded-prefix': forwarded,
  'x-forwarded-proto': forwarded,
  'x-real-ip': forwarded,
}

/**
 * A header name in one spelling, with all that the way of a request asks of names: they are looked
 * up once a message, and the bytes of a known one are at hand.
 */
export class HeaderName {
  /** As received. */
  readonly name: string
  readonly lower: string
  /** Of `HEADER_KIND`. */
  readonly kind: number
  /** Bits of `HEADER_TRAITS`. */
  readonly traits: number
  /** What a line with it begins with: the name, a colon and a space. */
  readonly prefix: Uint8Array

  constructor(name: string) {
    const lower = name.toLowerCase()
    this.name = name
    this.lower = lower
    this.kind = Object.hasOwn(KINDS, lower) ? KINDS[lower]! : HEADER_KIND.other
    this.traits = Object.hasOwn(TRAITS, lower) ? TRAITS[lower]! : 0
    this.prefix = Buffer.from(`${name}: `, 'latin1')
  }
}

/** The traits of a header name in any spelling; 0 for most. */
export function headerTraits(name: string): number {
  const known = toHeaderName(name)
  return known === null ? 0 : known.traits
}

/** Null when it is no token: nothing that may be read or written as a header name. */
export function toHeaderName(name: string): HeaderName | null {
  return known.get(name) ?? learn(name)
}

export function badName(name: string): TypeError {
  return new TypeError(`header name ${JSON.stringify(name)}: a token of RFC 9110 is wanted`)
}

/** `1*tchar` of RFC 9110: also what a method is made of. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Spellings that clients chose are kept as well, up to these bounds, then all are forgotten. */
const LEARNED_MAX = 512
const LEARNED_BYTES_MAX = 64

const KINDS: Readonly<Record<string, number>> = {
  host: HEADER_KIND.host,
  'content-length': HEADER_KIND.contentLength,
  'transfer-encoding': HEADER_KIND.transferEncoding,
  connection: HEADER_KIND.connection,
  upgrade: HEADER_KIND.upgrade,
  expect: HEADER_KIND.expect,
  'keep-alive': HEADER_KIND.keepAlive,
  'proxy-connection': HEADER_KIND.proxyConnection,
  trailer: HEADER_KIND.trailer,
  te: HEADER_KIND.te,
  date: HEADER_KIND.date,
}

const COMMON = [
  ...Object.keys(KINDS),
  ...['accept', 'accept-encoding', 'accept-language', 'accept-ranges', 'age', 'allow'],
  ...['access-control-allow-origin', 'authorization', 'cache-control', 'content-disposition'],
  ...['content-encoding', 'content-language', 'content-range', 'content-security-policy'],
  ...['content-type', 'cookie', 'etag', 'expires', 'if-modified-since', 'if-none-match'],
  ...['last-modified', 'link', 'location', 'origin', 'pragma', 'range', 'referer', 'server'],
  ...['set-cookie', 'strict-transport-security', 'user-agent', 'vary', 'via', 'x-api-key'],
  ...['x-content-type-options', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-path'],
  ...['x-forwarded-port', 'x-forwarded-prefix', 'x-forwarded-proto', 'x-frame-options'],
  ...['x-sallyport-proxy-latency', 'x-sallyport-upstream-latency', 'x-sallyport-request-id'],
  ...['x-real-ip', 'x-request-id', 'apikey', 'sec-websocket-key', 'sec-websocket-version'],
]

const known = new Map<string, HeaderName>()
for (const lower of COMMON) {
  const capitalised = lower.replace(/(?:^|-)[a-z]/g, (text) => text.toUpperCase())
  for (const name of new Set([lower, capitalised, specialSpelling(lower)])) {
    known.set(name, new HeaderName(name))
  }
}

const learned: string[] = []

function learn(name: string): HeaderName | null {
  if (!isToken(name)) return null
  if (name.length > LEARNED_BYTES_MAX) return new HeaderName(name)
  if (learned.length >= LEARNED_MAX) {
    for (const forgotten of learned) known.delete(forgotten)
    learned.length = 0
  }
  // A name cut out of a head would keep the whole head in memory.
  const own = Buffer.from(name, 'latin1').toString('latin1')
  const entry = new HeaderName(own)
  learned.push(own)
  known.set(own, entry)
  return entry
}

function specialSpelling(lower: string): string {
  if (lower === 'te') return 'TE'
  return lower === 'etag' ? 'ETag' : lower
}
