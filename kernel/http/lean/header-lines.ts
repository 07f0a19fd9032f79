import type { HeaderList, ReadonlyHeaderList } from '@sallyport/sdk'
import type { HttpLimits } from '../limits.ts'
import { HEADER_KIND, toHeaderName } from './header-name.ts'

/**
 * Reads the header lines of a head, from the one at `from` to the empty line that ends the text.
 * What they say about framing goes into `facts`, which the caller has reset. The text must be a head
 * in which `findHeadEnd` or `isSoundHead` found nothing wrong: values are not looked at again.
 */
export function parseHeaderLines(
  text: string,
  from: number,
  facts: FramingFacts,
  limits: HttpLimits,
): HeaderList | HeaderProblem {
  const list: HeaderList = []
  const end = text.length - 2
  if (end - from > limits.headerBytesMax) return HEADER_PROBLEMS.bytes
  const partsMax = limits.headersMax * 2
  for (let at = from; at < end;) {
    const colon = text.indexOf(':', at)
    const lineEnd = text.indexOf('\r\n', at)
    if (colon === -1 || colon > lineEnd) return HEADER_PROBLEMS.line
    const name = toHeaderName(text.slice(at, colon))
    if (name === null) return HEADER_PROBLEMS.name
    const value = trimmed(text, colon + 1, lineEnd)
    if (list.push(name.name, value) > partsMax) return HEADER_PROBLEMS.count
    if (name.kind !== HEADER_KIND.other) {
      const problem =
        name.kind === HEADER_KIND.transferEncoding && hasTab(text, colon, lineEnd)
          ? HEADER_PROBLEMS.coding
          : facts.note(name.kind, value)
      if (problem !== null) return problem
    }
    at = lineEnd + 2
  }
  if (facts.chunked && facts.contentLength !== -1) return HEADER_PROBLEMS.bothFramings
  return list
}

/**
 * The head with these lines. Throws on a name that is none. Values are checked when the head becomes
 * bytes (`toHeadBytes`): one pass over all of them is cheaper than one over each.
 */
export function appendHeaderLines(head: string, headers: ReadonlyHeaderList): string {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!
    if (toHeaderName(name) === null) throw badName(name)
    head += name + ': ' + headers[i + 1]! + '\r\n'
  }
  return head
}

export function badName(name: string): TypeError {
  return new TypeError(`header name ${JSON.stringify(name)}: a token of RFC 9110 is wanted`)
}

/**
 * The bytes of a head, and of the beginning of its body when that is to go with it. `lines` is how
 * many the head has with its first and its empty one. Throws when there are more, or anything that
 * does not belong into a head: a value with a line break would be a header, or a message, of its own.
 */
export function toHeadBytes(head: string, lines: number, body: Uint8Array | null): Buffer {
  if (body === null) return toHeadWithRoom(head, lines, 0)
  const bytes = toHeadWithRoom(head, lines, body.length)
  bytes.set(body, head.length)
  return bytes
}

/** The same with `room` bytes behind the head that are still to be written. */
export function toHeadWithRoom(head: string, lines: number, room: number): Buffer {
  if (NOT_LATIN1.test(head)) throw badValue()
  const bytes = Buffer.allocUnsafe(head.length + room)
  bytes.write(head, 0, head.length, 'latin1')
  let left = lines * 2
  for (let i = 0; i < head.length; i++) {
    const byte = bytes[i]!
    if (byte >= 32 ? byte !== 127 : byte === 9) continue
    if ((byte !== 13 && byte !== 10) || --left < 0) throw badValue()
  }
  if (left !== 0) throw badValue()
  return bytes
}

function badValue(): TypeError {
  return new TypeError('a header value has a character that no header may have')
}

// On a string of one-byte characters, which nearly every head is, V8 knows without looking.
const NOT_LATIN1 = /[^\0-\xff]/

