import fc from 'fast-check'

/**
 * Messages grown from the grammar of HTTP/1.1, nearly all parts of them sound, and then spoilt a
 * little: random bytes alone would never come past the request line.
 */
export function generatedMessages(): fc.Arbitrary<string> {
  return fc
    .tuple(
      fc.array(message, { minLength: 1, maxLength: 3 }),
      fc.oneof(
        { weight: 4, arbitrary: fc.constant([]) },
        { weight: 3, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) },
      ),
    )
    .map(([messages, mutations]) => mutations.reduce(mutate, messages.join('')))
}

/** Mostly of the first, now and then of the second. */
function mostly(
  usual: fc.Arbitrary<string>,
  odd: fc.Arbitrary<string>,
  weight = 40,
): fc.Arbitrary<string> {
  return fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd })
}

/** One of these one-byte characters. */
function charOf(text: string): fc.Arbitrary<string> {
  return fc.constantFrom(...text.split(''))
}

const tokenChar = charOf("abcXYZ019-_.!#$%&'*+^`|~")
const token = fc.string({ unit: tokenChar, minLength: 1, maxLength: 8 })
const anyByte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
/** What parsers have been made to disagree with. */
const oddByte = fc.constantFrom(
  ...[' ', '\t', '\r', '\n', '\r\n', '\n\r', '\0', '\x0b', '\x0c', '\x7f', '\x80', '\xa0', '\xff'],
  ...[',', ';', ':', '=', '"', '\\', '/', '?', '#', '%', '*', '+', '-', '_', '.', '0', '1', 'x'],
)
const blank = mostly(fc.constant(' '), fc.constantFrom('', '  ', '\t', ' \t ', '\x0b', '\xa0'), 100)
const lineEnd = mostly(
  fc.constant('\r\n'),
  fc.constantFrom('\n', '\r', '\r\r\n', '\n\r', '', '\rX', 'X\n', 'XX'),
  300,
)

const method = mostly(
  fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'),
  fc.oneof(token, fc.constantFrom('CONNECT', 'TRACE', 'get', 'PRI', 'QUERY', 'M-SEARCH', '')),
  60,
)
const pathChar = charOf("ab09-._~!$&'()*+,;=:@/")
const path = fc
  .array(fc.oneof(pathChar, fc.constantFrom('%20', '%2F', '%00', '//', '/../')), { maxLength: 8 })
  .map((parts) => `/${parts.join('')}`)
const query = fc.constantFrom('', '', '?', '?a=b', '?a=%zz', '?a?b', '?a=/b', '?%', '?[]{}|"')
const target = mostly(
  fc.tuple(path, query).map((parts) => parts.join('')),
  fc.oneof(
    fc.constantFrom('*', 'http://a/b', 'http://a', 'HTTP://A:80?x', 'http://b/', 'http://a@b/'),
    fc.constantFrom('https://a/', 'a:80', 'a/b', '', '/a#b', '/%', '/%zz', '/a b', '/caf\xe9'),
    fc.constantFrom('/\\', '\\', '//a/b', '?a', 'http:/a', 'http:///b', '/\t', '/a\x80b'),
  ),
)
const version = mostly(
  fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
  fc.constantFrom('HTTP/1.2', 'HTTP/2.0', 'HTTP/0.9', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', ''),
  80,
)
const requestLine = fc
  .tuple(method, blank, target, blank, version, lineEnd)
  .map((parts) => parts.join(''))

const value = mostly(
  fc.constantFrom('', 'b', 'b c', 'b, c', '"b"', 'caf\xe9', 'a:b', '0', 'chunked', '\x80\xff'),
  fc.string({ unit: fc.oneof(anyByte, oddByte), maxLength: 6 }),
)
const plainHeader = fc.tuple(mostly(token, fc.constantFrom('', 'X A', '\xe9', 'X\0')), value)

function known(name: string, usual: readonly string[], odd: readonly string[]) {
  const spelling = fc.constantFrom(name, name, name.toLowerCase(), name.toUpperCase())
  return fc.tuple(spelling, mostly(fc.constantFrom(...usual), fc.constantFrom(...odd)))
}

const connection = known(
  'Connection',
  ['keep-alive', 'close', 'x-foo', 'keep-alive, x', 'x, close', 'Upgrade'],
  ['', ',', 'close,', ',close', 'close close', 'keep-alive, close', 'clos', 'closed', '"close"'],
)
const proxyConnection = known('Proxy-Connection', ['keep-alive', 'close'], ['x, close', ''])
const expectation = known('Expect', ['100-continue', '100-Continue'], ['x', '', '100-continue,'])
const upgrade = known('Upgrade', ['websocket', 'h2c'], ['', ','])
const secondHost = known('Host', ['a'], ['b', '', 'a:80', 'a/b', 'a b'])
const oddHeader = mostlyOf(
  fc.oneof({ weight: 8, arbitrary: plainHeader }, { weight: 2, arbitrary: connection }),
  fc.oneof(expectation, upgrade, secondHost, proxyConnection),
  40,
)

function mostlyOf<T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>, weight: number) {
  return fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd })
}

const colon = mostly(
  fc.constantFrom(': ', ':'),
  fc.constantFrom(' : ', ':\t', '\t: ', ' :', ''),
  200,
)
const headerTail = mostly(fc.constant(''), fc.constantFrom(' ', '\t', ' \t', '\r\n b', '\x0b'), 150)
function toLine(header: fc.Arbitrary<[string, string]>): fc.Arbitrary<string> {
  return fc
    .tuple(header, colon, headerTail, lineEnd)
    .map(([[name, text], between, tail, end]) => name + between + text + tail + end)
}

