import {
  accepted,
  get,
  getBytes,
  type MessageRow,
  post,
  postBytes,
  refused,
  waiting,
} from './row.ts'

const NOT_A_NUMBER = [400, /Content-Length header is not a number/] as const
const bad = (what: string, sent: string, more = {}): MessageRow =>
  refused(what, postBytes(`Content-Length:${sent}\r\n`, 'abcdefghij'), NOT_A_NUMBER, more)
const twice = (what: string, first: string, second: string, more = {}): MessageRow =>
  refused(
    what,
    postBytes(`Content-Length: ${first}\r\nContent-Length: ${second}\r\n`, 'abcdef'),
    [400, /more than one Content-Length|not a number/],
    more,
  )

/** Bodies by Content-Length, and lengths that are none. */
export const CONTENT_LENGTH_ROWS: readonly MessageRow[] = [
  accepted('a body with a length', postBytes('Content-Length: 5\r\n', 'hello'), [post('hello')]),
  accepted('a body of one byte', postBytes('Content-Length: 1\r\n', 'x'), [post('x')]),
  accepted('a length of nought', postBytes('Content-Length: 0\r\n', ''), [post('')]),
  accepted('a length with noughts before it', postBytes('Content-Length: 005\r\n', 'hello'), [
    post('hello'),
  ]),
  accepted('a length of noughts only', postBytes('Content-Length: 000\r\n', ''), [post('')]),
  accepted('a length without a space', postBytes('Content-Length:3\r\n', 'abc'), [post('abc')]),
  accepted('a length among spaces', postBytes('Content-Length: \t 3 \t\r\n', 'abc'), [post('abc')]),
  accepted('a length in another spelling', postBytes('cOnTeNt-LeNgTh: 3\r\n', 'abc'), [
    post('abc'),
  ]),
  accepted('a GET with a body', getBytes('Content-Length: 3\r\n') + 'abc', [
    get('/', { body: 'abc' }),
  ]),
  accepted('a HEAD with a body', 'HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', [
    { method: 'HEAD', target: '/', body: 'abc' },
  ]),
  accepted('a DELETE with a body', 'DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc', [
    { method: 'DELETE', target: '/', body: 'abc' },
  ]),
  accepted('a body of every byte', postBytes('Content-Length: 256\r\n', everyByte()), [
    post(everyByte()),
  ]),
  accepted(
    'a body that looks like a request',
    postBytes('Content-Length: 27\r\n', 'GET / HTTP/1.1\r\nHost: b\r\n\r\n'),
    [post('GET / HTTP/1.1\r\nHost: b\r\n\r\n')],
  ),
  accepted(
    'a body that looks like chunks',
    postBytes('Content-Length: 12\r\n', '2\r\nok\r\n0\r\n\r\n'),
    [post('2\r\nok\r\n0\r\n\r\n')],
  ),
  accepted(
    'a body with a length in HTTP/1.0',
    'POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc',
    [post('abc', { httpVersion: '1.0' })],
    { closes: true },
  ),
  waiting('a body that is not whole', postBytes('Content-Length: 5\r\n', 'abc')),
  waiting('a body that has not begun', postBytes('Content-Length: 5\r\n', '')),
  waiting('a body of the largest length', postBytes('Content-Length: 999999999999999\r\n', 'abc')),
  refused(
    'a length that is too short, and the rest of the body',
    postBytes('Content-Length: 3\r\n', 'abcdef: g\r\n\r\n'),
    [505, /version/],
    { requests: [post('abc')] },
  ),
  bad('an empty length', ' '),
  bad('a length with a plus', ' +5'),
  bad('a length with a minus', ' -5'),
  bad('a length of minus nought', ' -0'),
  bad('a hexadecimal length', ' 0x5'),
  bad('an octal length', ' 0o5'),
  bad('a length in hexadecimal digits', ' a'),
  bad('a length with an exponent', ' 1e1'),
  bad('a length with a point', ' 5.0'),
  bad('a length with a comma', ' 5,'),
  bad('a length with a separator', ' 1_0'),
  bad('a length with letters', ' 5a'),
  bad('a length with letters before it', ' a5'),
  bad('a length with a semicolon', ' 5;'),
  bad('a length in quotes', ' "5"'),
  bad('two numbers', ' 5 5'),
  bad('two numbers with a tab', ' 5\t5'),
  bad('a list of equal lengths', ' 5, 5'),
  bad('a list of different lengths', ' 5, 6'),
  bad('a list that begins empty', ' , 5'),
  bad('a length and chunked', ' 5, chunked'),
  bad('NaN', ' NaN'),
  bad('Infinity', ' Infinity'),
  bad('a length in fullwidth digits', ' \xef\xbc\x95'),
  bad('a length after a no-break space', ' \xa05'),
  bad('a length of sixteen digits', ' 1000000000000000', {
    stricter: 'fifteen digits are what every number type counts exactly',
  }),
  bad('a length of sixteen digits that is small', ' 0000000000000005', {
    stricter: 'fifteen digits are what every number type counts exactly',
  }),
  bad('a length of 2^53', ' 9007199254740992', {
    stricter: 'fifteen digits are what every number type counts exactly',
  }),
  bad('a length of 2^63', ' 9223372036854775808', {
    stricter: 'fifteen digits are what every number type counts exactly',
  }),
  bad('a length of 2^64', ' 18446744073709551616'),
  bad('a length of 2^64 and 5', ' 18446744073709551621'),
  bad('a length of forty digits', ` ${'9'.repeat(40)}`),
  refused('a length with a NUL', postBytes('Content-Length: 5\0\r\n', 'hello'), [400, /not HTTP/]),
  refused('a length with a vertical tab', postBytes('Content-Length: \x0b5\r\n', 'hello'), [
    400,
    /not HTTP/,
  ]),
  twice('two different lengths', '3', '6'),
  twice('two equal lengths', '3', '3'),
  twice('two equal lengths, one with noughts', '3', '03'),
  twice('a length and an empty one', '3', ''),
  twice('an empty length and one', '', '3'),
  twice('two lengths of nought', '0', '0'),
  refused(
    'two lengths in two spellings',
    postBytes('Content-Length: 3\r\nX-A: b\r\ncontent-length: 6\r\n', 'abcdef'),
    [400, /more than one Content-Length/],
  ),
  refused('three lengths', postBytes('Content-Length: 3\r\n'.repeat(3), 'abc'), [
    400,
    /more than one Content-Length/,
  ]),
  refused(
    'two lengths in HTTP/1.0',
    'POST / HTTP/1.0\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd',
    [400, /more than one Content-Length/],
  ),
  refused('a bad length of a GET', getBytes('Content-Length: -1\r\n'), NOT_A_NUMBER),
]

function everyByte(): string {
  return Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')
}
