import {
  accepted,
  get,
  getBytes,
  type MessageRow,
  post,
  postBytes,
  refused,
  SMUGGLED,
} from './row.ts'

const NEXT = 'GET /next HTTP/1.1\r\nHost: a\r\n\r\n'
const keeps = (what: string, lines: string): MessageRow =>
  accepted(what, getBytes(lines) + NEXT, [get(), get('/next')])
const closes = (what: string, lines: string, more = {}): MessageRow =>
  accepted(what, getBytes(lines) + NEXT, [get()], { closes: true, ...more })
const expectation = (what: string, value: string, more = {}): MessageRow =>
  refused(what, postBytes(`Expect: ${value}\r\nContent-Length: 1\r\n`, 'x'), [417, /Expect/], more)
const ONE = 'one expectation is known, and a second one asks for more than it'

/** Keep-alive, close, HTTP/1.0, expectations, upgrades. */
export const CONNECTION_ROWS: readonly MessageRow[] = [
  keeps('a connection of HTTP/1.1 is kept', ''),
  keeps('Connection: keep-alive', 'Connection: keep-alive\r\n'),
  keeps('Connection with an unknown token', 'Connection: x-foo\r\n'),
  keeps('an empty Connection', 'Connection:\r\n'),
  keeps('Connection: closed, which is another word', 'Connection: closed\r\n'),
  keeps('Keep-Alive with parameters', 'Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n'),
  closes('Connection: close', 'Connection: close\r\n'),
  closes('Connection: close in capitals', 'CONNECTION: CLOSE\r\n'),
  closes('Connection: close in a list', 'Connection: x-foo, close\r\n'),
  closes('Connection: close first in a list', 'Connection: close, x-foo\r\n'),
  closes('Connection: close in a list without spaces', 'Connection: x,close,y\r\n'),
  closes('Connection: close in a second header', 'Connection: x-foo\r\nConnection: close\r\n'),
  closes('Connection: close and keep-alive', 'Connection: keep-alive, close\r\n'),
  closes(
    'Proxy-Connection: close, of clients that take us for a proxy',
    'Proxy-Connection: close\r\n',
  ),
  keeps('Proxy-Connection: keep-alive', 'Proxy-Connection: keep-alive\r\n'),
  closes('Connection: close with tabs', 'Connection:\tclose\t\r\n'),
  accepted(
    'Connection: close with a body',
    postBytes('Connection: close\r\nContent-Length: 3\r\n', `abc${NEXT}`),
    [post('abc')],
    { closes: true },
  ),
  accepted(
    'HTTP/1.0 without keep-alive',
    `GET / HTTP/1.0\r\nHost: a\r\n\r\n${NEXT}`,
    [get('/', { httpVersion: '1.0' })],
    { closes: true },
  ),
  accepted(
    'HTTP/1.0 with keep-alive',
    `GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n${NEXT}`,
    [get('/', { httpVersion: '1.0' }), get('/next', { httpVersion: '1.1' })],
  ),
  accepted(
    'HTTP/1.0 with keep-alive and close',
    `GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n${NEXT}`,
    [get('/', { httpVersion: '1.0' })],
    { closes: true, stricter: 'who says both wants the connection closed' },
  ),
  accepted(
    'HTTP/1.0 with a Host',
    'GET / HTTP/1.0\r\nHost: a\r\n\r\n',
    [get('/', { authority: 'a', httpVersion: '1.0' })],
    { closes: true },
  ),
  accepted(
    'HTTP/1.0 without a length has no body',
    'POST / HTTP/1.0\r\n\r\nabc',
    [post('', { httpVersion: '1.0' })],
    { closes: true },
  ),
  accepted(
    'an expectation of 100-continue, and the body at once',
    postBytes('Expect: 100-continue\r\nContent-Length: 3\r\n', 'abc'),
    [post('abc')],
  ),
  accepted(
    'an expectation in capitals',
    postBytes('Expect: 100-Continue\r\nContent-Length: 3\r\n', 'abc'),
    [post('abc')],
  ),
  accepted(
    'an expectation with a chunked body',
    postBytes('Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n', '1\r\nx\r\n0\r\n\r\n'),
    [post('x')],
  ),
  accepted('an expectation without a body', getBytes('Expect: 100-continue\r\n'), [get()]),
  accepted(
    'an expectation of HTTP/1.0',
    'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc',
    [post('abc', { httpVersion: '1.0' })],
    { closes: true },
  ),
  expectation('an unknown expectation', '200-ok'),
  expectation('an expectation that only begins well', '100-continued'),
  expectation('an expectation that only ends well', 'x100-continue'),
  expectation('two expectations', '100-continue, x', { stricter: ONE }),
  expectation('an empty expectation', ''),
  expectation('an expectation without a hyphen', '100 continue'),
  refused(
    'two headers with expectations',
    postBytes('Expect: 100-continue\r\nExpect: x\r\nContent-Length: 1\r\n', 'x'),
    [417, /Expect/],
    { stricter: ONE },
  ),
  refused(
    'the same expectation twice',
    postBytes('Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n', 'x'),
    [417, /Expect/],
    { stricter: ONE },
  ),
  accepted('an upgrade', getBytes('Connection: Upgrade\r\nUpgrade: websocket\r\n'), [
    get('/', { upgrade: 'websocket' }),
  ]),
  accepted(
    'an upgrade among other tokens',
    getBytes('Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n'),
    [get('/', { upgrade: 'WebSocket' })],
  ),
  accepted('an Upgrade that Connection does not name', getBytes('Upgrade: websocket\r\n'), [
    get('/', { upgrade: null }),
  ]),
  accepted('a Connection: upgrade without Upgrade', getBytes('Connection: Upgrade\r\n'), [
    get('/', { upgrade: null }),
  ]),
  accepted(
    'an upgrade in HTTP/1.0',
    'GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    [get('/', { upgrade: null, httpVersion: '1.0' })],
    { closes: true },
  ),
  accepted(
    'an upgrade with a body is none',
    postBytes('Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n', 'abc'),
    [post('abc', { upgrade: null })],
  ),
  accepted(
    'an upgrade to h2c that hides a request',
    postBytes(
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n' +
        `Content-Length: ${SMUGGLED.length}\r\n`,
      SMUGGLED,
    ),
    [post(SMUGGLED, { upgrade: null })],
  ),
  refused('an upgrade by CONNECT', 'CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nUpgrade: x\r\n\r\n', [
    405,
    /CONNECT/,
  ]),
]
