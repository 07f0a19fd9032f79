import { accepted, type MessageRow, post, postBytes, refused, SMUGGLED } from './row.ts'

const LAST = '0\r\n\r\n'
const coding = (what: string, line: string, status: 400 | 501, more = {}): MessageRow =>
  refused(
    what,
    postBytes(`${line}\r\n`, LAST),
    [status, /Transfer-Encoding|name|not HTTP|folded/],
    more,
  )
const good = (what: string, line: string): MessageRow =>
  accepted(what, postBytes(`${line}\r\n`, `3\r\nabc\r\n${LAST}`), [post('abc')])
const both = (what: string, lines: string, rest: string, more = {}): MessageRow =>
  refused(what, postBytes(lines, rest), [400, /both|Transfer-Encoding|Content-Length/], more)

const ONLY = 'we take off one coding; a body in another would be handed on as something it is not'
const TABS = 'a coding behind a tab is seen by some readers only, which is what it is sent for'

/** Transfer codings, and messages that two servers would end at two places. */
export const TRANSFER_ENCODING_ROWS: readonly MessageRow[] = [
  good('chunked', 'Transfer-Encoding: chunked'),
  good('chunked in capitals', 'Transfer-Encoding: CHUNKED'),
  good('chunked in mixed letters', 'Transfer-Encoding: cHuNkEd'),
  good('chunked without a space', 'Transfer-Encoding:chunked'),
  good('chunked among spaces', 'Transfer-Encoding:   chunked  '),
  good('the header name in capitals', 'TRANSFER-ENCODING: chunked'),
  good('TE beside it', 'TE: trailers\r\nTransfer-Encoding: chunked'),
  accepted(
    'TE: chunked, which frames nothing',
    postBytes('TE: chunked\r\nContent-Length: 3\r\n', 'abc'),
    [post('abc')],
  ),
  accepted(
    'Content-Encoding: chunked, which frames nothing',
    postBytes('Content-Encoding: chunked\r\nContent-Length: 3\r\n', 'abc'),
    [post('abc')],
  ),
  accepted(
    'a chunked GET',
    `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n${LAST}`,
    [{ method: 'GET', target: '/', body: 'abc' }],
  ),

  coding('gzip and chunked', 'Transfer-Encoding: gzip, chunked', 501, { stricter: ONLY }),
  coding('deflate and chunked without a space', 'Transfer-Encoding: deflate,chunked', 501, {
    stricter: ONLY,
  }),
  coding('gzip', 'Transfer-Encoding: gzip', 501),
  coding('identity', 'Transfer-Encoding: identity', 501),
  coding('identity and chunked', 'Transfer-Encoding: identity, chunked', 501, { stricter: ONLY }),
  coding('an unknown coding', 'Transfer-Encoding: x', 501),
  coding('an empty coding', 'Transfer-Encoding:', 501),
  coding('cow', 'Transfer-Encoding: cow', 501),
  coding('xchunked', 'Transfer-Encoding: xchunked', 501),
  coding('chunkedx', 'Transfer-Encoding: chunkedx', 501),
  coding('chunked with a hyphen', 'Transfer-Encoding: chunked-', 501),
  coding('two words of which one is chunked', 'Transfer-Encoding: x chunked', 501),
  coding('chunked and a word', 'Transfer-Encoding: chunked x', 501),
  coding('chunked in quotes', 'Transfer-Encoding: "chunked"', 501),
  coding('chunked in single quotes', "Transfer-Encoding: 'chunked'", 501),
  coding('chunked in brackets', 'Transfer-Encoding: [chunked]', 501),
  coding('chunked with a parameter', 'Transfer-Encoding: chunked;a=b', 501),
  coding('chunked with a semicolon', 'Transfer-Encoding: chunked;', 501),
  coding('a comma before chunked', 'Transfer-Encoding: ,chunked', 501, { stricter: ONLY }),
  coding('a comma after chunked', 'Transfer-Encoding: chunked,', 400),
  coding('chunked, then identity', 'Transfer-Encoding: chunked, identity', 400),
  coding('chunked, then gzip', 'Transfer-Encoding: chunked, gzip', 400),
  coding('chunked, then chunked', 'Transfer-Encoding: chunked, chunked', 400),
  coding('chunked, then nothing, then chunked', 'Transfer-Encoding: chunked,,chunked', 400),
  coding('a colon in the value', 'Transfer-Encoding: :chunked', 501),
  coding('two colons', 'Transfer-Encoding:: chunked', 501),
  coding('a backslash escape', 'Transfer-Encoding: \\x63hunked', 501),
  coding('a byte over 127 after chunked', 'Transfer-Encoding: chunked\xff', 501),
  coding('a no-break space before chunked', 'Transfer-Encoding: \xa0chunked', 501),
  coding('the Kelvin sign in chunked', 'Transfer-Encoding: chun\xe2\x84\xaaed', 501),
  coding('a tab before chunked', 'Transfer-Encoding:\tchunked', 501, { stricter: TABS }),
  coding('a tab after chunked', 'Transfer-Encoding: chunked\t', 501),
  coding('a tab and a space after chunked', 'Transfer-Encoding: chunked\t ', 501),
  coding('a vertical tab before chunked', 'Transfer-Encoding: \x0bchunked', 400),
  coding('a form feed after chunked', 'Transfer-Encoding: chunked\x0c', 400),
  coding('a NUL after chunked', 'Transfer-Encoding: chunked\0', 400),
  coding('a bare CR before chunked', 'Transfer-Encoding: \rchunked', 400),
  coding('a bare LF before chunked', 'Transfer-Encoding: \nchunked', 400),
  coding('a fold before chunked', 'Transfer-Encoding:\r\n chunked', 501),
  coding('a space before the colon of it', 'Transfer-Encoding : chunked', 400),
  coding('a space before its name', ' Transfer-Encoding: chunked', 400),
  coding('a NUL before its name', '\0Transfer-Encoding: chunked', 400),
  coding('a bare LF before its name', 'X-A: b\nTransfer-Encoding: chunked', 400),
  coding('chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', 400),
  coding(
    'chunked, then identity, in two headers',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
    400,
  ),
  coding(
    'identity, then chunked, in two headers',
    'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked',
    501,
    { stricter: ONLY },
  ),
  coding(
    'gzip, then chunked, in two headers',
    'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked',
    501,
    { stricter: ONLY },
  ),
  coding(
    'chunked, then nothing, in two headers',
    'Transfer-Encoding: chunked\r\nTransfer-Encoding:',
    400,
  ),
  coding(
    'chunked and another spelling of the name',
    'Transfer-Encoding: chunked\r\ntransfer-encoding: x',
    400,
  ),
  refused(
    'chunked in HTTP/1.0',
    `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${LAST}`,
    [400, /HTTP\/1\.0/],
    { stricter: 'a server of HTTP/1.0 does not know the header and ends the message elsewhere' },
  ),
  refused(
    'gzip in HTTP/1.0',
    `POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n${LAST}`,
    [501, /Transfer-Encoding/],
  ),

  both('a length, then chunked', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', LAST),
  both('chunked, then a length', 'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', LAST),
  both(
    'a length of nought and chunked',
    'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n',
    LAST,
  ),
  both(
    'the length first, the chunks hide a request',
    'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n',
    `0\r\n\r\nG`,
  ),
  both(
    'the chunks first, the length hides a request',
    'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n',
    `5c\r\nGPOST / HTTP/1.1\r\nContent-Length: 15\r\n\r\nx=1\r\n0\r\n\r\n`,
  ),
  both(
    'the length covers the last chunk and a request',
    `Content-Length: ${LAST.length + SMUGGLED.length}\r\nTransfer-Encoding: chunked\r\n`,
    LAST + SMUGGLED,
  ),
  refused(
    'a length, gzip and chunked',
    postBytes('Content-Length: 3\r\nTransfer-Encoding: gzip, chunked\r\n', 'abc'),
    [501, /Transfer-Encoding/],
  ),
  refused(
    'a length and identity',
    postBytes('Content-Length: 3\r\nTransfer-Encoding: identity\r\n', 'abc'),
    [501, /Transfer-Encoding/],
  ),
  refused(
    'a length and an unknown coding',
    postBytes('Content-Length: 3\r\nTransfer-Encoding: xchunked\r\n', 'abc'),
    [501, /Transfer-Encoding/],
  ),
  refused(
    'a length and an empty coding',
    postBytes('Content-Length: 3\r\nTransfer-Encoding:\r\n', 'abc'),
    [501, /Transfer-Encoding/],
  ),
  refused(
    'a length and a coding with a space before the colon',
    postBytes('Content-Length: 5\r\nTransfer-Encoding : chunked\r\n', LAST),
    [400, /name/],
  ),
  refused(
    'a length and a coding behind a tab',
    postBytes('Content-Length: 5\r\nTransfer-Encoding:\tchunked\r\n', LAST),
    [501, /Transfer-Encoding/],
  ),
  refused(
    'a length and a coding in a folded line',
    postBytes('Content-Length: 5\r\nX-A: b\r\n Transfer-Encoding: chunked\r\n', LAST),
    [400, /folded|name/],
  ),
  refused(
    'a length and a coding after a bare LF',
    postBytes('Content-Length: 5\r\nX-A: b\nTransfer-Encoding: chunked\r\n', LAST),
    [400, /not HTTP/],
  ),
  refused(
    'a length and a coding after a bare CR',
    postBytes('Content-Length: 5\r\nX-A: b\rTransfer-Encoding: chunked\r\n', LAST),
    [400, /not HTTP/],
  ),
  refused(
    'a length and two codings, one unknown',
    postBytes(
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n',
      LAST,
    ),
    [400, /Transfer-Encoding/],
  ),
  refused(
    'a length, and chunked only named by Connection',
    postBytes(
      'Connection: Content-Length\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n',
      LAST,
    ),
    [400, /both/],
  ),
  accepted(
    'a length that Connection names',
    postBytes('Connection: Content-Length\r\nContent-Length: 3\r\n', 'abc'),
    [post('abc')],
  ),
  accepted(
    'a coding that Connection names',
    postBytes(
      'Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n',
      `3\r\nabc\r\n${LAST}`,
    ),
    [post('abc')],
  ),
  accepted(
    'a length, and a coding with an underscore that is none',
    postBytes('Content-Length: 5\r\nTransfer_Encoding: chunked\r\n', LAST),
    [post(LAST)],
  ),
  accepted(
    'chunked, and a length with an underscore that is none',
    postBytes('Content_Length: 4\r\nTransfer-Encoding: chunked\r\n', `3\r\nabc\r\n${LAST}`),
    [post('abc')],
  ),
  accepted(
    'a length, and a coding in X-Transfer-Encoding',
    postBytes('Content-Length: 5\r\nX-Transfer-Encoding: chunked\r\n', LAST),
    [post(LAST)],
  ),
]
