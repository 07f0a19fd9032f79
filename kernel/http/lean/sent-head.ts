import type { UpstreamRequest } from '../../exchange.ts'
import type { HeadWriter } from './head-writer.ts'
import { badName, HEADER_KIND, isToken, toHeaderName } from '../../header-name.ts'
import type { Turn } from './turn.ts'

/**
 * The head of a request as it is sent, in the memory of the turn. Its framing is written here and
 * nowhere else: headers that would frame it are left out. Throws a `TypeError` on what would not be
 * one request; nothing is written then.
 */
export function toSentHead(request: UpstreamRequest, turn: Turn): Buffer {
  const { method, path, headers } = request
  if (!COMMON_METHODS.has(method) && !isToken(method)) throw badLine('method', method)
  const first = path.charCodeAt(0)
  if ((first !== SLASH && path !== '*') || path.includes(' ') || path.includes('\t')) {
    throw badLine('path', path)
  }
  const { heads } = turn
  heads.begin(0)
  heads.text(method)
  heads.bytes(ONE_SPACE)
  heads.text(path)
  heads.bytes(HTTP_1_1)
  for (let i = 0; i < headers.length; i += 2) {
    const name = toHeaderName(headers[i]!)
    if (name === null) throw badName(headers[i]!)
    if (name.kind !== HEADER_KIND.other && isFraming(name.kind)) continue
    heads.named(name, headers[i + 1]!)
  }
  if (request.upgrade !== null) {
    heads.bytes(CONNECTION_UPGRADE)
    heads.header('Upgrade', request.upgrade)
  }
  writeFraming(request, heads)
  const memory = heads.finish()
  turn.used = heads.end
  return memory.subarray(heads.start, heads.end)
}

function writeFraming({ method, body }: UpstreamRequest, heads: HeadWriter): void {
  if (body === null) {
    // Some upstreams wait for a length where a body is usual (RFC 9110, 8.6).
    if (USUALLY_WITH_BODY.has(method)) heads.bytes(NO_LENGTH)
  } else if (body.length === -1) heads.bytes(CHUNKED)
  else heads.header('Content-Length', String(body.length))
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
const ONE_SPACE = Buffer.from(' ')
const HTTP_1_1 = Buffer.from(' HTTP/1.1\r\n')
const CONNECTION_UPGRADE = Buffer.from('Connection: Upgrade\r\n')
const NO_LENGTH = Buffer.from('Content-Length: 0\r\n')
const CHUNKED = Buffer.from('Transfer-Encoding: chunked\r\n')
