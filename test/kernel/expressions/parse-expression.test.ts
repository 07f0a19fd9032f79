import { describe, expect, test } from 'vitest'
import { ExpressionError } from '../../../kernel/expressions/expression-error.ts'
import { compileExpression } from '../../../kernel/expressions/expression.ts'
import { parseExpression } from '../../../kernel/expressions/parse-expression.ts'
import { RequestFacts } from '../../../kernel/expressions/request-facts.ts'
import { makeRouterRequest } from '../../support/router-request.ts'

const fields =
  'net.protocol, tls.sni, http.method, http.host, http.path, http.path.segments.len, net.src.ip, net.src.port, net.dst.ip, net.dst.port, http.path.segments.*, http.headers.*, http.queries.*'
const operators = '==, !=, ~, ^=, =^, contains, >, >=, <, <=, in, not in'

// The text, and the message with which it is refused; its place counts from 1.
const refusals: readonly (readonly [string, string])[] = [
  [
    '',
    '1:1 wanted a field like http.path, lower(), any(), "(" or "!(", but the expression ends here',
  ],
  [
    '  ',
    '1:3 wanted a field like http.path, lower(), any(), "(" or "!(", but the expression ends here',
  ],
  [
    '"a" == http.path',
    '1:1 wanted a field like http.path, lower(), any(), "(" or "!(", got "\\"a\\" == http.path"',
  ],
  ['http.pth == "/a"', '1:1 unknown field "http.pth"; did you mean "http.path"?'],
  ['colour == "red"', `1:1 unknown field "colour"; there are ${fields}`],
  ['http.headers.x-foo == "a"', '1:15 wanted "_" for each "-" of a name, got "-foo == \\"a\\""'],
  [
    'http.headers.X_Foo == "a"',
    '1:1 names of headers are written in lower case: wanted "http.headers.x_foo", got "http.headers.X_Foo"',
  ],
  ['http.headers. == "a"', '1:1 wanted the name of a header after "http.headers."'],
  ['http.headers.host == "a"', '1:1 wanted http.host: the Host header is no http.headers.host'],
  ['http.queries. == "a"', '1:1 wanted the name of a query argument after "http.queries."'],
  [
    'http.path.segments.x == "a"',
    '1:1 wanted a segment like "0", several like "0_2", or "len" after "http.path.segments.", got "x"',
  ],
  [
    'http.path.segments.1_1 == "a"',
    '1:1 wanted a segment like "0", several like "0_2", or "len" after "http.path.segments.", got "1_1"',
  ],
  [
    'http.path.segments.01 == "a"',
    '1:1 wanted a segment like "0", several like "0_2", or "len" after "http.path.segments.", got "01"',
  ],
  ['upper(http.path) == "a"', '1:1 unknown transform "upper"; there are lower() and any()'],
  ['lower(net.src.port) == 1', '1:7 lower() is for strings, and net.src.port is none'],
  ['lower(http.path == "a"', '1:17 wanted the ")" of lower(), got "== \\"a\\""'],
  ['http.path', `1:10 wanted an operator (${operators}), but the expression ends here`],
  [
    'http.path = "/a"',
    `1:11 wanted an operator (${operators}), got "= \\"/a\\""; did you mean ==?`,
  ],
  [
    'http.path === "/a"',
    `1:11 wanted an operator (${operators}), got "=== \\"/a\\""; did you mean ==?`,
  ],
  [
    'http.path ~= "/a"',
    `1:11 wanted an operator (${operators}), got "~= \\"/a\\""; did you mean !=?`,
  ],
  [
    'http.path !~ "/a"',
    `1:11 wanted an operator (${operators}), got "!~ \\"/a\\""; did you mean !( .. ~ .. )?`,
  ],
  ['http.path not "/a"', `1:11 wanted an operator (${operators}), got "not \\"/a\\""`],
  ['http.path > 5', '1:11 http.path is a string and takes ==, !=, ~, ^=, =^, contains, got ">"'],
  [
    'net.dst.port ^= 8',
    '1:14 net.dst.port is a whole number and takes ==, !=, >, >=, <, <=, got "^="',
  ],
  ['net.src.ip ~ "10"', '1:12 net.src.ip is an IP address and takes ==, !=, in, not in, got "~"'],
  ['net.dst.port == "80"', '1:17 wanted a whole number for net.dst.port ==, got "80"'],
  ['net.dst.port == 80.5', '1:17 wanted a whole number, got "80.5"'],
  ['net.dst.port == 089', '1:17 a number that starts with 0 is octal, without 8 and 9, got 089'],
  [
    'net.dst.port == 9223372036854775808',
    '1:17 a whole number has 64 bits, got "9223372036854775808"',
  ],
  ['http.method == GET', '1:16 wanted a string in double quotes, got "GET"'],
  [
    "http.method == 'GET'",
    "1:16 wanted a string in double quotes; strings have double quotes, got '",
  ],
  ['http.path ~ 5', '1:13 wanted a string in double quotes for http.path ~, got 5'],
  [
    'net.src.ip == 10.0.0.0/8',
    '1:15 wanted an IP address like 10.0.0.1 or fd00::1 for net.src.ip ==, got "10.0.0.0/8"; for a block write "in"',
  ],
  [
    'net.src.ip in 10.0.0.1',
    '1:15 wanted a block of addresses like 10.0.0.0/8 or fd00::/8 for net.src.ip in, got "10.0.0.1"',
  ],
  [
    'net.src.ip in 10.0.0.1/8',
    '1:15 a block has no bits set behind its first 8: wanted 10.0.0.0/8, got 10.0.0.1/8',
  ],
  [
    'net.src.ip in fd00:1::/16',
    '1:15 a block has no bits set behind its first 16: wanted fd00::/16, got fd00:1::/16',
  ],
  ['net.src.ip in 10.0.0.0/33', '1:15 a block has 0 to 32 bits, got "10.0.0.0/33"'],
  [
    'net.src.ip == 10.0.0.256',
    '1:15 wanted an IP address like 10.0.0.1 or fd00::1, got "10.0.0.256"',
  ],
  [
    'http.path == "a\\d"',
    '1:16 a string knows \\", \\\\, \\n, \\r and \\t, got "\\d"; write regular expressions as r#"..."#',
  ],
  ['http.path == "abc', '1:14 this string has no " at its end'],
  ['http.path ~ r#"abc"', '1:13 this r#" has no "# at its end'],
  [
    'http.path ~ "(?=a)"',
    '1:13 regular expression "(?=a)", offset 0: look-around cannot be matched in linear time; match the text itself or use two rules',
  ],
  [
    'http.path == "a" and http.method == "GET"',
    '1:18 wanted "&&", "||" or the end, got "and http.method == \\"GET\\""; did you mean &&?',
  ],
  [
    'http.path == "a" & http.method == "GET"',
    '1:18 wanted "&&", "||" or the end, got "& http.method == \\"GET\\""; did you mean &&?',
  ],
  [
    'http.path == "a" &&',
    '1:20 wanted a field like http.path, lower(), any(), "(" or "!(", but the expression ends here',
  ],
  ['http.path == "a")', '1:17 wanted "&&", "||" or the end, got ")"'],
  [
    'http.path == "a" ||\n (http.path == "b"',
    '2:19 wanted "&&", "||" or the ")" for the "(" at line 2, column 2, but the expression ends here',
  ],
  [
    '! http.path == "a"',
    '1:3 wanted "(" after "!", as in !(http.path == "/a"), got "http.path == \\"a\\""',
  ],
  [
    '!!(http.path == "a")',
    '1:2 wanted "(" after "!", as in !(http.path == "/a"), got "!(http.path == \\"a\\")"',
  ],
  [
    'http.path == "a"\n  && http.pth == "b"',
    '2:6 unknown field "http.pth"; did you mean "http.path"?',
  ],
]

