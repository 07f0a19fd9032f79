import type { HeaderList, ReadonlyHeaderList } from '@sallyport/sdk'
import type { AnswerHead } from '../exchange.ts'

/** How the body of an answer is delimited. */
export type AnswerFraming = 'none' | 'length' | 'chunked' | 'close'

/** What decides how an answer is framed. */
export interface AnswerShape {
  readonly method: string
  readonly httpVersion: '1.0' | '1.1' | '2'
}

/** How this answer to this request is delimited (RFC 9112 section 6.3). */
export function toAnswerFraming(head: AnswerHead, shape: AnswerShape): AnswerFraming {
  if (shape.method === 'HEAD' || head.status === 204 || head.status === 304) return 'none'
  if (head.bodyLength >= 0) return 'length'
  return shape.httpVersion === '1.0' ? 'close' : 'chunked'
}

/**
 * The headers to write: without those by which a listener frames its messages and keeps its
 * connections, and with the `Content-Length` that is true. An answer without a body may still say
 * how long it would be (RFC 9110 section 8.6): that one is passed on.
 */
export function toAnswerHeaders(head: AnswerHead, shape: AnswerShape): HeaderList {
  const framing = toAnswerFraming(head, shape)
  const from = head.headers
  const list: HeaderList = []
  let length = framing === 'length' ? String(head.bodyLength) : ''
  for (let i = 0; i < from.length; i += 2) {
    const name = from[i]!
    const value = from[i + 1]!
    if (name.length < 7 || name.length > 17 || !isFraming(name)) list.push(name, value)
    else if (name.length === 14) {
      if (framing === 'none' && /^\d+$/.test(value)) length = value
    } else if (framing === 'chunked' && name.length === 7 && name[0]!.toLowerCase() === 't') {
      // `Trailer` announces what only a chunked answer can carry.
      list.push(name, value)
    }
  }
  if (framing === 'none' && length === '' && head.bodyLength > 0) length = String(head.bodyLength)
  // node:http garbles a latin1 Content-Disposition that comes after Content-Length, so that one is
  // the last.
  if (length !== '' && head.status !== 204) list.push('Content-Length', length)
  return list
}

function isFraming(name: string): boolean {
  switch (name.length) {
    case 7: {
      const lower = name.toLowerCase()
      return lower === 'trailer' || lower === 'upgrade'
    }
    case 10: {
      const lower = name.toLowerCase()
      return lower === 'connection' || lower === 'keep-alive'
    }
    case 14:
      return name.toLowerCase() === 'content-length'
    case 16:
      return name.toLowerCase() === 'proxy-connection'
    case 17:
      return name.toLowerCase() === 'transfer-encoding'
    default:
      return false
  }
}

const NOT_IN_TRAILERS = new Set([
  'connection',
  'content-length',
  'content-encoding',
  'content-range',
  'content-type',
  'host',
  'keep-alive',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** The trailers without what must not be one: a late `Content-Length` would reframe the message. */
export function toTrailers(trailers: ReadonlyHeaderList): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i]!
    if (!NOT_IN_TRAILERS.has(name.toLowerCase())) pairs.push([name, trailers[i + 1]!])
  }
  return pairs
}
