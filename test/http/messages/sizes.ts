import { createHttpLimits } from '../../../kernel/http/limits.ts'
import { accepted, chunkedBytes, get, getBytes, type MessageRow, post, refused } from './row.ts'

/** Small, so that messages at a limit are short enough to be cut at every byte. */
export const TABLE_LIMITS = createHttpLimits({
  targetBytesMax: 256,
  headersMax: 16,
  headerBytesMax: 1_024,
  chunkExtensionBytesMax: 256,
})

const { targetBytesMax, headersMax, headerBytesMax } = TABLE_LIMITS
const ours = (what: string) => ({ stricter: `${what} is our limit, and ours to choose` })

const target = (length: number) => `/${'a'.repeat(length - 1)}`
const targetBytes = (text: string) => `GET ${text} HTTP/1.1\r\nHost: a\r\n\r\n`
/** So many headers, the Host among them. */
const headers = (count: number) => 'X-A: b\r\n'.repeat(count - 1)
/** Header lines of so many bytes, their line ends and the Host included. */
const headerBytes = (bytes: number) => {
  const frame = 'Host: a\r\nX-A: \r\n'.length
  return `X-A: ${'b'.repeat(bytes - frame)}\r\n`
}
const TRAILERS = 'X-A: b\r\n'

/** Messages at a limit and one over it. */
export const SIZE_ROWS: readonly MessageRow[] = [
  accepted('the longest target', targetBytes(target(targetBytesMax)), [
    get(target(targetBytesMax)),
  ]),
  refused(
    'a target of one byte more',
    targetBytes(target(targetBytesMax + 1)),
    [414, /targetBytesMax/],
    ours('targetBytesMax'),
  ),
  refused(
    'a long query',
    targetBytes(`/?${'a'.repeat(targetBytesMax)}`),
    [414, /targetBytesMax/],
    ours('targetBytesMax'),
  ),
  refused(
    'a long URL',
    targetBytes(`http://a${target(targetBytesMax)}`),
    [414, /targetBytesMax/],
    ours('targetBytesMax'),
  ),
  accepted('the most headers', getBytes(headers(headersMax)), [get()]),
  refused(
    'one header more',
    getBytes(headers(headersMax + 1)),
    [431, /headersMax/],
    ours('headersMax'),
  ),
  refused(
    'many headers more',
    getBytes('a: b\r\n'.repeat(100)),
    [431, /headersMax/],
    ours('headersMax'),
  ),
  accepted('the most header bytes', getBytes(headerBytes(headerBytesMax)), [get()]),
  refused(
    'one header byte more',
    getBytes(headerBytes(headerBytesMax + 1)),
    [431, /headerBytesMax/],
    ours('headerBytesMax'),
  ),
  refused(
    'a long header name',
    getBytes(`${'X'.repeat(headerBytesMax)}: b\r\n`),
    [431, /headerBytesMax/],
    ours('headerBytesMax'),
  ),
  refused(
    'a head much larger than it may be',
    getBytes(`X-A: ${'b'.repeat(3 * headerBytesMax)}\r\n`),
    [431, /headerBytesMax|head is larger/],
    ours('headerBytesMax'),
  ),
  refused(
    'a head without an end',
    `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${'b'.repeat(3 * headerBytesMax)}`,
    [431, /head is larger/],
    ours('the size of a head'),
  ),
  refused(
    'a target without an end',
    `GET /${'a'.repeat(3 * headerBytesMax)}`,
    [414, /./],
    ours('targetBytesMax'),
  ),
  refused('a method without an end', 'G'.repeat(3 * headerBytesMax), [414, /./]),
  accepted('the most trailers', chunkedBytes(`0\r\n${TRAILERS.repeat(headersMax)}\r\n`), [
    post(''),
  ]),
  refused(
    'one trailer more',
    chunkedBytes(`0\r\n${TRAILERS.repeat(headersMax + 1)}\r\n`),
    [400, /./],
    { inBody: true, ...ours('headersMax') },
  ),
  refused(
    'trailers of too many bytes',
    chunkedBytes(`0\r\nX-A: ${'b'.repeat(headerBytesMax)}\r\n\r\n`),
    [400, /./],
    { inBody: true, ...ours('headerBytesMax') },
  ),
  refused(
    'a trailer without an end',
    chunkedBytes(`0\r\nX-A: ${'b'.repeat(3 * headerBytesMax)}`),
    [400, /./],
    { inBody: true, ...ours('headerBytesMax') },
  ),
]
