import fc from 'fast-check'
import type { RouterRequest } from '../../kernel/router/types.ts'

/**
 * Random expressions and `vars`, and a slow, obvious evaluator for them. It shares no code with the
 * kernel and never sees the text: both are made of the same drawing.
 */

export type Drawing =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Drawing[]; readonly bare: boolean }
  | { readonly kind: 'not'; readonly part: Drawing }
  | { readonly kind: 'test'; readonly test: DrawnTest }

interface DrawnTest {
  readonly field: string
  readonly operator: string
  readonly literal: string | number
  readonly spelling: 'quoted' | 'raw' | 'bare'
  readonly any: boolean
  readonly lower: boolean
}

// Few values each, so that requests hit.
const texts = ['a', 'A', 'b', '/', '/a', '/a/b', '/ab', '', 'GET', 'a.test', 'a/b', 'x"y', 'http']
const patterns = ['^/a', 'a$', '/[ab]/?', '^/(\\w+)/b', 'A', '^$', 'a|b', '^/a|b', '^/a|/a']
const blocks = ['10.0.0.0/8', '10.0.0.4/31', '0.0.0.0/0', 'fd00::/8', '::/0', '10.0.0.1/32']
const addresses = ['10.0.0.1', '10.0.0.5', 'fd00::1', 'fd00:0:0:0:0:0:0:1', '11.0.0.1']

const stringFields = [
  'net.protocol',
  'tls.sni',
  'http.method',
  'http.host',
  'http.path',
  'http.path.segments.0',
  'http.path.segments.1',
  'http.path.segments.0_1',
  'http.headers.x_a',
  'http.headers.b',
  'http.queries.q',
  'http.queries.r',
]
const numberFields = ['http.path.segments.len', 'net.src.port', 'net.dst.port']
const addressFields = ['net.src.ip', 'net.dst.ip']

const stringTest = fc.record({
  field: fc.constantFrom(...stringFields),
  operator: fc.constantFrom('==', '!=', '^=', '=^', 'contains'),
  literal: fc.constantFrom(...texts),
  spelling: fc.constantFrom('quoted' as const, 'raw' as const),
  any: fc.boolean(),
  lower: fc.boolean(),
})
const regexTest = fc.record({
  field: fc.constantFrom(...stringFields),
  operator: fc.constant('~'),
  literal: fc.constantFrom(...patterns),
  spelling: fc.constant('raw' as const),
  any: fc.boolean(),
  lower: fc.boolean(),
})
const numberTest = fc.record({
  field: fc.constantFrom(...numberFields),
  operator: fc.constantFrom('==', '!=', '>', '>=', '<', '<='),
  literal: fc.constantFrom(-1, 0, 1, 2, 80, 443),
  spelling: fc.constant('bare' as const),
  any: fc.boolean(),
  lower: fc.constant(false),
})
const addressTest = fc
  .tuple(
    fc.constantFrom(...addressFields),
    fc.boolean(),
    fc.oneof(
      fc.tuple(fc.constantFrom('==', '!='), fc.constantFrom(...addresses)),
      fc.tuple(fc.constantFrom('in', 'not in'), fc.constantFrom(...blocks)),
    ),
  )
  .map(([field, any, [operator, literal]]) => ({
    field,
    any,
    operator,
    literal,
    spelling: 'bare' as const,
    lower: false,
  }))

const testDrawing: fc.Arbitrary<Drawing> = fc
  .oneof(stringTest, stringTest, regexTest, numberTest, addressTest)
  .map((test) => ({ kind: 'test', test }))

export const drawingArbitrary: fc.Arbitrary<Drawing> = fc.letrec<{ tree: Drawing }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    testDrawing,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      parts: fc.array(tie('tree'), { minLength: 2, maxLength: 4 }),
      bare: fc.boolean(),
    }),
    fc.record({ kind: fc.constant('not' as const), part: tie('tree') }),
  ),
})).tree

/** The text of a drawing. `bare` ones go without brackets where the precedence allows it. */
export function printDrawing(
  drawing: Drawing,
  inside: 'nothing' | 'and' | 'or' = 'nothing',
): string {
  if (drawing.kind === 'test') return printTest(drawing.test)
  if (drawing.kind === 'not') return `!(${printDrawing(drawing.part)})`
  const sign = drawing.kind === 'and' ? ' && ' : '||'
  const text = drawing.parts.map((part) => printDrawing(part, drawing.kind)).join(sign)
  // || binds tighter than &&, so that only && inside of || needs brackets.
  const mayGoWithout = inside !== 'or' || drawing.kind === 'or'
  return drawing.bare && mayGoWithout ? text : `( ${text}\n)`
}

function printTest({ field, operator, literal, spelling, any, lower }: DrawnTest): string {
  let subject = field
  if (lower) subject = `lower(${subject})`
  if (any) subject = `any( ${subject} )`
  const text = String(literal)
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
  const isRaw = spelling === 'raw'
  const shown = spelling === 'bare' ? text : isRaw ? `r#"${text}"#` : `"${escaped}"`
  return `${subject} ${operator} ${shown}`
}

