import { describe, expect, test } from 'vitest'
import { compileExpression } from '../../../kernel/expressions/expression.ts'
import { RequestFacts } from '../../../kernel/expressions/request-facts.ts'
import type { RouterRequest } from '../../../kernel/router/types.ts'
import { makeRouterRequest } from '../../support/router-request.ts'

type Row = readonly [text: string, request: Partial<RouterRequest>, holds: boolean]

const twice = { headers: ['X-Env', 'prod', 'x-env', 'PROD'] }
const mixed = { headers: ['X-Env', 'prod', 'X-Env', 'test'] }
const tls = { scheme: 'https', sni: 'A.Test.' }

const groups: Readonly<Record<string, readonly Row[]>> = {
  'a string field': [
    ['http.path == "/a"', { path: '/a' }, true],
    ['http.path == "/a"', { path: '/A' }, false],
    ['lower(http.path) == "/a"', { path: '/A' }, true],
    ['http.path != "/a"', { path: '/b' }, true],
    ['http.path ^= "/a"', { path: '/ab' }, true],
    ['http.path =^ "b"', { path: '/ab' }, true],
    ['http.path contains "x/y"', { path: '/w/x/y/z' }, true],
    ['http.path ~ "a\\\\d"', { path: '/b/a7' }, true],
    ['http.path ~ r#"^a\\d"#', { path: '/b/a7' }, false],
    ['http.method == "GET"', { method: 'get' }, false],
    ['net.protocol == "https"', tls, true],
    ['any(http.path) == "/a"', { path: '/a' }, true],
    ['http.path == "\\"\\\\\\n\\r\\t"', { path: '"\\\n\r\t' }, true],
    ['http.path == r#"\\n"x"#', { path: '\\n"x' }, true],
    ['http.path==""', { path: '' }, true],
  ],
  'the host': [
    ['http.host == "A.test"', { host: 'a.TEST:8080' }, true],
    ['http.host =^ ".Test"', { host: 'b.test' }, true],
    ['http.host ~ "^b"', { host: 'B.test' }, true],
    ['http.host != "x"', { host: null }, false],
    ['!(http.host == "x")', { host: null }, true],
    ['http.host == "fd00::1"', { host: '[fd00::1]:80' }, true],
  ],
  'the SNI': [
    ['tls.sni == "a.test"', tls, true],
    ['tls.sni == "A.TEST."', tls, true],
    ['tls.sni != "a.test"', { sni: null }, false],
  ],
  'segments of the path': [
    ['http.path.segments.1 == "b"', { path: '/a/b/c' }, true],
    ['http.path.segments.3 != "x"', { path: '/a/b/c' }, false],
    ['http.path.segments.0_1 == "a/b"', { path: '/a/b/c/' }, true],
    ['http.path.segments.1_3 ^= "b"', { path: '/a/b/c' }, false],
    ['http.path.segments.len == 3', { path: '/a/b/c/' }, true],
    ['http.path.segments.len == 0', { path: '/' }, true],
    ['http.path.segments.len == 0', { path: '*' }, true],
  ],
  'a header': [
    ['http.headers.x_env == "prod"', { headers: ['X-ENV', 'prod'] }, true],
    ['http.headers.x_env == "prod"', { headers: ['x_env', 'prod'] }, false],
    ['http.headers.x_env == "prod"', {}, false],
    ['http.headers.x_env != "prod"', {}, false],
    ['http.headers.x_env == "prod"', mixed, false],
    ['any(http.headers.x_env) == "prod"', mixed, true],
    ['http.headers.x_env != "other"', mixed, true],
    ['http.headers.x_env != "test"', mixed, false],
    ['any(http.headers.x_env) != "test"', mixed, true],
    ['lower(http.headers.x_env) == "prod"', twice, true],
    ['any(lower(http.headers.x_env)) ~ "^t"', mixed, true],
    ['lower(any(http.headers.x_env)) ~ "^t"', mixed, true],
    ['http.headers.x_env contains "o"', mixed, false],
  ],
  'a query argument': [
    ['http.queries.q == "a b"', { query: '?q=a+b' }, true],
    ['http.queries.q == "ä"', { query: '?q=%C3%A4' }, true],
    ['http.queries.q == ""', { query: '?q' }, true],
    ['http.queries.q == ""', { query: '?q=' }, true],
    ['http.queries.q != "a"', { query: '?Q=b' }, false],
    ['http.queries.q == "a"', { query: '?q=a&q=b' }, false],
    ['any(http.queries.q) == "b"', { query: '?q=a&q=b' }, true],
    ['http.queries.__proto__ == "a"', {}, false],
  ],
  'an address': [
    ['net.src.ip == 10.0.0.1', {}, true],
    ['net.src.ip == 10.0.0.1', { srcIp: '::ffff:10.0.0.1' }, true],
    ['net.src.ip in 10.0.0.0/8', { srcIp: '::ffff:10.0.0.1' }, true],
    ['net.src.ip != 10.0.0.1', {}, false],
    ['net.src.ip == fd00:0::1', { srcIp: 'fd00::1' }, true],
    ['net.src.ip in 10.0.0.0/8', {}, true],
    ['net.src.ip not in 10.0.0.0/8', { srcIp: '11.0.0.1' }, true],
    ['net.src.ip not  in fd00::/8', { srcIp: 'fd00::1' }, false],
    ['net.src.ip in ::/0', {}, false],
    ['net.src.ip not in ::/0', {}, true],
    ['net.src.ip not in 10.0.0.0/8', { srcIp: null }, false],
    ['net.dst.ip == 10.0.0.2', {}, true],
  ],
  'a number': [
    ['net.dst.port == 80', {}, true],
    ['net.dst.port != 80', {}, false],
    ['net.dst.port == 0x50', {}, true],
    ['net.dst.port == 0120', {}, true],
    ['net.dst.port > -5', {}, true],
    ['net.dst.port >= 80 && net.dst.port<=80', {}, true],
    ['net.src.port < 1024', {}, false],
    ['net.dst.port < 9223372036854775807', {}, true],
  ],
  'brackets and white space': [
    ['(((http.path=="/")))', {}, true],
    ['! ( http.path == "/" )', {}, false],
    ['\n\thttp.path\r\n ==\n"/"\n&& !(http.method == "POST")\n', {}, true],
    ['any( lower( http.path ) ) == "/"', {}, true],
  ],
}

describe.each(Object.entries(groups))('%s', (_group, rows) => {
  test.each(rows)('%s of %o', (text, request, holds) => {
    const facts = new RequestFacts(makeRouterRequest(request))
    expect(compileExpression(text)!.holds(facts)).toBe(holds)
  })
})

describe('what was read', () => {
  test.each([
    ['http.path == "/" && http.method == "GET" && tls.sni == "a"', false],
    ['http.host == "b.test" && http.headers.a == "b"', false],
    ['http.host == "a.test" && http.headers.a == "b"', true],
    ['http.queries.a == "b"', true],
    ['net.src.ip == 10.0.0.1', true],
    ['net.dst.port == 1', true],
  ])('goes beyond the key of the cache only where it does: %s', (text, expected) => {
    const facts = new RequestFacts(makeRouterRequest())
    compileExpression(text)!.holds(facts)
    expect(facts.readsBeyondKey).toBe(expected)
  })
})
