import { describe, expect, test } from 'vitest'
import { compileExpression } from '../../../kernel/expressions/expression.ts'
import { EXPRESSION_LIMITS } from '../../../kernel/expressions/limits.ts'
import { RequestFacts } from '../../../kernel/expressions/request-facts.ts'
import { makeRouterRequest } from '../../support/router-request.ts'

const { lengthMax, nestingMax, predicatesMax, regexesMax, listItemsMax } = EXPRESSION_LIMITS

const one = 'net.dst.port == 1'
const repeat = (count: number, part: string, sign: string) =>
  Array.from({ length: count }, () => part).join(sign)
const nested = (depth: number, opening: string) =>
  `${opening.repeat(depth)}${one}${')'.repeat(depth)}`
const lists = (depth: number) => {
  let vars: unknown[] = ['arg_a', '==', 'b']
  for (let level = 0; level < depth; level++) vars = [vars]
  return vars
}

// What is just right, and what is one more.
const limits: readonly (readonly [string, string, string, string])[] = [
  [
    'nested brackets',
    nested(nestingMax, '('),
    nested(nestingMax + 1, '('),
    `line 1, column 65: brackets can be nested 64 deep, this is one more`,
  ],
  [
    'nested negations',
    nested(nestingMax, '!('),
    nested(nestingMax + 1, '!('),
    `line 1, column 130: brackets can be nested 64 deep, this is one more`,
  ],
  [
    'alternatives',
    repeat(predicatesMax, one, '||'),
    repeat(predicatesMax + 1, one, '||'),
    'line 1, column 4865: an expression has at most 256 comparisons, this is one more',
  ],
  [
    'characters',
    `http.path == "${'x'.repeat(lengthMax - 15)}"`,
    `http.path == "${'x'.repeat(lengthMax - 14)}"`,
    'line 1, column 16385: an expression has at most 16384 characters, got 16385',
  ],
  [
    'regular expressions',
    repeat(regexesMax, 'http.path ~ "a"', '&&'),
    repeat(regexesMax + 1, 'http.path ~ "a"', '&&'),
    'line 1, column 273: an expression has at most 16 regular expressions',
  ],
]

describe('a hostile expression', () => {
  test.each(limits)('may have so many %s and no more', (_what, right, tooMuch, message) => {
    expect(compileExpression(right)).not.toBeNull()
    expect(() => compileExpression(tooMuch)).toThrow(message)
  })

  test.each([
    ['brackets that never close', '('.repeat(10_000), 'brackets can be nested 64 deep'],
    ['exclamation marks', '!'.repeat(10_000), 'wanted "(" after "!"'],
    ['transforms', `${'any('.repeat(4_000)}http.path`, 'wanted the ")" of any()'],
    ['a string that never ends', `http.path == "${'\\\\'.repeat(5_000)}`, 'has no " at its end'],
    ['a long name', `${'a'.repeat(10_000)} == 1`, 'unknown field "aaa'],
    ['a long number', `net.dst.port == ${'9'.repeat(10_000)}`, 'a whole number has 64 bits'],
    ['a huge regex', `http.path ~ "${'(a|b)'.repeat(600)}"`, 'at most 2048 are allowed'],
    ['a counted repeat', 'http.path ~ "(a{1,1000}){1,1000}"', 'states'],
    ['a control character', 'http.path == "/" \u0000', 'wanted "&&", "||" or the end'],
    ['letters of another script', 'http.pаth == "/"', 'unknown field "http.p"'],
  ])('is refused at once with %s', (_what, text, message) => {
    expect(() => compileExpression(text)).toThrow(message)
  })

  test('has a short message, whatever its length', () => {
    let message = ''
    try {
      compileExpression(`http.path == "/" ${'x'.repeat(16_000)}`)
    } catch (error) {
      message = (error as Error).message
    }
    expect(message.length).toBeLessThan(200)
  })

  test('runs a pattern that hangs a backtracking engine', () => {
    const expression = compileExpression('http.headers.a ~ r#"^(\\w+)+$"#')!
    const headers = ['a', `${'a'.repeat(20_000)}!`]
    expect(expression.holds(new RequestFacts(makeRouterRequest({ headers })))).toBe(false)
  })
})

describe('hostile vars', () => {
  test.each([
    ['lists in lists', lists(nestingMax), lists(nestingMax + 1), 'lists can be nested 64 deep'],
    [
      'conditions',
      Array.from({ length: predicatesMax }, () => ['arg_a', '==', 'b']),
      Array.from({ length: predicatesMax + 1 }, () => ['arg_a', '==', 'b']),
      'has at most 256 conditions, this is one more',
    ],
    [
      'items',
      ['arg_a', 'in', Array.from({ length: listItemsMax }, String)],
      ['arg_a', 'in', Array.from({ length: listItemsMax + 1 }, String)],
      'has at most 1000 items, got 1001',
    ],
    [
      'regular expressions',
      Array.from({ length: regexesMax }, () => ['arg_a', '~~', 'b']),
      Array.from({ length: regexesMax + 1 }, () => ['arg_a', '~~', 'b']),
      'has at most 16 regular expressions, this is one more',
    ],
  ])('may have so many %s and no more', (_what, right, tooMuch, message) => {
    expect(compileExpression(null, right)).not.toBeNull()
    expect(() => compileExpression(null, tooMuch)).toThrow(message)
  })
})
