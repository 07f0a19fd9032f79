import { accepted, get, getBytes, MALFORMED, type MessageRow, refused } from './row.ts'

const value = (what: string, sent: string, received: string, more = {}): MessageRow =>
  accepted(
    what,
    getBytes(`X-A:${sent}\r\n`),
    [get('/', { headers: ['Host', 'a', 'X-A', received] })],
    more,
  )
const lines = (what: string, text: string, headers: readonly string[]): MessageRow =>
  accepted(what, getBytes(text), [get('/', { headers: ['Host', 'a', ...headers] })])
const bad = (what: string, text: string, reason: RegExp = /name|colon|not HTTP/, more = {}) =>
  refused(what, getBytes(text), [400, reason], more)
const control = (code: number): MessageRow =>
  bad(
    `the control character ${code} in a value`,
    `X-A: b${String.fromCharCode(code)}c\r\n`,
    /not HTTP/,
  )
const separator = (char: string): MessageRow =>
  bad(`the separator ${char} in a name`, `X${char}A: b\r\n`)

/** Names, values, white space and ends of lines. */
export const HEADER_LINE_ROWS: readonly MessageRow[] = [
  value('a space after the colon', ' b', 'b'),
  value('no space after the colon', 'b', 'b'),
  value('many spaces around a value', '    b   ', 'b'),
  value('tabs around a value', '\t\tb\t', 'b'),
  value('spaces and tabs within a value', ' b \t c', 'b \t c'),
  value('an empty value', '', ''),
  value('a value of spaces', '   ', ''),
  value('a value of tabs', '\t\t', ''),
  value('colons in a value', ' a:b::c', 'a:b::c'),
  value('a value that looks like a header', ' Host: b', 'Host: b'),
  value('quotes in a value', ' "a\\"b"', '"a\\"b"'),
  value('latin1 in a value', ' caf\xe9', 'caf\xe9'),
  value('UTF-8 in a value, byte by byte', ' \xe2\x82\xac', '\xe2\x82\xac'),
  value('the bytes 128 and 255 in a value', ' \x80\xff', '\x80\xff'),
  value('a no-break space around a value', '\xa0b\xa0', '\xa0b\xa0'),
  value('commas in a value', ' a, b,,c', 'a, b,,c'),
  value('percent escapes in a value', ' %0d%0aX-B: c', '%0d%0aX-B: c'),
  lines('a name in capitals', 'X-UPPER: b\r\n', ['X-UPPER', 'b']),
  lines('a name with an underscore', 'x_under: b\r\n', ['x_under', 'b']),
  lines('names that differ by underscore and dash', 'X_A: 1\r\nX-A: 2\r\n', [
    ...['X_A', '1'],
    ...['X-A', '2'],
  ]),
  lines('Content_Length, which is no length', 'Content_Length: 5\r\n', ['Content_Length', '5']),
  lines('Transfer_Encoding, which is no coding', 'Transfer_Encoding: chunked\r\n', [
    ...['Transfer_Encoding', 'chunked'],
  ]),
  lines('a name of every token character', "!#$%&'*+-.^_`|~09azAZ: b\r\n", [
    ...["!#$%&'*+-.^_`|~09azAZ", 'b'],
  ]),
  lines('a name of one character', 'x: b\r\n', ['x', 'b']),
  lines('a name of digits', '1: b\r\n', ['1', 'b']),
  lines('a header twice', 'X-A: 1\r\nX-A: 2\r\n', ['X-A', '1', 'X-A', '2']),
  lines('a header twice in two spellings', 'X-A: 1\r\nx-a: 2\r\n', ['X-A', '1', 'x-a', '2']),
  lines('two Cookie headers', 'Cookie: a=1\r\nCookie: b=2\r\n', [
    ...['Cookie', 'a=1'],
    ...['Cookie', 'b=2'],
  ]),
  lines('the name __proto__', '__proto__: b\r\nconstructor: c\r\n', [
    ...['__proto__', 'b'],
    ...['constructor', 'c'],
  ]),
  lines('a name that begins like a known one', 'Hostname: b\r\nContent-Lengths: 5\r\n', [
    ...['Hostname', 'b'],
    ...['Content-Lengths', '5'],
  ]),
  lines('a long name', `${'x'.repeat(200)}: b\r\n`, ['x'.repeat(200), 'b']),

  bad('a space before the colon', 'X-A : b\r\n'),
  bad('a tab before the colon', 'X-A\t: b\r\n'),
  bad('a space before the colon of a length', 'Content-Length : 5\r\n'),
  bad('a space before the colon of a coding', 'Transfer-Encoding : chunked\r\n'),
  bad('a space in a name', 'X A: b\r\n'),
  bad('a tab in a name', 'X\tA: b\r\n'),
  bad('no colon', 'X-A\r\n'),
  bad('no colon but a value', 'X-A b\r\n'),
  bad('no name', ': b\r\n'),
  bad('a colon only', ':\r\n'),
  bad('no name but a space', ' : b\r\n'),
  bad('a NUL in a name', 'X\0A: b\r\n'),
  bad('a NUL before the colon', 'X-A\0: b\r\n'),
  bad('a NUL before a name', '\0X-A: b\r\n'),
  bad('a control character in a name', 'X\x01A: b\r\n'),
  bad('DEL in a name', 'X\x7fA: b\r\n'),
  bad('a byte over 127 in a name', 'X-\xe9: b\r\n'),
  bad('a no-break space before the colon', 'X-A\xa0: b\r\n'),
  bad('a vertical tab before the colon', 'Transfer-Encoding\x0b: chunked\r\n'),
  bad('a fullwidth colon', 'X-A\xef\xbc\x9a b\r\n'),
  ...'"(),/;<=>?@[\\]{}'.split('').map(separator),
  bad('a folded header', 'X-A: b\r\n c\r\n', /colon|folded/),
  bad('a header folded with a tab', 'X-A: b\r\n\tc\r\n', /folded|colon/),
  bad('a folded line of a space only', 'X-A: b\r\n \r\n', /folded|colon/),
  bad('a folded line that looks like a header', 'X-A: b\r\n X-B: c\r\n', /folded/),
  bad('a folded length', 'Content-Length:\r\n 5\r\n', /./),
  refused('a folded coding', getBytes('Transfer-Encoding:\r\n chunked\r\n'), [501, /./]),
  refused('a folded first header', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', [400, /folded/]),
  refused('a folded first line without a colon', 'GET / HTTP/1.1\r\n x\r\nHost: a\r\n\r\n', [
    400,
    /folded|colon/,
  ]),
  ...[0, 1, 7, 8, 11, 12, 14, 27, 31, 127].map(control),
  bad('a bare CR in a value', 'X-A: b\rc\r\n', /not HTTP/),
  bad('a bare LF in a value', 'X-A: b\nc\r\n', /not HTTP/),
  bad('a bare LF that makes a header', 'X-A: b\nX-B: c\r\n', /not HTTP/),
  bad('a bare CR that makes a header', 'X-A: b\rX-B: c\r\n', /not HTTP/),
  bad('two CR at the end of a line', 'X-A: b\r\r\n', /not HTTP/),
  bad('LF CR at the end of a line', 'X-A: b\n\r\n', /not HTTP/),
  bad('a bare CR before a name', '\rX-A: b\r\n', /not HTTP/),
  bad('a NUL at the end of a value', 'X-A: b\0\r\n', /not HTTP/),
  refused('a bare LF as the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\n', MALFORMED),
  refused('a bare LF before the empty line', 'GET / HTTP/1.1\r\nHost: a\n\r\n', MALFORMED),
  refused('a bare CR as the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\rX', MALFORMED),
  refused('a space in the empty line', 'GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n', [
    400,
    /folded|colon/,
  ]),
]
