import { getHeader, type HeaderList } from '@sallyport/sdk'
import type { HttpLimits } from '../limits.ts'
import { scan } from './head-scan.ts'
import { FramingFacts, HeaderProblem, parseHeaderLines } from './header-lines.ts'

/** The body ends where the connection does. */
export const UNTIL_CLOSE = -2

/** The head of an answer that an upstream gave; also of an informational one. */
export class ReceivedHead {
  readonly status: number
  readonly httpVersion: '1.0' | '1.1'
  /** As received, all of them. */
  readonly headers: HeaderList
  /** Bytes; 0: no body, -1: chunked, `UNTIL_CLOSE`. */
  readonly bodyLength: number
  /** Whether the connection may serve another request. */
  readonly keepAlive: boolean
  /** How long the upstream keeps it, by its `Keep-Alive` header; -1: not said. */
  readonly keepAliveMs: number
  /** The protocol agreed to, of a 101. */
  readonly upgrade: string | null

  constructor(line: StatusLine, headers: HeaderList, facts: FramingFacts, bodyLength: number) {
    const modern = line.httpVersion === '1.1'
    this.status = line.status
    this.httpVersion = line.httpVersion
    this.headers = headers
    this.bodyLength = bodyLength
    this.keepAlive =
      (modern ? !facts.close : facts.keepAlive && !facts.close) &&
      bodyLength !== UNTIL_CLOSE &&
      // Some send the end of a chunked body after a 204, which must have none.
      !(facts.chunked && line.status === 204)
    this.keepAliveMs = readKeepAlive(headers)
    this.upgrade = facts.upgradeAsked ? facts.upgrade : null
  }

  /** How long the connection may be kept idle, of at most so many milliseconds. */
  idleMs(limitMs: number): number {
    if (this.keepAliveMs === -1) return limitMs
    return Math.min(limitMs, this.keepAliveMs - KEEP_ALIVE_MARGIN_MS)
  }

  /** Whether the protocol of a 101 is one of those asked for. */
  agreesTo(asked: string | null): boolean {
    if (asked === null || this.upgrade === null) return false
    const agreed = this.upgrade.toLowerCase()
    return asked.split(',').some((protocol) => protocol.trim().toLowerCase() === agreed)
  }
}

/**
 * Reads the head that `scanHead` has found, of an answer to a request with this method, given from
 * the status line to the empty line. A string says what is wrong with it: nothing of the answer may
 * be used.
 */
export function parseAnswerHead(
  text: string,
  requestMethod: string,
  limits: HttpLimits,
): ReceivedHead | string {
  const lineEnd = scan.firstLineEnd
  const problem = readStatusLine(text, lineEnd)
  if (problem !== null) return problem
  facts.reset()
  const headers = parseHeaderLines(text, lineEnd + 2, facts, limits)
  if (headers instanceof HeaderProblem) return headers.reason
  const { status } = line
  if (facts.chunked && line.httpVersion === '1.0') return 'Transfer-Encoding in an HTTP/1.0 answer'
  if (status >= 200) {
    return new ReceivedHead(line, headers, facts, toBodyLength(requestMethod, status))
  }
  // RFC 9110, 8.6 and RFC 9112, 6.1: who sends these means something else by them than we would.
  if (facts.chunked || facts.contentLength > 0) return 'an informational answer with a body'
  if (line.httpVersion === '1.0') return 'an informational HTTP/1.0 answer'
  return new ReceivedHead(line, headers, facts, 0)
}

interface StatusLine {
  status: number
  httpVersion: '1.0' | '1.1'
}

// Parsing never waits, so one object of each serves every answer.
const facts = new FramingFacts()
const line: StatusLine = { status: 0, httpVersion: '1.1' }

/** `HTTP/1.1 200 OK`; the reason, and the space before it, may be missing. */
function readStatusLine(text: string, lineEnd: number): string | null {
  if (!text.startsWith('HTTP/1.') || text.charCodeAt(8) !== SPACE) return 'no HTTP/1 status line'
  const minor = text.charCodeAt(7)
  if (minor === DIGIT_ONE) line.httpVersion = '1.1'
  else if (minor === DIGIT_ZERO) line.httpVersion = '1.0'
  else return 'an HTTP version that is neither 1.0 nor 1.1'
  if (lineEnd < 12 || (lineEnd > 12 && text.charCodeAt(12) !== SPACE)) return 'no status'
  const status =
    digit(text.charCodeAt(9)) * 100 + digit(text.charCodeAt(10)) * 10 + digit(text.charCodeAt(11))
  // NaN as well.
  if (!(status >= 100 && status <= 999)) return 'a status that is no number from 100 to 999'
  if (lineEnd > STATUS_LINE_BYTES_MAX) return `a status line over ${STATUS_LINE_BYTES_MAX} bytes`
  line.status = status
  return null
}

function digit(code: number): number {
  return code >= DIGIT_ZERO && code <= DIGIT_NINE ? code - DIGIT_ZERO : Number.NaN
}

/** RFC 9112, 6.3. */
function toBodyLength(requestMethod: string, status: number): number {
  if (requestMethod === 'HEAD' || status === 204 || status === 304) return 0
  if (facts.chunked) return -1
  return facts.contentLength === -1 ? UNTIL_CLOSE : facts.contentLength
}

function readKeepAlive(headers: HeaderList): number {
  const value = getHeader(headers, 'keep-alive')
  if (value === null) return -1
  const seconds = KEEP_ALIVE_TIMEOUT.exec(value)?.[1]
  return seconds === undefined ? -1 : Number(seconds) * 1000
}

const KEEP_ALIVE_TIMEOUT = /(?:^|[,\s])timeout=(\d{1,6})(?=$|[,\s])/i
/** The upstream counts from when it sent its answer, and the next request needs time to arrive. */
const KEEP_ALIVE_MARGIN_MS = 1_000
/** A reason is a few words; nobody reads it. */
export const STATUS_LINE_BYTES_MAX = 1024
const SPACE = 32
const DIGIT_ZERO = 48
const DIGIT_ONE = 49
const DIGIT_NINE = 57
