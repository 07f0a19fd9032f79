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

const { requestHop, answerHop, forwarded, via, contentLength } = HEADER_TRAITS
const BOTH_HOPS = requestHop | answerHop

const TRAITS: Readonly<Record<string, number>> = {
  connection: BOTH_HOPS,
  'content-length': BOTH_HOPS | contentLength,
  host: requestHop,
  'keep-alive': BOTH_HOPS,
  proxy: requestHop,
  'proxy-connection': BOTH_HOPS,
  te: BOTH_HOPS,
  trailer: BOTH_HOPS,
  'transfer-encoding': BOTH_HOPS,
  upgrade: BOTH_HOPS,
  via,
  'x-forwarded-for': forwarded,
  'x-forwarded-host': forwarded,
  'x-forwarded-path': forwarded,
  'x-forwarded-port': forwarded,
  'x-forwarded-prefix': forwarded,
  'x-forwarded-proto': forwarded,
  'x-real-ip': forwarded,
}

/** Spellings are remembered, so that a name is put into lower case once; clients choose them. */
const KNOWN_NAMES_MAX = 1_024
const KNOWN_NAME_LENGTH_MAX = 64
const known = new Map<string, number>()

/** The traits of a header name in any spelling; 0 for most. */
export function headerTraits(name: string): number {
  return known.get(name) ?? learn(name)
}

function learn(name: string): number {
  const lower = name.toLowerCase()
  const traits = Object.hasOwn(TRAITS, lower) ? TRAITS[lower]! : 0
  if (name.length <= KNOWN_NAME_LENGTH_MAX) {
    if (known.size >= KNOWN_NAMES_MAX) known.clear()
    known.set(name, traits)
  }
  return traits
}
