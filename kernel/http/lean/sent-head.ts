import type { UpstreamRequest } from '../../exchange.ts'
import { badName, toHeadBytes } from './header-lines.ts'
import { HEADER_KIND, isToken, toHeaderName } from './header-name.ts'

/**
 * The head of a request as it is sent. Its framing is written here and nowhere else: headers that
 * would frame it are left out. Throws a `TypeError` on what would not be one request.
 */
export function toSentHead(request: UpstreamRequest): Buffer {
  const { method, path, headers } = request
  if (!COMMON_METHODS.has(method) && !isToken(method)) throw badLine('method', method)
  const first = path.charCodeAt(0)
  if ((first !== SLASH && path !== '*') || path.includes(' ') || path.includes('\t')) {
    throw badLine('path', path)
  }
  let head = method + ' ' + path + ' HTTP/1.1\r\n'
  // The request line and the empty one.
  let lines = 2
  for (let i = 0; i < headers.length; i += 2) {
    const name = toHeaderName(headers[i]!)
    if (name === null) throw badName(headers[i]!)
    if (name.kind !== HEADER_KIND.other && isFraming(name.kind)) continue
    head += name.name + ': ' + headers[i + 1]! + '\r\n'
    lines++
  }
  const framing = toFraming(request)
  if (framing !== '') lines++
  if (request.upgrade !== null) {
    head += 'Connection: Upgrade\r\nUpgrade: ' + request.upgrade + '\r\n'
    lines += 2
  }
  return toHeadBytes(head + framing + '\r\n', lines, null)
}

function toFraming({ method, body }: UpstreamRequest): string {
  if (body === null) {
    // Some upstreams wait for a length where a body is usual (RFC 9110, 8.6).
    return USUALLY_WITH_BODY.has(method) ? 'Content-Length: 0\r\n' : ''
  }
  return body.length === -1
    ? 'Transfer-Encoding: chunked\r\n'
    : 'Content-Length: ' + String(body.length) + '\r\n'
}

function isFraming(kind: number): boolean {
  switch (kind) {
    case HEADER_KIND.contentLength:
    case HEADER_KIND.transferEncoding:
    case HEADER_KIND.connection:
    case HEADER_KIND.keepAlive:
    case HEADER_KIND.proxyConnection:
    case HEADER_KIND.upgrade:
      return true
    default:
      return false
  }
}

function badLine(what: string, value: string): TypeError {
  return new TypeError(`the request cannot be sent: ${JSON.stringify(value)} is no ${what}`)
}

const COMMON_METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])
const USUALLY_WITH_BODY = new Set(['POST', 'PUT', 'PATCH'])
const SLASH = 47
