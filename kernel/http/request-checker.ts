import type { ReadonlyHeaderList } from '@sallyport/sdk'
import type { HttpLimits } from './limits.ts'
import type { Refusal } from './refusal.ts'

/**
 * Says whether a head that a parser let through may become an exchange: what request smuggling needs
 * is refused even where the parser is lenient. Each listener has one and reads the findings before
 * it checks the next head, so that checking makes no objects.
 */
export class RequestChecker {
  /** The request target in origin form. */
  target = ''
  authority: string | null = null
  /** Bytes of the body; 0 when there is none, -1 when it is chunked. */
  bodyLength = 0

  readonly #limits: HttpLimits
  readonly #scheme: string
  /** Most requests name the hostname of the one before, which need not be looked at again. */
  #soundAuthority: string | null = null
  #chunked = false

  constructor(limits: HttpLimits, scheme: 'http' | 'https') {
    this.#limits = limits
    this.#scheme = `${scheme}://`
  }

  /**
   * Null when the head is sound; the findings are then in the fields. `target` is as received, in any
   * of its four forms.
   */
  check(
    method: string,
    target: string,
    httpVersion: string,
    headers: ReadonlyHeaderList,
  ): Refusal | null {
    if (httpVersion !== '1.1' && httpVersion !== '1.0') return REFUSALS.version
    if (target.length > this.#limits.targetBytesMax) return REFUSALS.target
    if (headers.length > this.#limits.headersMax * 2) return REFUSALS.headers
    return (
      this.#checkHeaders(headers) ??
      this.#checkFraming(httpVersion) ??
      this.#checkAuthority(httpVersion) ??
      this.#checkTarget(method, target)
    )
  }

  #checkHeaders(headers: ReadonlyHeaderList): Refusal | null {
    this.authority = null
    this.bodyLength = 0
    this.#chunked = false
    let bytes = 0
    let hasLength = false
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!
      const value = headers[i + 1]!
      bytes += name.length + value.length + 4
      if (name.length === 4 && name.toLowerCase() === 'host') {
        if (this.authority !== null) return REFUSALS.twoHosts
        this.authority = value
      } else if (name.length === 14 && name.toLowerCase() === 'content-length') {
        if (hasLength) return REFUSALS.twoLengths
        if (!/^\d{1,15}$/.test(value)) return REFUSALS.length
        hasLength = true
        this.bodyLength = Number(value)
      } else if (name.length === 17 && name.toLowerCase() === 'transfer-encoding') {
        if (this.#chunked) return REFUSALS.twoCodings
        if (value.toLowerCase() !== 'chunked') return REFUSALS.coding
        this.#chunked = true
      }
    }
    if (bytes > this.#limits.headerBytesMax) return REFUSALS.headerBytes
    if (this.#chunked && hasLength) return REFUSALS.bothFramings
    return null
  }

  #checkFraming(httpVersion: string): Refusal | null {
    if (!this.#chunked) return null
    this.bodyLength = -1
    return httpVersion === '1.0' ? REFUSALS.oldChunked : null
  }

  #checkAuthority(httpVersion: string): Refusal | null {
    const authority = this.authority
    if (authority === null) return httpVersion === '1.1' ? REFUSALS.noHost : null
    if (authority === this.#soundAuthority) return null
    if (!AUTHORITY.test(authority)) return REFUSALS.host
    this.#soundAuthority = authority
    return null
  }

  #checkTarget(method: string, target: string): Refusal | null {
    if (method === 'CONNECT') return REFUSALS.connect
    if (method === 'TRACE') return REFUSALS.trace
    if (target.includes('#')) return REFUSALS.fragment
    this.target = target
    if (target.charCodeAt(0) === SLASH) return null
    if (target === '*') return method === 'OPTIONS' ? null : REFUSALS.asterisk
    return this.#checkAbsoluteTarget(target)
  }

  #checkAbsoluteTarget(target: string): Refusal | null {
    const start = this.#scheme.length
    if (target.slice(0, start).toLowerCase() !== this.#scheme) return REFUSALS.form
    const length = target.slice(start).search(/[/?]/)
    const end = length === -1 ? target.length : start + length
    const authority = target.slice(start, end)
    if (!AUTHORITY.test(authority)) return REFUSALS.host
    if (this.authority === null) this.authority = authority
    else if (!this.#sameAuthority(authority, this.authority)) return REFUSALS.otherHost
    const rest = target.slice(end)
    this.target = rest.charCodeAt(0) === SLASH ? rest : `/${rest}`
    return null
  }

  #sameAuthority(one: string, other: string): boolean {
    const defaultPort = this.#scheme === 'http://' ? /:0*80$/ : /:0*443$/
    const plain = (authority: string) => authority.toLowerCase().replace(defaultPort, '')
    return plain(one) === plain(other)
  }
}

const SLASH = 47

/** `uri-host [ ":" port ]` of RFC 3986, and `_`, which hostnames in clusters have. */
const AUTHORITY = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d{1,5})?$/i

export const REFUSALS = {
  version: { status: 505, reason: 'the HTTP version is neither 1.0 nor 1.1' },
  target: { status: 414, reason: 'the request target is over targetBytesMax' },
  headers: { status: 431, reason: 'there are more headers than headersMax' },
  headerBytes: { status: 431, reason: 'the headers are over headerBytesMax' },
  twoHosts: { status: 400, reason: 'more than one Host header' },
  noHost: { status: 400, reason: 'no Host header' },
  host: { status: 400, reason: 'the Host header is not a hostname with an optional port' },
  otherHost: { status: 400, reason: 'the request target and the Host header disagree' },
  twoLengths: { status: 400, reason: 'more than one Content-Length header' },
  length: { status: 400, reason: 'the Content-Length header is not a number' },
  bothFramings: { status: 400, reason: 'both Content-Length and Transfer-Encoding' },
  twoCodings: { status: 400, reason: 'more than one Transfer-Encoding header' },
  coding: { status: 501, reason: 'a Transfer-Encoding other than chunked' },
  oldChunked: { status: 400, reason: 'Transfer-Encoding in an HTTP/1.0 request' },
  connect: { status: 405, reason: 'the method CONNECT' },
  trace: { status: 405, reason: 'the method TRACE, which would show the headers we add' },
  fragment: { status: 400, reason: 'a fragment in the request target' },
  asterisk: { status: 400, reason: 'the target * with a method other than OPTIONS' },
  form: { status: 400, reason: 'the request target is neither a path nor a URL of our scheme' },
  expectation: { status: 417, reason: 'an Expect header other than 100-continue' },
  malformed: { status: 400, reason: 'the message is not HTTP' },
  headOverflow: { status: 431, reason: 'the head is larger than target and headers may be' },
  headDeadline: { status: 408, reason: 'the head was not complete within headDeadlineMs' },
} as const satisfies Record<string, Refusal>
