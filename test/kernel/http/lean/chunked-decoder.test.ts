import { describe, expect, test } from 'vitest'
import { ChunkedDecoder, toChunkHead } from '../../../../kernel/http/lean/chunked-decoder.ts'
import { createHttpLimits } from '../../../../kernel/http/limits.ts'

const LIMITS = createHttpLimits({ headerBytesMax: 200, headersMax: 3, chunkExtensionBytesMax: 40 })

/** Coded body; what it decodes to; what of the input is not part of it. */
const SOUND: readonly (readonly [name: string, coded: string, body: string, rest: string])[] = [
  ['nothing', '0\r\n\r\n', '', ''],
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello', ''],
  ['several chunks', '1\r\na\r\n2\r\nbc\r\n3\r\ndef\r\n0\r\n\r\n', 'abcdef', ''],
  [
    'digits of either case',
    'a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n',
    '01234567890123456789a',
    '',
  ],
  ['leading zeros', '0005\r\nhello\r\n0000\r\n\r\n', 'hello', ''],
  ['line ends in the data', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n', ''],
  ['what looks like an end in the data', '5\r\n0\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n', ''],
  ['every byte', `100\r\n${everyByte()}\r\n0\r\n\r\n`, everyByte(), ''],
  ['extensions', '5;a\r\nhello\r\n1;b=c;d="e \\" f"\r\n!\r\n0;g=h\r\n\r\n', 'hello!', ''],
  ['the next message after it', '2\r\nok\r\n0\r\n\r\nGET / HTTP', 'ok', 'GET / HTTP'],
  ['trailers', '2\r\nok\r\n0\r\nX-A: 1\r\nx-b:\t 2 \t\r\n\r\nrest', 'ok', 'rest'],
  ['a trailer without a value', '0\r\nX-A:\r\n\r\n', '', ''],
]

const BROKEN: readonly (readonly [name: string, coded: string])[] = [
  ['no size', '\r\nabc\r\n0\r\n\r\n'],
  ['a size that is no number', 'zz\r\nabc\r\n0\r\n\r\n'],
  ['a plus', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a minus', '-3\r\nabc\r\n0\r\n\r\n'],
  ['0x', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['a space before the size', ' 3\r\nabc\r\n0\r\n\r\n'],
  ['a space after the size', '3 \r\nabc\r\n0\r\n\r\n'],
  ['a tab after the size', '3\t\r\nabc\r\n0\r\n\r\n'],
  ['an underscore in the size', '1_0\r\nabc\r\n0\r\n\r\n'],
  ['a dot in the size', '3.0\r\nabc\r\n0\r\n\r\n'],
  ['a byte over 127 as a digit', '\xb3\r\nabc\r\n0\r\n\r\n'],
  ['a NUL after the size', '3\0\r\nabc\r\n0\r\n\r\n'],
  ['a size over 2^64', 'fffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ['a size of 2^64 + 3', '10000000000000003\r\nabc\r\n0\r\n\r\n'],
  ['a size over 2^53', '20000000000003\r\nabc\r\n0\r\n\r\n'],
  ['more zeros than anybody needs', '00000000000003\r\nabc\r\n0\r\n\r\n'],
  ['a bare LF after the size', '3\nabc\r\n0\r\n\r\n'],
  ['a bare CR after the size', '3\rabc\r\n0\r\n\r\n'],
  ['two CRs after the size', '3\r\r\nabc\r\n0\r\n\r\n'],
  ['a bare LF after the data', '3\r\nabc\n0\r\n\r\n'],
  ['a bare CR after the data', '3\r\nabc\r0\r\n\r\n'],
  ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
  ['nothing between data and size', '3\r\nabc0\r\n\r\n'],
  ['a bare LF in an extension', '3;a\nabc\r\n0\r\n\r\n'],
  ['a bare CR in an extension', '3;a\rb\r\nabc\r\n0\r\n\r\n'],
  ['a NUL in an extension', '3;a\0\r\nabc\r\n0\r\n\r\n'],
  ['an extension without a name', '3;\r\nabc\r\n0\r\n\r\n'],
  ['an extension of spaces', '3; \r\nabc\r\n0\r\n\r\n'],
  ['an extension without a value', '3;a=\r\nabc\r\n0\r\n\r\n'],
  ['an open quote in an extension', '3;a="b\r\nabc\r\n0\r\n\r\n'],
  ['a long extension', `3;${'a'.repeat(40)}\r\nabc\r\n0\r\n\r\n`],
  ['a bare LF as the end', '0\r\n\n'],
  ['a bare LF after the last size', '0\n\r\n'],
  ['a bare CR as the end', '0\r\n\rX'],
  ['a bare LF after a trailer', '0\r\nX-A: b\n\r\n'],
  ['a bare CR in a trailer', '0\r\nX-A: b\rc\r\n\r\n'],
  ['two CRs in a trailer', '0\r\nX-A: b\r\r\n\r\n'],
  ['a folded trailer', '0\r\nX-A: b\r\n c\r\n\r\n'],
  ['a folded first trailer', '0\r\n X-A: b\r\n\r\n'],
  ['a trailer without a colon', '0\r\nX-A\r\n\r\n'],
  ['a trailer without a name', '0\r\n: b\r\n\r\n'],
  ['a space before the colon of a trailer', '0\r\nX-A : b\r\n\r\n'],
  ['a NUL in a trailer', '0\r\nX-A: b\0\r\n\r\n'],
  ['many trailers', `0\r\n${'X-A: b\r\n'.repeat(4)}\r\n`],
  ['large trailers', `0\r\nX-A: ${'b'.repeat(200)}\r\n\r\n`],
]

describe('the decoder of chunked bodies', () => {
  test.each(SOUND)('takes %s, cut anywhere', (_name, coded, body, rest) => {
    for (const result of decodeEveryWay(coded)) {
      expect(result).toEqual({ body, rest, done: true, problem: null })
    }
  })

  test.each(SOUND)('knows that %s is not over before its end', (_name, coded, _body, rest) => {
    const length = coded.length - rest.length
    for (let end = 0; end < length; end++) {
      const result = decode([coded.slice(0, end)])
      expect([result.done, result.problem]).toEqual([false, null])
    }
  })

  test.each(BROKEN)('refuses %s, cut anywhere', (_name, coded) => {
    const problems = new Set<string | null>()
    for (const result of decodeEveryWay(coded)) {
      expect(result.done).toBe(false)
      problems.add(result.problem)
    }
    expect([...problems]).toEqual([expect.any(String)])
  })

  test('keeps trailers as received', () => {
    const decoder = new ChunkedDecoder(LIMITS)
    decoder.decode(Buffer.from('0\r\nX-One: 1\r\nx_two:\t2 \r\n\r\n'), 0, () => {})
    expect(decoder.trailers).toEqual(['X-One', '1', 'x_two', '2'])
  })

  test('has no trailers when there are none, also after a message that had some', () => {
    const decoder = new ChunkedDecoder(LIMITS)
    decoder.decode(Buffer.from('0\r\nX-One: 1\r\n\r\n'), 0, () => {})
    decoder.reset()
    decoder.decode(Buffer.from('0\r\n\r\n'), 0, () => {})
    expect([decoder.done, decoder.trailers]).toEqual([true, null])
  })

  test('stays broken until it is reset', () => {
    const decoder = new ChunkedDecoder(LIMITS)
    expect(decoder.decode(Buffer.from('x'), 0, () => {})).toBe(-1)
    expect(decoder.decode(Buffer.from('0\r\n\r\n'), 0, () => {})).toBe(-1)
    decoder.reset()
    expect(decoder.decode(Buffer.from('0\r\n\r\n'), 0, () => {})).toBe(5)
  })

  test('bounds an extension and trailers that do not end', () => {
    expect(decode([`3;${'a'.repeat(1_000)}`]).problem).toMatch(/chunkExtensionBytesMax/)
    expect(decode([`0\r\nX: ${'a'.repeat(1_000)}`]).problem).toMatch(/headerBytesMax/)
  })

  test('takes the chunk heads that we write', () => {
    const sizes = [1, 9, 10, 255, 256, 65_536]
    const coded = sizes.map((size) => `${toChunkHead(size)}${'x'.repeat(size)}\r\n`).join('')
    const result = decode([`${coded}0\r\n\r\n`])
    expect(result.body).toHaveLength(sizes.reduce((sum, size) => sum + size))
    expect(result.done).toBe(true)
  })
})

function decode(parts: readonly string[]) {
  const decoder = new ChunkedDecoder(LIMITS)
  let body = ''
  let rest = ''
  for (const part of parts) {
    const bytes = Buffer.from(part, 'latin1')
    const at = decoder.decode(bytes, 0, (piece) => {
      body += piece.toString('latin1')
    })
    rest += at === -1 ? '' : bytes.toString('latin1', at)
  }
  return { body, rest, done: decoder.done, problem: decoder.problem }
}

/** Whole, in two parts cut at every byte, and byte by byte. */
function* decodeEveryWay(coded: string) {
  yield decode([coded])
  for (let cut = 1; cut < coded.length; cut++) yield decode([coded.slice(0, cut), coded.slice(cut)])
  yield decode(coded.split(''))
}

function everyByte(): string {
  return Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString('latin1')
}