const host = toLine(
  known(
    'Host',
    ['a', 'shop.example', 'a:8000', '[::1]', '127.0.0.1'],
    ['', 'a/b', 'a b', 'a,b', '@'],
  ),
)
const otherLines = fc.array(toLine(oddHeader), { maxLength: 4 }).map((lines) => lines.join(''))

interface Framed {
  readonly lines: string
  readonly body: string
}

const bodyText = fc.string({
  unit: fc.oneof(charOf('ab0\r\n'), anyByte),
  maxLength: 20,
})
const noBody: fc.Arbitrary<Framed> = fc.constant({ lines: '', body: '' })
const counted: fc.Arbitrary<Framed> = fc
  .tuple(
    bodyText,
    mostly(fc.constant('='), fc.constantFrom('+', '-', '0', ' ', 'x', ',', '0x', '_', '1'), 30),
    toLine(
      known('Content-Length', ['\x01'], ['\x01, \x01', '+\x01', '-\x01', '\x01 ', '\x01a', '']),
    ),
  )
  .map(([body, change, line]) => {
    const length = change === '=' ? String(body.length) : `${change}${body.length}`
    return { lines: line.replaceAll('\x01', length), body }
  })

const digits = mostly(
  fc.constant('='),
  fc.constantFrom(
    '+',
    '-',
    '0',
    '000',
    '0x',
    ' ',
    'x',
    'f',
    '1',
    '00000000000000000',
    'ffffffffffffffff',
  ),
  80,
)
const extension = mostly(
  fc.constantFrom('', '', '', ';a', ';a=b', ';a="b"'),
  fc.constantFrom(
    ';',
    '; a',
    ' ;a',
    ';a=',
    ';=b',
    ';a="',
    ';a\n',
    ' ',
    '\t',
    ';a b',
    ';\x80',
    ';a="\\"',
  ),
  60,
)
const chunk = fc
  .tuple(
    fc.string({ unit: charOf('ab0\r\n\0\xff'), minLength: 1, maxLength: 18 }),
    ...[digits, extension, lineEnd, lineEnd],
  )
  .map(([data, change, more, end, last]) => {
    const size = data.length.toString(16)
    return (change === '=' ? size : change + size) + more + end + data + last
  })
const trailers = fc
  .array(toLine(mostlyOf(plainHeader, fc.oneof(secondHost, connection), 15)), { maxLength: 2 })
  .map((lines) => lines.join(''))
const chunks = fc
  .tuple(
    fc.array(chunk, { maxLength: 3 }),
    fc.constantFrom('0', '0', '000', '0;a', '0 '),
    trailers,
    lineEnd,
    lineEnd,
  )
  .map(([list, zero, lines, end, last]) => list.join('') + zero + end + lines + last)
const codingLine = toLine(
  known(
    'Transfer-Encoding',
    ['chunked', 'chunked', 'Chunked'],
    ['gzip, chunked', 'chunked, gzip', 'identity', 'xchunked', 'chunked,', ',chunked', '', 'gzip'],
  ),
)
const chunkedBody: fc.Arbitrary<Framed> = fc
  .tuple(codingLine, chunks)
  .map(([lines, body]) => ({ lines, body }))
const doubly: fc.Arbitrary<Framed> = fc
  .tuple(fc.oneof(counted, chunkedBody), fc.oneof(counted, chunkedBody))
  .map(([one, other]) => ({ lines: one.lines + other.lines, body: one.body }))

const framed = fc.oneof(
  { weight: 5, arbitrary: noBody },
  { weight: 6, arbitrary: counted },
  { weight: 8, arbitrary: chunkedBody },
  { weight: 1, arbitrary: doubly },
)

const message = fc
  .tuple(
    mostly(fc.constant(''), fc.constantFrom('\r\n', '\n', '\r\n\r\n', ' ', '\0'), 100),
    requestLine,
    mostly(host, fc.constant(''), 100),
    otherLines,
    framed,
    lineEnd,
  )
  .map(([before, line, hostLine, others, { lines, body }, end]) => {
    return before + line + hostLine + others + lines + end + body
  })

/** Where, as a share of the length, and what with. */
interface Mutation {
  readonly at: number
  readonly kind: 'insert' | 'delete' | 'replace' | 'repeat line' | 'cut off' | 'swap case'
  readonly byte: string
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
  kind: fc.constantFrom<Mutation['kind']>(
    ...(['insert', 'insert', 'delete', 'replace', 'repeat line', 'cut off', 'swap case'] as const),
  ),
  byte: fc.oneof(anyByte, oddByte, oddByte),
})

function mutate(text: string, { at, kind, byte }: Mutation): string {
  const place = Math.floor(at * text.length)
  switch (kind) {
    case 'insert':
      return text.slice(0, place) + byte + text.slice(place)
    case 'delete':
      return text.slice(0, place) + text.slice(place + 1)
    case 'replace':
      return text.slice(0, place) + byte + text.slice(place + 1)
    case 'repeat line': {
      const from = text.lastIndexOf('\n', place) + 1
      const end = text.indexOf('\n', place) + 1
      return end === 0 ? text : text.slice(0, end) + text.slice(from, end) + text.slice(end)
    }
    case 'cut off':
      return text.slice(0, place)
    case 'swap case': {
      const char = text.charAt(place)
      const lower = char.toLowerCase()
      const swapped = lower === char ? char.toUpperCase() : lower
      // Of some characters the other case is outside of latin1.
      return swapped.charCodeAt(0) > 255 || swapped.length > 1
        ? text
        : text.slice(0, place) + swapped + text.slice(place + 1)
    }
  }
}