describe('an expression', () => {
  test.each(refusals)('is refused with its place: %s', (text, message) => {
    const error = errorOf(text)
    const [, line, column, reason] = /^(\d+):(\d+) ([^]*)$/.exec(message) ?? []
    expect(error.message).toBe(`line ${line}, column ${column}: ${reason}`)
    expect([error.line, error.column]).toEqual([Number(line), Number(column)])
    expect(lineAndColumn(text, error.offset)).toBe(`${line}:${column}`)
  })

  test.each([
    ['a && b', false],
    ['a || b', false],
    ['(a || b) && c', false],
    ['a && !(b || c)', false],
    ['a || b && c', true],
    ['a && b || c', true],
    ['d && (a || b && c)', true],
  ])('tells whether it mixes && and || without brackets: %s', (letters, mixes) => {
    expect(
      parseExpression(letters.replaceAll(/[a-d]/g, 'http.method == "$&"')).mixesOperators,
    ).toBe(mixes)
  })

  test.each([
    ['a || b && c', ['a', 'b'], false],
    ['a || b && c', ['a', 'c'], true],
    ['c && a || b', ['b'], false],
    ['c && a || b', ['c', 'b'], true],
    ['(c && a) || b', ['b'], true],
    ['a && b || c && d', ['a', 'd'], false],
    ['a && b || c && d', ['a', 'c', 'd'], true],
    ['!(a) && b', ['b'], true],
    ['!(a || b && c) && d', ['d', 'a'], true],
    ['!(a || b && c) && d', ['d', 'a', 'c'], false],
  ])('reads || before &&, as atc-router does: %s with %s', (letters, given, expected) => {
    const text = letters.replaceAll(/[a-d]/g, 'http.queries.$& == ""')
    const query = `?${given.join('&')}`
    const expression = compileExpression(text)!
    expect(expression.holds(new RequestFacts(makeRouterRequest({ query })))).toBe(expected)
  })
})

function errorOf(text: string): ExpressionError {
  try {
    parseExpression(text)
  } catch (error) {
    if (error instanceof ExpressionError) return error
    throw error
  }
  throw new Error(`not refused: ${text}`)
}

function lineAndColumn(text: string, offset: number): string {
  const lines = text.slice(0, offset).split('\n')
  return `${lines.length}:${lines.at(-1)!.length + 1}`
}
