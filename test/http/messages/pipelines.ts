import {
  accepted,
  get,
  getBytes,
  MALFORMED,
  type MessageRow,
  post,
  postBytes,
  refused,
  waiting,
} from './row.ts'

const one = 'GET /1 HTTP/1.1\r\nHost: a\r\n\r\n'
const two = 'GET /2 HTTP/1.1\r\nHost: b\r\n\r\n'
const three = 'GET /3 HTTP/1.1\r\nHost: c\r\n\r\n'
const length = postBytes('Content-Length: 3\r\n', 'abc')
const chunked = postBytes('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\n\r\n')
const trailed = postBytes('Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n0\r\nX-A: b\r\n\r\n')

const after = (what: string, rest: string, refusal: readonly [number, RegExp], more = {}) =>
  refused(what, one + rest, refusal, { requests: [get('/1')], ...more })

/** Several messages on one connection, sent without waiting for the answers. */
export const PIPELINE_ROWS: readonly MessageRow[] = [
  accepted('two requests', one + two, [get('/1'), get('/2', { authority: 'b' })]),
  accepted('three requests', one + two + three, [get('/1'), get('/2'), get('/3')]),
  accepted('a body by length, then a request', length + two, [post('abc'), get('/2')]),
  accepted('a chunked body, then a request', chunked + two, [post('abc'), get('/2')]),
  accepted('a chunked body with trailers, then a request', trailed + two, [
    post('abc', { trailers: ['X-A', 'b'] }),
    get('/2'),
  ]),
  accepted('two bodies by length', length + length, [post('abc'), post('abc')]),
  accepted('two chunked bodies', chunked + chunked, [post('abc'), post('abc')]),
  accepted('a body by length, then a chunked one', length + chunked, [post('abc'), post('abc')]),
  accepted('a chunked body, then one by length, then none', chunked + length + one, [
    post('abc'),
    post('abc'),
    get('/1'),
  ]),
  accepted('no trailers after a body with trailers', trailed + chunked, [
    post('abc', { trailers: ['X-A', 'b'] }),
    post('abc', { trailers: null }),
  ]),
  accepted('a HEAD, then a GET', `HEAD / HTTP/1.1\r\nHost: a\r\n\r\n${two}`, [
    { method: 'HEAD', target: '/', body: '' },
    get('/2'),
  ]),
  accepted(
    'a request, then one that ends the connection, then a third',
    one + getBytes('Connection: close\r\n') + three,
    [get('/1'), get()],
    { closes: true },
  ),
  accepted(
    'an upgrade that is not taken, then a request',
    getBytes('Connection: Upgrade\r\nUpgrade: x\r\n') + two,
    [get('/', { upgrade: 'x' }), get('/2', { upgrade: null })],
  ),
  waiting('a request, then half of one', `${one}GET /2 HT`, { requests: [get('/1')] }),
  waiting('a request, then half a body', one + postBytes('Content-Length: 3\r\n', 'a'), {
    requests: [get('/1')],
  }),
  waiting('two requests, then half of one', `${one}${two}GET /3 HTTP/1.1\r\nHo`, {
    requests: [get('/1'), get('/2')],
  }),
  after('a request, then another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', MALFORMED),
  after('a request, then one with bare line feeds', 'GET /2 HTTP/1.1\nHost: a\n\n', MALFORMED),
  after('a request, then one without a Host', 'GET /2 HTTP/1.1\r\n\r\n', [400, /no Host/]),
  after(
    'a request, then one with two Hosts, then a good one',
    `GET /2 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${three}`,
    [400, /more than one Host/],
    { stricter: 'which of the two decides differs from server to server' },
  ),
  after(
    'a request, then one with both framings, then a good one',
    postBytes('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${three}`),
    [400, /both/],
  ),
  after(
    'a request, then one with a bad chunk, then a good one',
    postBytes('Transfer-Encoding: chunked\r\n', `x\r\nabc\r\n0\r\n\r\n${three}`),
    [400, /./],
    { inBody: true },
  ),
  after('a request, then a NUL', '\0', MALFORMED),
  after('a request, then a bare LF', `\n${two}`, MALFORMED, {
    stricter: 'an empty line may come before a request line, half of one may not',
  }),
  after('a request, then a space', ` ${two}`, [400, /method/]),
  accepted(
    'a body by length, then what is left of a longer one and reads as a method',
    postBytes('Content-Length: 3\r\n', `abcdef${two}`),
    [post('abc'), { method: 'defGET', target: '/2', body: '' }],
    { wider: true },
  ),
  refused(
    'a body by length, then what is left of a longer one',
    postBytes('Content-Length: 3\r\n', `abc{"d":1}${two}`),
    [400, /method/],
    { requests: [post('abc')] },
  ),
  accepted('a body by length, an empty line, then a request', `${length}\r\n${two}`, [
    post('abc'),
    get('/2'),
  ]),
  accepted('a chunked body, an empty line, then a request', `${chunked}\r\n${two}`, [
    post('abc'),
    get('/2'),
  ]),
  accepted('a request, then empty lines', `${one}\r\n\r\n`, [get('/1')]),
  refused('a chunked body, then what is left of another', `${chunked}0\r\n\r\n${two}`, [400, /./], {
    requests: [post('abc')],
  }),
  refused(
    'two requests, then a folded header',
    `${one}${two}GET /3 HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n`,
    [400, /colon/],
    {
      requests: [get('/1'), get('/2')],
    },
  ),
]
