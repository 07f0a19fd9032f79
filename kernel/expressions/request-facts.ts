import { decodeQueryPart } from '@sallyport/sdk'
import { toPlainAddress } from '../plain-address.ts'
import { isNamed } from '../router/header-rule.ts'
import { splitPort } from '../router/split-port.ts'
import type { RouterRequest } from '../router/types.ts'
import type { SafeMatch } from '../safe-regex.ts'

/** What the predicates on `http.path` that made an expression true have found. */
export interface PathMatch {
  /** The path or the regular expression as it was written. */
  readonly spelled: string
  /** So many characters from the start are matched; null when it did not match from the start. */
  readonly length: number | null
  readonly found: SafeMatch | null
}

/**
 * What expressions can ask of one request, read when it is asked for. Whoever remembers an answer
 * by method, host, scheme, SNI and path looks at `readsBeyondKey`.
 */
export class RequestFacts {
  readonly request: RouterRequest
  /** Whether something was read besides method, host, scheme, SNI and path. */
  readsBeyondKey = false
  pathMatch: PathMatch | null = null
  #host: string | null | undefined = undefined
  #segments: readonly string[] | null = null
  /** Those that were asked for; null for one that is not there. */
  #headers: Map<string, readonly string[] | null> | null = null
  #queries: ReadonlyMap<string, readonly string[]> | null = null
  #cookies: ReadonlyMap<string, readonly string[]> | null = null

  constructor(request: RouterRequest) {
    this.request = request
  }

  /** Without the port, in lower case. */
  get host(): string | null {
    if (this.#host === undefined) {
      const { host } = this.request
      this.#host = host === null || host === '' ? null : splitPort(host.toLowerCase()).hostname
    }
    return this.#host
  }

  get sni(): string | null {
    const { sni } = this.request
    return sni === null ? null : foldSni(sni)
  }

  /** `/a/b/` and `/a/b` have two, `/` has none. */
  get segments(): readonly string[] {
    this.#segments ??= toSegments(this.request.path)
    return this.#segments
  }

  /** As received, with its question mark; '' when there is none. */
  get query(): string {
    this.readsBeyondKey = true
    return this.request.query
  }

  get clientAddress(): string | null {
    this.readsBeyondKey = true
    return toAddress(this.request.srcIp)
  }

  get clientPort(): number {
    this.readsBeyondKey = true
    return this.request.srcPort
  }

  get localAddress(): string | null {
    this.readsBeyondKey = true
    return toAddress(this.request.dstIp)
  }

  get localPort(): number {
    this.readsBeyondKey = true
    return this.request.dstPort
  }

  /** The values of a header, whose name is in lower case. */
  header(name: string): readonly string[] | null {
    this.readsBeyondKey = true
    let values = this.#headers?.get(name)
    if (values === undefined) {
      values = valuesOf(this.request.headers, name)
      this.#headers ??= new Map()
      this.#headers.set(name, values)
    }
    return values
  }

  /** The decoded values of a query argument; `?name` alone has the value ''. */
  queryArgument(name: string): readonly string[] | null {
    this.#queries ??= toQueries(this.query)
    return this.#queries.get(name) ?? null
  }

  cookie(name: string): readonly string[] | null {
    this.#cookies ??= toCookies(this.header('cookie') ?? [])
    return this.#cookies.get(name) ?? null
  }
}

/** Names are compared without case and without the root's dot. */
export function foldSni(sni: string): string {
  const folded = sni.toLowerCase()
  return folded.length > 1 && folded.endsWith('.') ? folded.slice(0, -1) : folded
}

function toAddress(address: string | null): string | null {
  return address === null || address === '' ? null : toPlainAddress(address)
}

function toSegments(path: string): readonly string[] {
  const end = path.endsWith('/') ? path.length - 1 : path.length
  return end <= 1 ? [] : path.slice(1, end).split('/')
}

function valuesOf(headers: readonly string[], name: string): readonly string[] | null {
  let values: string[] | null = null
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (!isNamed(headers[at] ?? '', name)) continue
    values ??= []
    values.push(headers[at + 1] ?? '')
  }
  return values
}

function toQueries(query: string): ReadonlyMap<string, readonly string[]> {
  const queries = new Map<string, string[]>()
  for (const pair of query.slice(1).split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodeQueryPart(equals === -1 ? pair : pair.slice(0, equals))
    push(queries, name, equals === -1 ? '' : decodeQueryPart(pair.slice(equals + 1)))
  }
  return queries
}

function toCookies(headers: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const cookies = new Map<string, string[]>()
  for (const header of headers) {
    for (const pair of header.split(';')) {
      const equals = pair.indexOf('=')
      if (equals !== -1) push(cookies, pair.slice(0, equals).trim(), pair.slice(equals + 1).trim())
    }
  }
  return cookies
}

function push(lists: Map<string, string[]>, name: string, value: string): void {
  const list = lists.get(name)
  if (list === undefined) lists.set(name, [value])
  else list.push(value)
}