/** What the header lines of one message say about its framing; one object for many messages. */
export class FramingFacts {
  /** -1: not said. */
  contentLength = -1
  chunked = false
  /** The Host header. */
  host: string | null = null
  /** Tokens of Connection. */
  close = false
  keepAlive = false
  upgradeAsked = false
  /** The Upgrade header. */
  upgrade: string | null = null
  /** The Expect header, in lower case. */
  expect: string | null = null

  reset(): void {
    this.contentLength = -1
    this.chunked = this.close = this.keepAlive = this.upgradeAsked = false
    this.host = this.upgrade = this.expect = null
  }

  note(kind: number, value: string): HeaderProblem | null {
    switch (kind) {
      case HEADER_KIND.host:
        if (this.host !== null) return HEADER_PROBLEMS.twoHosts
        this.host = value
        return null
      case HEADER_KIND.contentLength:
        return this.#noteLength(value)
      case HEADER_KIND.transferEncoding:
        return this.#noteCoding(value)
      case HEADER_KIND.connection:
        this.#noteConnection(value)
        return null
      case HEADER_KIND.proxyConnection:
        // Who takes us for a proxy of old means this connection by it.
        if (/(?:^|[,\s])close(?:$|[,\s])/i.test(value)) this.close = true
        return null
      case HEADER_KIND.upgrade:
        this.upgrade = this.upgrade === null ? value : `${this.upgrade}, ${value}`
        return null
      case HEADER_KIND.expect:
        this.expect = (this.expect === null ? '' : `${this.expect}, `) + value.toLowerCase()
        return null
      default:
        return null
    }
  }

  #noteLength(value: string): HeaderProblem | null {
    if (this.contentLength !== -1) return HEADER_PROBLEMS.twoLengths
    // Fifteen digits are always a safe integer.
    if (!/^\d{1,15}$/.test(value)) return HEADER_PROBLEMS.length
    this.contentLength = Number(value)
    return null
  }

  #noteCoding(value: string): HeaderProblem | null {
    if (this.chunked) return HEADER_PROBLEMS.twoCodings
    const lower = value.toLowerCase()
    if (lower !== 'chunked') {
      return /(?:^|[,\s])chunked\s*,/.test(lower)
        ? HEADER_PROBLEMS.codingOrder
        : HEADER_PROBLEMS.coding
    }
    this.chunked = true
    return null
  }

  #noteConnection(value: string): void {
    const lower = value.toLowerCase()
    if (lower === 'keep-alive') this.keepAlive = true
    else if (lower === 'close') this.close = true
    else {
      for (const token of lower.split(',')) {
        const name = token.trim()
        if (name === 'close') this.close = true
        else if (name === 'keep-alive') this.keepAlive = true
        else if (name === 'upgrade') this.upgradeAsked = true
      }
    }
  }
}

/** Why header lines are not good: the reason, and the status a request with them gets. */
export class HeaderProblem {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string) {
    this.status = status
    this.reason = reason
  }
}

const HEADER_PROBLEMS = {
  line: new HeaderProblem(400, 'a header line without a colon'),
  name: new HeaderProblem(400, 'a header name that is no token, or a folded line'),
  count: new HeaderProblem(431, 'there are more headers than headersMax'),
  bytes: new HeaderProblem(431, 'the headers are over headerBytesMax'),
  twoHosts: new HeaderProblem(400, 'more than one Host header'),
  twoLengths: new HeaderProblem(400, 'more than one Content-Length header'),
  length: new HeaderProblem(400, 'the Content-Length header is not a number'),
  bothFramings: new HeaderProblem(400, 'both Content-Length and Transfer-Encoding'),
  twoCodings: new HeaderProblem(400, 'more than one Transfer-Encoding header'),
  codingOrder: new HeaderProblem(400, 'a Transfer-Encoding after chunked'),
  coding: new HeaderProblem(501, 'a Transfer-Encoding other than chunked'),
} as const

/** Readers differ about tabs around a transfer coding, so that smugglers put them there. */
function hasTab(text: string, from: number, to: number): boolean {
  return text.slice(from, to).includes('\t')
}

/** The value between two indexes without the spaces and tabs around it. */
function trimmed(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9
}
