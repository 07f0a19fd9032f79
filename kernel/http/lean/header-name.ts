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

/** A header name in one spelling. */
export class HeaderName {
  /** As received. */
  readonly name: string
  readonly lower: string
  /** Of `HEADER_KIND`. */
  readonly kind: number
  /** What a line with it begins with: the name, a colon and a space. */
  readonly prefix: Uint8Array

  constructor(name: string, lower: string, kind: number) {
    this.name = name
    this.lower = lower
    this.kind = kind
    this.prefix = Buffer.from(`${name}: `, 'latin1')
  }
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
  ...['x-real-ip', 'x-request-id', 'apikey', 'sec-websocket-key', 'sec-websocket-version'],
]

const known = new Map<string, HeaderName>()
for (const lower of COMMON) {
  const capitalised = lower.replace(/(?:^|-)[a-z]/g, (text) => text.toUpperCase())
  for (const name of new Set([lower, capitalised, specialSpelling(lower)])) {
    known.set(name, new HeaderName(name, lower, KINDS[lower] ?? HEADER_KIND.other))
  }
}

const learned: string[] = []

function learn(name: string): HeaderName | null {
  if (!isToken(name)) return null
  const lower = name.toLowerCase()
  if (name.length > LEARNED_BYTES_MAX)
    return new HeaderName(name, lower, KINDS[lower] ?? HEADER_KIND.other)
  if (learned.length >= LEARNED_MAX) {
    for (const forgotten of learned) known.delete(forgotten)
    learned.length = 0
  }
  // A name cut out of a head would keep the whole head in memory.
  const own = Buffer.from(name, 'latin1').toString('latin1')
  const entry = new HeaderName(own, lower, KINDS[lower] ?? HEADER_KIND.other)
  learned.push(own)
  known.set(own, entry)
  return entry
}

function specialSpelling(lower: string): string {
  if (lower === 'te') return 'TE'
  return lower === 'etag' ? 'ETag' : lower
}
