import { describe, expect, test } from 'vitest'
import { scanHead } from '../../../../kernel/http/lean/head-scan.ts'
import {
  parseAnswerHead,
  ReceivedHead,
  UNTIL_CLOSE,
} from '../../../../kernel/http/lean/answer-head.ts'
import { createHttpLimits } from '../../../../kernel/http/limits.ts'

const LIMITS = createHttpLimits({ headersMax: 4, headerBytesMax: 300 })
const CHUNKED = -1

/** Status line; headers; what is read of it: status, body length, whether the connection is kept. */
const GOOD: readonly (readonly [
  line: string,
  headers: string,
  status: number,
  bodyLength: number,
  keepAlive: boolean,
  method?: string,
])[] = [
  ['HTTP/1.1 200 OK', 'Content-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'content-length:2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'CONTENT-LENGTH: \t 2 \t\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'Content-Length: 0\r\n', 200, 0, true],
  ['HTTP/1.1 200 OK', 'Content-Length: 00012\r\n', 200, 12, true],
  ['HTTP/1.1 200 OK', 'Content-Length: 999999999999999\r\n', 200, 999_999_999_999_999, true],
  ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked\r\n', 200, CHUNKED, true],
  ['HTTP/1.1 200 OK', 'transfer-encoding: CHUNKED\r\n', 200, CHUNKED, true],
  ['HTTP/1.1 200 OK', '', 200, UNTIL_CLOSE, false],
  ['HTTP/1.1 200 OK', 'Connection: keep-alive\r\n', 200, UNTIL_CLOSE, false],
  ['HTTP/1.1 200 OK', 'Connection: close\r\nContent-Length: 2\r\n', 200, 2, false],
  ['HTTP/1.1 200 OK', 'connection: x, Close\r\nContent-Length: 2\r\n', 200, 2, false],
  ['HTTP/1.1 200 OK', 'Connection: keep-alive, close\r\nContent-Length: 2\r\n', 200, 2, false],
  ['HTTP/1.1 200 OK', 'Connection: closed\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'Connection: close\r\nTransfer-Encoding: chunked\r\n', 200, CHUNKED, false],
  ['HTTP/1.0 200 OK', 'Content-Length: 2\r\n', 200, 2, false],
  ['HTTP/1.0 200 OK', 'Connection: keep-alive\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.0 200 OK', 'Connection: keep-alive\r\n', 200, UNTIL_CLOSE, false],
  ['HTTP/1.0 200 OK', '', 200, UNTIL_CLOSE, false],
  ['HTTP/1.1 204 No Content', '', 204, 0, true],
  ['HTTP/1.1 204 No Content', 'Content-Length: 5\r\n', 204, 0, true],
  ['HTTP/1.1 204 No Content', 'Transfer-Encoding: chunked\r\n', 204, 0, false],
  ['HTTP/1.1 204 No Content', 'Connection: close\r\n', 204, 0, false],
  ['HTTP/1.1 304 Not Modified', '', 304, 0, true],
  ['HTTP/1.1 304 Not Modified', 'Content-Length: 77\r\n', 304, 0, true],
  ['HTTP/1.1 304 Not Modified', 'Transfer-Encoding: chunked\r\n', 304, 0, true],
  ['HTTP/1.1 205 Reset', 'Content-Length: 0\r\n', 205, 0, true],
  ['HTTP/1.1 200 OK', 'Content-Length: 77\r\n', 200, 0, true, 'HEAD'],
  ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked\r\n', 200, 0, true, 'HEAD'],
  ['HTTP/1.1 200 OK', '', 200, 0, true, 'HEAD'],
  ['HTTP/1.1 200 OK', 'Content-Length: 7\r\n', 200, 7, true, 'head'],
  ['HTTP/1.1 200', 'Content-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 ', 'Content-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200  ', 'Content-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 404 Not\tFound: "here"', 'Content-Length: 2\r\n', 404, 2, true],
  ['HTTP/1.1 500 caf\xe9', 'Content-Length: 2\r\n', 500, 2, true],
  ['HTTP/1.1 599 X', 'Content-Length: 2\r\n', 599, 2, true],
  ['HTTP/1.1 999 X', 'Content-Length: 2\r\n', 999, 2, true],
  ['HTTP/1.1 100 Continue', '', 100, 0, true],
  ['HTTP/1.1 103 Early Hints', 'Link: </a>\r\n', 103, 0, true],
  ['HTTP/1.1 103 Early Hints', 'Content-Length: 0\r\n', 103, 0, true],
  ['HTTP/1.1 101 Switching', 'Connection: Upgrade\r\nUpgrade: websocket\r\n', 101, 0, true],
  ['HTTP/1.1 200 OK', 'X-Empty:\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', "x_under-Dash.!#$%&'*+^`|~: v\r\nContent-Length: 2\r\n", 200, 2, true],
  ['HTTP/1.1 200 OK', 'X-A: a:b:c\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'X-A: \xff\t"\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'Content_Length: 3\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'Transfer_Encoding: gzip\r\nContent-Length: 2\r\n', 200, 2, true],
  ['HTTP/1.1 200 OK', 'Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n', 200, 2, true],
]

const LENGTH = 'Content-Length: 2\r\n'

/** Heads that may not be used, whole, with the reason. */
const BAD: readonly (readonly [head: string, problem: RegExp, method?: string])[] = [
  // Status lines
  ['\r\n', /head|status/],
  [`\r\nHTTP/1.1 200 OK\r\n${LENGTH}\r\n`, /no HTTP.1 status line/],
  [` HTTP/1.1 200 OK\r\n${LENGTH}\r\n`, /status line/],
  ['SSH-2.0-OpenSSH_9.6\r\n\r\n', /status line/],
  ['<html><body>hello</body></html>\r\n\r\n', /status line/],
  ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', /status line/],
  [`http/1.1 200 OK\r\n${LENGTH}\r\n`, /status line/],
  [`HTTP 200 OK\r\n${LENGTH}\r\n`, /status line/],
  [`HTTP/1 200 OK\r\n${LENGTH}\r\n`, /status line/],
  [`HTTP/1.1\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 \r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1  200 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1\t200 OK\r\n${LENGTH}\r\n`, /status line/],
  [`HTTP/1.10 200 OK\r\n${LENGTH}\r\n`, /status line/],
  [`HTTP/1.2 200 OK\r\n${LENGTH}\r\n`, /version/],
  [`HTTP/1.x 200 OK\r\n${LENGTH}\r\n`, /version/],
  [`HTTP/2.0 200 OK\r\n${LENGTH}\r\n`, /status line/],
  [`HTTP/0.9 200 OK\r\n${LENGTH}\r\n`, /status line/],
  [`HTTP/1.1 20 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 2000 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 2OO OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 +20 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 -20 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 099 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 000 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 200OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 200\tOK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 2\xb20 OK\r\n${LENGTH}\r\n`, /status/],
  [`HTTP/1.1 200 O\0K\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 O\x1bK\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 O\rK\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 O\x7fK\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 ${'x'.repeat(2_000)}\r\n${LENGTH}\r\n`, /status line over/],
  // Line ends
  ['HTTP/1.1 200 OK\nContent-Length: 2\n\n', /line end/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\n', /line end/],
  ['HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\n', /line end/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\n', /line end/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\r\n\r\n', /line end/],
  ['HTTP/1.1 200 OK\rContent-Length: 2\r\r', /line end/],
  ['HTTP/1.1 200 OK\r\nX-A: b\rc\r\n\r\n', /line end/],
  ['HTTP/1.1 200 OK\r\nX-A: b\nc\r\n\r\n', /line end/],
  // Header lines
  [`HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\n${LENGTH}\r\n`, /folded|colon/],
  [`HTTP/1.1 200 OK\r\nX-A: b\r\n\tc: d\r\n${LENGTH}\r\n`, /folded/],
  [`HTTP/1.1 200 OK\r\n X-A: b\r\n${LENGTH}\r\n`, /folded/],
  [`HTTP/1.1 200 OK\r\nX-A : b\r\n${LENGTH}\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nX-A\t: b\r\n${LENGTH}\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nX-A\r\n${LENGTH}\r\n`, /colon/],
  ['HTTP/1.1 200 OK\r\nContent-Length 2\r\n\r\n', /colon/],
  [`HTTP/1.1 200 OK\r\n: b\r\n${LENGTH}\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nX A: b\r\n${LENGTH}\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\n"X": b\r\n${LENGTH}\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nX(A): b\r\n${LENGTH}\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nX-\xe9: b\r\n${LENGTH}\r\n`, /name/],
  [`HTTP/1.1 200 OK\r\nX-A\0: b\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 OK\r\nX-A: b\0c\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 OK\r\nX-A: b\x01c\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 OK\r\nX-A: b\x0bc\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 OK\r\nX-A: b\x7fc\r\n${LENGTH}\r\n`, /control/],
  [`HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(5)}\r\n`, /headersMax/],
  [`HTTP/1.1 200 OK\r\nX-A: ${'b'.repeat(400)}\r\n\r\n`, /headerBytesMax/],
  // Lengths
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n', /more than one Content/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\n', /more than one Content/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2,3\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2 3\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2e1\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2.0\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: "2"\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: \xb2\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551618\r\n\r\n', /not a number/],
  ['HTTP/1.1 304 X\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n', /more than one Content/],
  ['HTTP/1.1 204 X\r\nContent-Length: x\r\n\r\n', /not a number/],
  ['HTTP/1.1 200 X\r\nContent-Length: x\r\n\r\n', /not a number/, 'HEAD'],
  // Codings
  [`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${LENGTH}\r\n`, /both/],
  [`HTTP/1.1 200 OK\r\n${LENGTH}Transfer-Encoding: chunked\r\n\r\n`, /both/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n', /both/],
  [`HTTP/1.1 200 OK\r\n${LENGTH}Transfer-Encoding: chunked\r\n\r\n`, /both/, 'HEAD'],
  [`HTTP/1.1 304 OK\r\n${LENGTH}Transfer-Encoding: chunked\r\n\r\n`, /both/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n', /after chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n', /after chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunkedx\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked;a=b\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: "chunked"\r\n\r\n', /other than chunked/],
  ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chun\u00adked\r\n\r\n', /other than chunked/],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n',
    /more than/,
  ],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n',
    /other than/,
  ],
  ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', /HTTP\/1\.0/],
  // Informational answers
  ['HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n', /informational/],
  ['HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n', /informational/],
  ['HTTP/1.1 101 X\r\nTransfer-Encoding: chunked\r\n\r\n', /informational/],
  ['HTTP/1.0 103 X\r\n\r\n', /informational/],
  ['HTTP/1.0 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', /informational/],
]

describe('the head of an answer', () => {
  test.each(
    GOOD.map(([line, headers, status, bodyLength, keepAlive, method = 'GET']) => ({
      ...{ text: `${line}\r\n${headers}\r\n`, method },
      wanted: { status, bodyLength, keepAlive },
    })),
  )('$text is taken', ({ text, method, wanted }) => {
    const head = parse(text, method)
    expect(head).toBeInstanceOf(ReceivedHead)
    expect(head).toMatchObject(wanted)
  })

  test.each(BAD.map(([text, problem, method = 'GET']) => ({ text, problem, method })))(
    '$text is refused',
    ({ text, problem, method }) => {
      expect(parse(text, method)).toEqual(expect.stringMatching(problem))
    },
  )

  test('cut short is refused at every byte', () => {
    const whole = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\n'
    for (let end = 0; end < whole.length; end++) {
      expect([end, typeof parse(whole.slice(0, end))]).toEqual([end, 'string'])
    }
    expect(parse(whole)).toBeInstanceOf(ReceivedHead)
  })

  test('keeps names, their order, repeated names and latin1 values', () => {
    const head = parse('HTTP/1.1 200 OK\r\nX-a: 1\r\nx_B:  \t2 \r\nX-A: caf\xe9\r\nEmpty:\r\n\r\n')
    expect((head as ReceivedHead).headers).toEqual([
      ...['X-a', '1', 'x_B', '2', 'X-A', 'caf\xe9', 'Empty', ''],
    ])
  })

  test('may be as large as the limits say, and no larger', () => {
    const lines = (count: number) => parse(`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(count)}\r\n`)
    expect(lines(4)).toBeInstanceOf(ReceivedHead)
    expect(lines(5)).toMatch(/headersMax/)
    const bytes = (count: number) => parse(`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(count - 5)}\r\n\r\n`)
    expect(bytes(300)).toBeInstanceOf(ReceivedHead)
    expect(bytes(301)).toMatch(/headerBytesMax/)
  })

  test.each([
    ['timeout=5', 5_000],
    ['timeout=5, max=100', 5_000],
    ['max=100, Timeout=7', 7_000],
    ['max=100', -1],
    ['timeout=x', -1],
    ['xtimeout=5', -1],
    ['timeout=99999999999', -1],
  ])('says with Keep-Alive: %s how long the connection is kept', (value, ms) => {
    const head = parse(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\nKeep-Alive: ${value}\r\n\r\n`)
    expect((head as ReceivedHead).keepAliveMs).toBe(ms)
  })

  test.each([
    ['websocket', 'websocket', true],
    ['WebSocket', 'websocket', true],
    ['a/1', 'b, a/1', true],
    ['h2c', 'websocket', false],
    ['websocket, h2c', 'websocket', false],
    ['websocket', null, false],
  ])('agrees with Upgrade: %s to %s or not', (upgrade, asked, agrees) => {
    const head = parse(`HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`)
    expect((head as ReceivedHead).agreesTo(asked)).toBe(agrees)
  })

  test('agrees to nothing when Connection does not name the upgrade', () => {
    const head = parse('HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n')
    expect((head as ReceivedHead).agreesTo('websocket')).toBe(false)
  })
})

function parse(text: string, method = 'GET'): ReceivedHead | string {
  const bytes = Buffer.from(text, 'latin1')
  if (scanHead(bytes, 0, bytes.length) !== bytes.length)
    return 'a control character or a line end that is none, in the head'
  return parseAnswerHead(text, method, LIMITS)
}
