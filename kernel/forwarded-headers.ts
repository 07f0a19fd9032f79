import { isIP } from 'node:net'
import {
  findHeader,
  type ForwardedView,
  getHeader,
  getHeaderValues,
  type HeaderList,
} from '@sallyport/sdk'
import type { Exchange } from './exchange.ts'
import { HEADER_TRAITS, headerTraits } from './header-name.ts'

const { requestHop, answerHop, forwarded, via, contentLength } = HEADER_TRAITS

const VIA = '1.1 sallyport'
const BRACKET = 0x5b

export interface ForwardingFacts {
  readonly exchange: Exchange
  readonly isTrusted: (address: string) => boolean
  /** The path as the client sent it, with the query. */
  readonly path: string
  /** What `strip_path` took away; null when nothing. */
  readonly prefix: string | null
}

/**
 * What the client sent less what belongs to its own hop, also what its `Connection` names. Done
 * before plugins add theirs: a client must not be able to remove those by naming them.
 */
export function toForwardedRequestHeaders(headers: readonly string[]): HeaderList {
  const named = namedByConnection(headers)
  const list: HeaderList = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if ((headerTraits(name) & requestHop) !== 0) continue
    if (named?.has(name.toLowerCase()) === true) continue
    list.push(name, headers[i + 1]!)
  }
  return list
}

/**
 * The headers for the upstream, with what the gateway says of the client and of itself; `Host` is
 * written by who sends them. `changed` is what plugins made of the client's; null when none did.
 */
export function toUpstreamHeaders(
  changed: readonly string[] | null,
  facts: ForwardingFacts,
): HeaderList {
  const { exchange, isTrusted, path, prefix } = facts
  const { headers } = exchange
  const address = exchange.connection.clientAddress
  const trusted = isTrusted(address)
  const list: HeaderList = []
  const kept = (lowerName: string) => (trusted ? getHeader(headers, lowerName) : null)
  const viaBefore = pushForwardable(list, changed, headers)
  const hostname = hostnameOf(exchange.authority)
  const port = exchange.connection.localPort
  list.push('X-Forwarded-For', appendAddress(headers, trusted, address))
  list.push('X-Forwarded-Proto', forwardedScheme(exchange, isTrusted))
  if (hostname !== '') list.push('X-Forwarded-Host', kept('x-forwarded-host') ?? hostname)
  list.push('X-Forwarded-Port', kept('x-forwarded-port') ?? String(port))
  list.push('X-Forwarded-Path', kept('x-forwarded-path') ?? path)
  const forwardedPrefix = kept('x-forwarded-prefix') ?? prefix
  if (forwardedPrefix !== null) list.push('X-Forwarded-Prefix', forwardedPrefix)
  list.push('X-Real-IP', forwardedAddress(exchange, isTrusted))
  list.push('Via', viaBefore === null ? VIA : `${viaBefore}, ${VIA}`)
  if (wantsTrailers(headers)) list.push('TE', 'trailers')
  return list
}

/** Adds the headers that are forwarded as they are; returns the `Via` among them, null for none. */
function pushForwardable(
  list: HeaderList,
  changed: readonly string[] | null,
  received: readonly string[],
): string | null {
  let viaBefore: string | null = null
  const from = changed ?? received
  const skipped = changed === null ? requestHop | forwarded : forwarded
  const named = changed === null ? namedByConnection(received) : null
  for (let i = 0; i < from.length; i += 2) {
    const name = from[i]!
    const traits = headerTraits(name)
    if ((traits & skipped) !== 0) continue
    if (named?.has(name.toLowerCase()) === true) continue
    if ((traits & via) === 0) list.push(name, from[i + 1]!)
    else viaBefore = viaBefore === null ? from[i + 1]! : `${viaBefore}, ${from[i + 1]!}`
  }
  return viaBefore
}

/**
 * The headers of an upstream's answer less what belongs to its own hop, and less `Content-Length`
 * unless it is kept.
 */
