import fc from 'fast-check'
import type { RouterRequest } from '../../kernel/router/types.ts'
import { compareNumbers, isInside } from './reference-expressions.ts'

/** Random `vars`, and a slow, obvious evaluator of the lists themselves. */

const variables = [
  'uri',
  'request_uri',
  'host',
  'request_method',
  'scheme',
  'remote_addr',
  'remote_port',
  'server_port',
  'args',
  'arg_q',
  'arg_r',
  'http_x_a',
  'http_b',
  'cookie_c',
  'cookie_d',
]
const several = ['arg_q', 'arg_r', 'http_x_a', 'http_b', 'cookie_c', 'cookie_d']
const items = ['a', 'A', 'b', '/a', '', 'a.test', '1', '5', '/a?q=a', 1, 5, 80, 443]
const numbers = ['1', 5, 80, '0x50', 443, -1]

const condition: fc.Arbitrary<unknown[]> = fc.oneof(
  fc.tuple(
    fc.constantFrom(...variables),
    fc.constantFrom('==', '~='),
    fc.constantFrom(...items, null),
  ),
  fc.tuple(
    fc.constantFrom(...variables),
    fc.constantFrom('>', '>=', '<', '<='),
    fc.constantFrom(...numbers),
  ),
  fc.tuple(
    fc.constantFrom(...variables),
    fc.constantFrom('~~', '~*'),
    fc.constantFrom('^/a', 'A', 'b$', 'a|b', '^$'),
  ),
  fc.tuple(
    fc.constantFrom(...variables),
    fc.constantFrom('in', 'IN'),
    fc.array(fc.constantFrom(...items), { minLength: 1, maxLength: 3 }),
  ),
  fc.tuple(fc.constantFrom(...several), fc.constant('has'), fc.constantFrom(...items)),
  fc.tuple(
    fc.constantFrom('remote_addr', 'arg_q', 'http_x_a'),
    fc.constant('ipmatch'),
    fc.constantFrom<unknown>('10.0.0.0/8', ['10.0.0.1', 'fd00::/8'], ['11.0.0.0/24']),
  ),
)
const maybeReversed = fc
  .tuple(condition, fc.boolean())
  .map(([[name, ...rest], isReversed]) => (isReversed ? [name, '!', ...rest] : [name, ...rest]))

export const varsArbitrary: fc.Arbitrary<unknown[]> = fc.letrec<{ tree: unknown[] }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    maybeReversed,
    fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    fc
      .tuple(
        fc.constantFrom('AND', 'OR', '!AND', '!OR', 'or'),
        fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
      )
      .map(([name, parts]) => [name, ...parts]),
  ),
})).tree

export function evaluateVars(list: readonly unknown[], request: RouterRequest): boolean {
  const [first, ...rest] = list
  if (Array.isArray(first)) return list.every((part) => evaluateVars(part as unknown[], request))
  const results = () => rest.map((part) => evaluateVars(part as unknown[], request))
  switch (String(first).toUpperCase()) {
    case 'AND':
      return !results().includes(false)
    case '!AND':
      return results().includes(false)
    case 'OR':
      return results().includes(true)
    case '!OR':
      return !results().includes(true)
  }
  if (rest[0] === '!') return !holds(String(first), rest.slice(1), request)
  return holds(String(first), rest, request)
}

function holds(
  name: string,
  [operator, value]: readonly unknown[],
  request: RouterRequest,
): boolean {
  const all = valuesOf(name, request)
  const separator = name.startsWith('http_') ? ', ' : null
  const text = all.length === 0 ? null : separator === null ? all[0]! : all.join(separator)
  // Names of hosts have no case.
  const fold = (right: unknown) => (name === 'host' ? String(right).toLowerCase() : right)
  const isSame = (left: string, right: unknown) =>
    typeof right === 'number' ? toNumber(left) === right : left === fold(right)
  switch (String(operator).toLowerCase()) {
    case '==':
      return value === null ? text === null : text !== null && isSame(text, value)
    case '~=':
      return value === null ? text !== null : text === null || !isSame(text, value)
    case '~~':
      return text !== null && new RegExp(value as string).test(text)
    case '~*':
      return text !== null && new RegExp(value as string, 'i').test(text)
    case 'in':
      return text !== null && (value as unknown[]).some((item) => isSame(text, item))
    case 'has':
      return all.some((item) => isSame(item, value))
    case 'ipmatch': {
      const list = Array.isArray(value) ? (value as string[]) : [value as string]
      const isAddress = text !== null && /^[0-9.]{7,}$|:/.test(text)
      return isAddress && list.some((block) => isInside(text, block))
    }
  }
  const left = text === null ? Number.NaN : toNumber(text)
  return compareNumbers(left, String(operator), toNumber(String(value)))
}

const toNumber = (text: string) =>
  /^ *-?(\d+\.?\d*|0x[0-9a-f]+) *$/i.test(text) ? Number(text) : Number.NaN

function valuesOf(name: string, request: RouterRequest): string[] {
  const query = new URLSearchParams(request.query)
  const headers = (header: string) =>
    request.headers.filter(
      (_, at) => at % 2 === 1 && request.headers[at - 1]?.toLowerCase() === header,
    )
  if (name.startsWith('arg_')) return query.getAll(name.slice(4))
  if (name.startsWith('http_')) return headers(name.slice(5).replaceAll('_', '-'))
  if (name.startsWith('cookie_')) {
    const pairs = headers('cookie').flatMap((line) => line.split('; '))
    const own = pairs.filter((pair) => pair.startsWith(`${name.slice(7)}=`))
    return own.map((pair) => pair.slice(pair.indexOf('=') + 1))
  }
  const known: Record<string, string | null> = {
    uri: request.path,
    request_uri: request.path + request.query,
    host: request.host?.toLowerCase().replace(/:\d+$/, '') ?? null,
    request_method: request.method,
    scheme: request.scheme,
    remote_addr: request.srcIp,
    remote_port: String(request.srcPort),
    server_port: String(request.dstPort),
    args: request.query.slice(1),
  }
  const value = known[name] ?? null
  return value === null ? [] : [value]
}
