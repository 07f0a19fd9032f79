import type { HeaderList } from '@sallyport/sdk'
import type { HttpLimits } from '../limits.ts'
import { scan } from './head-scan.ts'
import { FramingFacts, HeaderProblem, parseHeaderLines } from './header-lines.ts'
import { isToken } from '../../header-name.ts'
import { Refused, REQUEST_REFUSALS as REFUSALS } from './request-refusals.ts'

/** The head of a request that may become an exchange. */
export class RequestHead {
  readonly method: string
  /** Origin form: path and query as received. */
  readonly target: string
  /** The Host header, or of an absolute target; null when an HTTP/1.0 request has none. */
  readonly authority: string | null
  readonly httpVersion: '1.0' | '1.1'
  /** As received, all of them. */
  readonly headers: HeaderList
  /** Bytes; 0: no body, -1: chunked. */
  readonly bodyLength: number
  /** Whether the client wants to send more on the connection. */
  readonly keepAlive: boolean
  readonly expectsContinue: boolean
  /** The protocol asked for by `Connection: upgrade` and `Upgrade`, as received. */
  readonly upgrade: string | null

  constructor(line: RequestLine, headers: HeaderList, facts: FramingFacts) {
    const modern = line.httpVersion === '1.1'
    this.method = line.method
    this.target = line.target
    this.authority = facts.host ?? line.authority
    this.httpVersion = line.httpVersion
    this.headers = headers
    this.bodyLength = facts.chunked ? -1 : facts.contentLength === -1 ? 0 : facts.contentLength
    this.keepAlive = modern ? !facts.close : facts.keepAlive && !facts.close
    this.expectsContinue = modern && facts.expect !== null
    // With a body it would be unclear which protocol the bytes after the head are.
    this.upgrade = modern && facts.upgradeAsked && this.bodyLength === 0 ? facts.upgrade : null
  }
}

/** Reads the head that `scanHead` has found, given from the request line to the empty line. */
export function parseRequestHead(text: string, limits: HttpLimits): RequestHead | Refused {
  const lineEnd = scan.firstLineEnd
  const problem = readRequestLine(text, lineEnd, limits)
  if (problem !== null) return problem
  facts.reset()
  const headers = parseHeaderLines(text, lineEnd + 2, facts, limits)
  if (headers instanceof HeaderProblem) return new Refused(headers.status, headers.reason)
  return checkAuthority() ?? checkRest() ?? new RequestHead(line, headers, facts)
}

interface RequestLine {
  method: string
  target: string
  /** Of a target in absolute form. */
  authority: string | null
  httpVersion: '1.0' | '1.1'
}

// Parsing never waits, so one object of each serves every request.
const facts = new FramingFacts()
const line: RequestLine = { method: '', target: '', authority: null, httpVersion: '1.1' }

function readRequestLine(text: string, lineEnd: number, limits: HttpLimits): Refused | null {
  const methodEnd = text.indexOf(' ')
  if (methodEnd === -1 || methodEnd > lineEnd) return REFUSALS.malformed
  const targetEnd = text.lastIndexOf(' ', lineEnd - 1)
  // Only HTTP/0.9 had no version.
  if (targetEnd === methodEnd) {
    return text.startsWith('HTTP/', methodEnd + 1) ? REFUSALS.noTarget : REFUSALS.version
  }
  const refused = readVersion(text, targetEnd + 1, lineEnd)
  if (refused !== null) return refused
  line.method = text.slice(0, methodEnd)
  if (!COMMON_METHODS.has(line.method) && !isToken(line.method)) return REFUSALS.method
  line.target = text.slice(methodEnd + 1, targetEnd)
  line.authority = null
  return checkTarget(limits)
}

function readVersion(text: string, from: number, to: number): Refused | null {
  const known = to - from === 8 && text.startsWith('HTTP/1.', from)
  const minor = text.charCodeAt(to - 1)
  if (known && minor === ONE) line.httpVersion = '1.1'
  else if (known && minor === ZERO) line.httpVersion = '1.0'
  // There is no HTTP/1.2 that somebody could speak.
  else if (known || !/^HTTP\/\d\.\d$/.test(text.slice(from, to))) return REFUSALS.malformed
  else return REFUSALS.version
  return null
}

function checkTarget(limits: HttpLimits): Refused | null {
  const { target, method } = line
  if (target.length > limits.targetBytesMax) return REFUSALS.target
  if (method === 'CONNECT') return REFUSALS.connect
  if (method === 'TRACE') return REFUSALS.trace
  if (SPECIAL.test(target)) {
    if (target.includes('#')) return REFUSALS.fragment
    if (/[\t ]/.test(target)) return REFUSALS.space
    if (BAD_PERCENT.test(target)) return REFUSALS.percent
    if (NOT_ASCII.test(target)) return REFUSALS.notAscii
  }
  if (target.charCodeAt(0) === SLASH) return null
  if (target === '*') return method === 'OPTIONS' ? null : REFUSALS.asterisk
  return splitAbsoluteTarget()
}

function splitAbsoluteTarget(): Refused | null {
  const { target } = line
  if (target.slice(0, SCHEME.length).toLowerCase() !== SCHEME) return REFUSALS.form
  const length = target.slice(SCHEME.length).search(/[/?]/)
  const end = length === -1 ? target.length : SCHEME.length + length
  line.authority = target.slice(SCHEME.length, end)
  if (!AUTHORITY.test(line.authority)) return REFUSALS.host
  const rest = target.slice(end)
  line.target = rest.charCodeAt(0) === SLASH ? rest : `/${rest}`
  return null
}

function checkAuthority(): Refused | null {
  const { host } = facts
  if (host === null) return line.httpVersion === '1.1' ? REFUSALS.noHost : null
  if (host !== soundHost) {
    if (!AUTHORITY.test(host)) return REFUSALS.host
    soundHost = host.length <= HOST_KEPT_BYTES_MAX ? host : null
  }
  if (line.authority === null || line.authority === host) return null
  return plainAuthority(line.authority) === plainAuthority(host) ? null : REFUSALS.otherHost
}

/** Most requests name the hostname of the one before, which need not be looked at again. */
let soundHost: string | null = null
const HOST_KEPT_BYTES_MAX = 256

function checkRest(): Refused | null {
  if (facts.chunked && line.httpVersion === '1.0') return REFUSALS.oldChunked
  if (facts.expect !== null && facts.expect !== '100-continue') return REFUSALS.expectation
  return null
}

function plainAuthority(authority: string): string {
  return authority.toLowerCase().replace(/:0*80$/, '')
}

const COMMON_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])
const SCHEME = 'http://'
/** `uri-host [ ":" port ]` of RFC 3986, and `_`, which hostnames in clusters have. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d{1,5})?$/i
const SPECIAL = /[\t #%\x80-\xff]/
/** In the path; a query is the application's own and is kept as it came. */
const BAD_PERCENT = /^[^?]*%(?![0-9a-f]{2})/i
const NOT_ASCII = /[\x80-\xff]/
const SLASH = 47
const ZERO = 48
const ONE = 49
