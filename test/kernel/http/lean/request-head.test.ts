import { expect, test } from 'vitest'
import {
  findHeadEnd,
  HEAD_INCOMPLETE,
  HEAD_UNSOUND,
  scanHead,
  toResumePoint,
} from '../../../../kernel/http/lean/head-scan.ts'
import { parseRequestHead, RequestHead } from '../../../../kernel/http/lean/request-head.ts'
import { Turn } from '../../../../kernel/http/lean/turn.ts'
import { createHttpLimits } from '../../../../kernel/http/limits.ts'

const limits = createHttpLimits()
const isSoundHead = (text: string) =>
  scanHead(Buffer.from(text, 'latin1'), 0, text.length) === text.length
const parse = (text: string) =>
  isSoundHead(text) ? parseRequestHead(text, limits) : { status: 400, reason: 'not HTTP' }
const head = (line: string, headers = 'Host: a\r\n') => parse(`${line}\r\n${headers}\r\n`)

test('a head becomes its parts, names and values as received', () => {
  const headers = 'Host: Shop.test:8080\r\nx_under:\t a b \t\r\nX-oNE:\r\nX-L: caf\xe9\r\n'
  expect(head('PURGE /a%20b?%zz HTTP/1.1', headers)).toEqual({
    method: 'PURGE',
    target: '/a%20b?%zz',
    authority: 'Shop.test:8080',
    httpVersion: '1.1',
    headers: ['Host', 'Shop.test:8080', 'x_under', 'a b', 'X-oNE', '', 'X-L', 'caf\xe9'],
    bodyLength: 0,
    keepAlive: true,
    expectsContinue: false,
    upgrade: null,
  })
})

test.each([
  ['GET / HTTP/1.1', 'Host: a\r\nConnection: close\r\n', { keepAlive: false }],
  ['GET / HTTP/1.1', 'Host: a\r\nConnection: x, Close\r\n', { keepAlive: false }],
  ['GET / HTTP/1.1', 'Host: a\r\nConnection: closed\r\n', { keepAlive: true }],
  ['GET / HTTP/1.0', '', { keepAlive: false, authority: null, httpVersion: '1.0' }],
  ['GET / HTTP/1.0', 'connection: Keep-Alive\r\n', { keepAlive: true }],
  ['GET / HTTP/1.0', 'Connection: keep-alive, close\r\n', { keepAlive: false }],
  ['GET / HTTP/1.0', 'Expect: 100-continue\r\n', { expectsContinue: false }],
  ['POST / HTTP/1.1', 'Host: a\r\nContent-Length: 007\r\n', { bodyLength: 7 }],
  ['POST / HTTP/1.1', 'Host: a\r\nContent-Length: 0\r\n', { bodyLength: 0 }],
  ['POST / HTTP/1.1', 'Host: a\r\nTransfer-Encoding: Chunked\r\n', { bodyLength: -1 }],
  ['POST / HTTP/1.1', 'Host: a\r\nExpect: 100-Continue\r\n', { expectsContinue: true }],
  ['GET http://A:80 HTTP/1.1', 'Host: a\r\n', { target: '/', authority: 'a' }],
  ['GET HTTP://a?x HTTP/1.1', 'Host: a\r\n', { target: '/?x' }],
  ['GET http://a/ HTTP/1.0', '', { target: '/', authority: 'a' }],
  ['OPTIONS * HTTP/1.1', 'Host: [::1]:80\r\n', { target: '*', authority: '[::1]:80' }],
  ['GET / HTTP/1.1', 'Host: a\r\nConnection: Upgrade\r\nUpgrade: x/1\r\n', { upgrade: 'x/1' }],
  ['GET / HTTP/1.1', 'Host: a\r\nUpgrade: x\r\n', { upgrade: null }],
  ['GET / HTTP/1.1', 'Host: a\r\nConnection: upgrade\r\n', { upgrade: null }],
  ['GET / HTTP/1.0', 'Connection: Upgrade\r\nUpgrade: x\r\n', { upgrade: null }],
  [
    'GET / HTTP/1.1',
    'Host: a\r\nContent-Length: 1\r\nConnection: Upgrade\r\nUpgrade: x\r\n',
    { upgrade: null },
  ],
])('%s with %j', (line, headers, facts) => {
  const parsed = head(line, headers)
  expect(parsed).toBeInstanceOf(RequestHead)
  expect(parsed).toMatchObject(facts)
})

test.each([
  ['GET /%4 HTTP/1.1', 400, /percent/],
  ['GET /a%zz?b HTTP/1.1', 400, /percent/],
  ['GET /a\tb HTTP/1.1', 400, /space/],
  [' GET / HTTP/1.1', 400, /token/],
  ['GET / http/1.1', 400, /not HTTP/],
  ['GET / HTTP/1.1 ', 400, /not HTTP/],
  ['GET / HTTP/11', 400, /not HTTP/],
  ['GET / HTTP/3.0', 505, /version/],
  ['GET https://a/ HTTP/1.1', 400, /scheme/],
])('%j is refused', (line, status, reason) => {
  expect(head(line)).toMatchObject({ status, reason: expect.stringMatching(reason) })
})

test.each(['', '\r\n', 'GET / HTTP/1.1\r\n', 'GET / HTTP/1.1\r\n\r\nx', 'GET / HTTP/1.1\n\n'])(
  'text that is not one whole head is refused: %j',
  (text) => {
    expect(isSoundHead(text)).toBe(false)
    expect(parse(text)).toMatchObject({ status: 400 })
  },
)

test('the end of a head is found wherever it is cut, and never too early', () => {
  const bytes = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX: \t\xe9\r\n\r\nbody\r\n\r\n', 'latin1')
  const end = bytes.indexOf('body')
  for (let cut = 0; cut < end; cut++) {
    expect(findHeadEnd(bytes, 0, cut)).toBe(HEAD_INCOMPLETE)
    expect(findHeadEnd(bytes, toResumePoint(bytes, 0, cut), bytes.length)).toBe(end)
  }
})

test('every byte that no head may contain is found in every place', () => {
  const sound = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
  for (let at = 0; at < sound.length - 2; at++) {
    for (let code = 0; code < 256; code++) {
      if ((code >= 32 && code !== 127) || code === 9) continue
      const text = sound.slice(0, at) + String.fromCharCode(code) + sound.slice(at)
      const found = findHeadEnd(Buffer.from(text, 'latin1'), 0, text.length)
      const whole = found === text.length
      expect(isSoundHead(text), JSON.stringify(text)).toBe(whole)
      if (!whole) expect(found === HEAD_UNSOUND || found < text.length).toBe(true)
    }
  }
})

test('what is written is what was meant, or nothing', () => {
  const { heads } = new Turn()
  const write = (name: string, value: string) => {
    heads.begin(0)
    heads.text('HTTP/1.1 200 OK')
    heads.lineEnd()
    heads.header(name, value)
    return heads.finish().toString('latin1', heads.start, heads.end)
  }
  expect(write('X-A', 'caf\xe9\t!')).toBe('HTTP/1.1 200 OK\r\nX-A: caf\xe9\t!\r\n\r\n')
  for (const value of ['a\r\nb: c', 'a\r\n', '\n', '\r', '\0', '\x7f', '\u010a', '\u4e2d']) {
    expect(() => write('X-A', value), JSON.stringify(value)).toThrow(TypeError)
  }
  for (const name of ['', 'a b', 'a:', 'a\r\n', '\xe9', '\u010a']) {
    expect(() => write(name, 'v'), JSON.stringify(name)).toThrow(TypeError)
  }
})