export function toClientHeaders(headers: readonly string[], keepsLength = false): HeaderList {
  const named = namedByConnection(headers)
  const list: HeaderList = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    const traits = headerTraits(name)
    const kept = keepsLength && (traits & contentLength) !== 0
    if ((traits & answerHop) !== 0 && !kept) continue
    if (named?.has(name.toLowerCase()) === true) continue
    list.push(name, headers[i + 1]!)
  }
  return list
}

/** Adds this gateway to the `Via` of an answer. */
export function addVia(headers: HeaderList): void {
  const at = findHeader(headers, 'via')
  if (at === -1) headers.push('Via', VIA)
  else headers[at + 1] = `${headers[at + 1]!}, ${VIA}`
}

/**
 * The client's address: the last one in `X-Forwarded-For` that is not itself a trusted proxy, as
 * long as the peer is trusted; otherwise the peer's own. What is no address ends the search: who
 * wrote it cannot be asked what came before.
 */
export function forwardedAddress(
  exchange: Exchange,
  isTrusted: (address: string) => boolean,
): string {
  const peer = exchange.connection.clientAddress
  if (!isTrusted(peer)) return peer
  const hops = getHeaderValues(exchange.headers, 'x-forwarded-for').flatMap((value) =>
    value.split(','),
  )
  let client = peer
  for (const hop of hops.toReversed()) {
    const address = toAddress(hop.trim())
    if (address === null) return client
    client = address
    if (!isTrusted(address)) return client
  }
  return client
}

/** The scheme that the client used, as a trusted peer tells it; else that of the connection. */
export function forwardedScheme(
  { connection, headers }: Exchange,
  isTrusted: (address: string) => boolean,
): string {
  if (!isTrusted(connection.clientAddress)) return connection.scheme
  return getHeader(headers, 'x-forwarded-proto') ?? connection.scheme
}

/** What a trusted peer tells of what the client used; null when the peer is not trusted. */
export function forwardedView(
  exchange: Exchange,
  isTrusted: (address: string) => boolean,
  rawPath: string,
): ForwardedView | null {
  const { connection, headers } = exchange
  if (!isTrusted(connection.clientAddress)) return null
  const host = getHeader(headers, 'x-forwarded-host')
  const port = Number(getHeader(headers, 'x-forwarded-port') ?? '')
  return {
    scheme: forwardedScheme(exchange, isTrusted),
    hostname: hostnameOf(host ?? exchange.authority),
    port: Number.isInteger(port) && port > 0 && port <= 65_535 ? port : connection.localPort,
    path: getHeader(headers, 'x-forwarded-path') ?? rawPath,
    prefix: getHeader(headers, 'x-forwarded-prefix'),
  }
}

/** The address of a hop, which some proxies write with a port; null when it is none. */
function toAddress(hop: string): string | null {
  const address = /^\[(.*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
  return isIP(address) === 0 ? null : address
}

/** The hostname of an authority, in lower case, without port and brackets; empty for null. */
export function hostnameOf(authority: string | null): string {
  if (authority === null) return ''
  const colon = authority.indexOf(':')
  if (colon === -1) return authority.toLowerCase()
  const isPlain = authority.charCodeAt(0) !== BRACKET && authority.indexOf(':', colon + 1) === -1
  if (isPlain) return authority.slice(0, colon).toLowerCase()
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(authority)
  return (match?.[1] ?? match?.[2] ?? authority).toLowerCase()
}

function appendAddress(headers: readonly string[], trusted: boolean, address: string): string {
  if (!trusted) return address
  return [...getHeaderValues(headers, 'x-forwarded-for'), address].join(', ')
}

function namedByConnection(headers: readonly string[]): Set<string> | null {
  let named: Set<string> | null = null
  let at = findHeader(headers, 'connection')
  for (; at !== -1; at = findHeader(headers, 'connection', at + 2)) {
    const value = headers[at + 1]!
    if (value === 'keep-alive' || value === 'close') continue
    named ??= new Set()
    for (const name of value.split(',')) named.add(name.trim().toLowerCase())
  }
  return named
}

function wantsTrailers(headers: readonly string[]): boolean {
  const te = getHeader(headers, 'te')
  return te !== null && te.split(',').some((coding) => coding.trim().toLowerCase() === 'trailers')
}