export function evaluateDrawing(drawing: Drawing, request: RouterRequest): boolean {
  switch (drawing.kind) {
    case 'and':
      return drawing.parts.every((part) => evaluateDrawing(part, request))
    case 'or':
      return drawing.parts.some((part) => evaluateDrawing(part, request))
    case 'not':
      return !evaluateDrawing(drawing.part, request)
    case 'test': {
      const { test } = drawing
      const values = valuesOf(test.field, request)
      if (values.length === 0) return false
      const results = values.map((value) => compare(value, test))
      return test.any ? results.includes(true) : !results.includes(false)
    }
  }
}

function valuesOf(field: string, request: RouterRequest): (string | number)[] {
  const given = (value: string | null) => (value === null ? [] : [value])
  const segments = request.path.split('/').slice(1)
  if (segments.at(-1) === '') segments.pop()
  switch (field) {
    case 'net.protocol':
      return [request.scheme]
    case 'tls.sni':
      return given(request.sni).map((sni) => sni.toLowerCase().replace(/\.$/, ''))
    case 'http.method':
      return [request.method]
    case 'http.host':
      return given(request.host).map((host) => host.toLowerCase().replace(/:\d+$/, ''))
    case 'http.path':
      return [request.path]
    case 'http.path.segments.0':
      return segments.slice(0, 1)
    case 'http.path.segments.1':
      return segments.slice(1, 2)
    case 'http.path.segments.0_1':
      return segments.length < 2 ? [] : [`${segments[0]}/${segments[1]}`]
    case 'http.path.segments.len':
      return [segments.length]
    case 'net.src.port':
      return [request.srcPort]
    case 'net.dst.port':
      return [request.dstPort]
    case 'net.src.ip':
      return given(request.srcIp)
    case 'net.dst.ip':
      return given(request.dstIp)
  }
  if (field.startsWith('http.queries.')) {
    return new URLSearchParams(request.query).getAll(field.slice('http.queries.'.length))
  }
  const header = field.slice('http.headers.'.length).replaceAll('_', '-')
  return request.headers.filter(
    (_, at) => at % 2 === 1 && request.headers[at - 1]?.toLowerCase() === header,
  )
}

function compare(value: string | number, test: DrawnTest): boolean {
  const { field, operator, literal } = test
  if (typeof value === 'number' && typeof literal === 'number') {
    return compareNumbers(value, operator, literal)
  }
  const left = test.lower ? String(value).toLowerCase() : String(value)
  // Names of hosts have no case.
  const hasNoCase = field === 'http.host' || field === 'tls.sni'
  const right = hasNoCase && operator !== '~' ? String(literal).toLowerCase() : String(literal)
  switch (operator) {
    case '==':
      return addressFields.includes(field) ? bits(left) === bits(right) : left === right
    case '!=':
      return addressFields.includes(field) ? bits(left) !== bits(right) : left !== right
    case '^=':
      return left.slice(0, right.length) === right
    case '=^':
      return right === '' || left.slice(-right.length) === right
    case 'contains':
      return left.split(right).length > 1 || right === ''
    case '~':
      return new RegExp(right).test(left)
    case 'in':
      return isInside(left, right)
    default:
      return !isInside(left, right)
  }
}

export function compareNumbers(left: number, operator: string, right: number): boolean {
  switch (operator) {
    case '==':
      return left === right
    case '!=':
      return left !== right
    case '>':
      return left > right
    case '>=':
      return left >= right
    case '<':
      return left < right
    default:
      return left <= right
  }
}

/** An address as text of 32 or 128 zeros and ones. */
function bits(address: string): string {
  if (!address.includes(':')) {
    return address
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('')
  }
  const [left = '', right] = address.split('::')
  const before = left.split(':').filter((group) => group !== '')
  const after = (right ?? '').split(':').filter((group) => group !== '')
  const zeros: string[] = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after]
    .map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0'))
    .join('')
}

export function isInside(address: string, block: string): boolean {
  const [network = '', length] = block.split('/')
  const [left, right] = [bits(address), bits(network)]
  if (left.length !== right.length) return false
  const count = length === undefined ? left.length : Number(length)
  return left.slice(0, count) === right.slice(0, count)
}

export const requestArbitrary: fc.Arbitrary<RouterRequest> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'a'),
  path: fc.constantFrom('/', '/a', '/a/', '/a/b', '/a/b/c/', '/ab', '/A/b', '/b', '/b/a'),
  query: fc.constantFrom('', '?', '?q', '?q=', '?q=a', '?q=a&q=A', '?q=b&r=a&q=b', '?r=%2Fa+b&x'),
  host: fc.constantFrom(null, 'a.test', 'A.test:80', 'b.a.test', 'a'),
  scheme: fc.constantFrom('http', 'https'),
  headers: fc.constantFrom<string[]>(
    [],
    ['X-A', 'a'],
    ['x-a', 'a', 'X-A', 'b'],
    ['x-a', 'A', 'B', ''],
    ['x_a', 'a', 'b', '/a'],
    ['b', 'a', 'Cookie', 'c=a; d=1; c=b', 'x-a', '5'],
  ),
  sni: fc.constantFrom(null, 'a.test', 'A.TEST.'),
  srcIp: fc.constantFrom(null, '10.0.0.1', '10.0.0.5', '11.0.0.1', 'fd00::1'),
  srcPort: fc.constantFrom(1, 80, 443),
  dstIp: fc.constantFrom('10.0.0.1', 'fd00::2'),
  dstPort: fc.constantFrom(80, 443),
})
