import type { HeaderList } from '@sallyport/sdk'
import type { HttpLimits } from '../limits.ts'
import { HEADER_KIND, type HeaderName, toHeaderName } from '../../header-name.ts'
import { MARK, scan } from './head-scan.ts'

/**
 * Reads the header lines that a scan has found in this text, whose first one begins at `from`. What
 * they say about framing goes into `facts`, which the caller has reset. Values are not looked at: the
 * scan did that.
 */
export function parseHeaderLines(
  text: string,
  from: number,
  facts: FramingFacts,
  limits: HttpLimits,
): HeaderList | HeaderProblem {
  const { marks, names, lines } = scan
  if (text.length - 2 - from > limits.headerBytesMax) return HEADER_PROBLEMS.bytes
  const list: HeaderList = []
  let lineStart = from
  for (let line = 0; line < lines; line++) {
    const mark = line * MARK.size
    const colon = marks[mark + MARK.colon]!
    if (colon === -1) return HEADER_PROBLEMS.line
    const hash = marks[mark + MARK.hash]!
    const name = names[line] ?? learnName(text.slice(lineStart, colon), hash)
    if (name === null) return HEADER_PROBLEMS.name
    if (line >= limits.headersMax) return HEADER_PROBLEMS.count
    const value = text.slice(marks[mark + MARK.valueStart], marks[mark + MARK.valueEnd])
    list.push(name.name, value)
    const lineEnd = marks[mark + MARK.lineEnd]!
    if (name.kind !== HEADER_KIND.other) {
      const problem =
        name.kind === HEADER_KIND.transferEncoding && hasTab(text, colon, lineEnd)
          ? HEADER_PROBLEMS.coding
          : facts.note(name.kind, value)
      if (problem !== null) return problem
    }
    lineStart = lineEnd + 2
  }
  if (facts.chunked && facts.contentLength !== -1) return HEADER_PROBLEMS.bothFramings
  return list
}

function learnName(text: string, hash: number): HeaderName | null {
  const name = toHeaderName(text)
  if (name !== null) scan.remember(name, hash)
  return name
}

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
