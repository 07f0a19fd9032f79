import { describe, expect, test } from 'vitest'
import { createRouter } from '../../../kernel/router/router.ts'
import type { RouterRequest, RouterRoute } from '../../../kernel/router/types.ts'
import { makeRouterRequest } from '../../support/router-request.ts'

const services = new Map([['s', { id: 's', protocol: 'http', path: '/base' }]])

function routerOf(...routes: RouterRoute[]) {
  return createRouter(routes, services)
}

function expressionRoute(expression: string, fields: Partial<RouterRoute> = {}): RouterRoute {
  return { id: 'e', expression, strip_path: true, service: { id: 's' }, ...fields }
}

function found(routes: readonly RouterRoute[], request: Partial<RouterRequest> = {}) {
  return routerOf(...routes).match(makeRouterRequest(request))?.route.id
}

describe('an expression route', () => {
  test('goes before every traditional route, however exact that one is', () => {
    const exact = { id: 't', hosts: ['a.test'], methods: ['GET'], paths: ['/very/long/path'] }
    const routes = [exact, expressionRoute('http.method == "GET"')]
    expect(found(routes, { path: '/very/long/path' })).toBe('e')
    expect(found(routes, { path: '/very/long/path', method: 'POST' })).toBeUndefined()
    expect(
      found([exact, expressionRoute('http.method == "POST"')], { path: '/very/long/path' }),
    ).toBe('t')
  })

  test('goes before another by its priority, then by vars, then by id, the higher one first', () => {
    const any = 'http.method == "GET"'
    const low = { id: 'z', expression: any }
    const high = { id: 'a', expression: any, priority: 2 ** 46 - 1 }
    const narrow = { id: 'b', expression: 'http.host == "a.test"', priority: 5 }
    const withVars = { id: 'c', expression: any, vars: [['arg_v', '==', '2']] }
    const other = { id: 'y', expression: any, priority: 0 }
    const all = [low, narrow, withVars, high, other]
    const order: (string | undefined)[] = []
    let rest: RouterRoute[] = all
    while (rest.length > 0) {
      const first = found(rest, { query: '?v=2' })
      order.push(first)
      rest = rest.filter(({ id }) => id !== first)
    }
    expect(order).toEqual(['a', 'b', 'c', 'z', 'y'])
  })

  test.each([
    [['http', 'https'], 'http', true],
    [['http', 'https'], 'https', true],
    [['http'], 'https', false],
    // Found in order to be refused or redirected.
    [['https'], 'http', true],
    [['grpc'], 'http', true],
    [['tcp'], 'http', false],
    [['http'], 'tcp', false],
    [['tcp'], 'tcp', true],
    [[], 'https', true],
  ])('for %j takes %s: %s', (protocols, scheme, expected) => {
    const route = expressionRoute('net.dst.port == 80', { protocols })
    expect(found([route], { scheme }) !== undefined).toBe(expected)
  })

  test.each([
    // The expression, the path, what is stripped, what goes upstream, the path as spelled.
    ['http.path ^= "/api"', '/api/x', '/api', '/base/x', '/api'],
    ['http.path == "/api"', '/api', '/api', '/base', '/api'],
    ['http.path ~ r#"^/v\\d"#', '/v2/x', '/v2', '/base/x', '^/v\\d'],
    ['http.path ~ r#"/x"#', '/v2/x', null, '/base/v2/x', '/x'],
    ['http.path ^= "/v" && http.path ~ "x$"', '/v2/x', '/v', '/base/2/x', 'x$'],
    ['http.path ^= "/a" && http.path ^= "/a/b"', '/a/b/c', '/a/b', '/base/c', '/a/b'],
    ['http.path ^= "/a/b" && http.path ^= "/a"', '/a/b/c', '/a', '/base/b/c', '/a'],
    ['lower(http.path) ^= "/api"', '/API/x', '/API', '/base/x', '/api'],
    ['http.path =^ "x"', '/api/x', null, '/base/api/x', null],
    ['http.path contains "x"', '/api/x', null, '/base/api/x', null],
    ['http.path != "/x"', '/api/x', null, '/base/api/x', null],
    ['!(http.path == "/x")', '/api/x', null, '/base/api/x', null],
    ['http.method == "GET"', '/api/x', null, '/base/api/x', null],
    ['http.path.segments.0 == "api"', '/api/x', null, '/base/api/x', null],
    [
      '(http.path ^= "/api" && http.method == "PUT") || http.method == "GET"',
      '/api/x',
      null,
      '/base/api/x',
      null,
    ],
    [
      '(http.path ^= "/api/x" && http.method == "PUT") || http.path ^= "/api"',
      '/api/x',
      '/api',
      '/base/x',
      '/api',
    ],
  ])('%s strips of %s only what it has matched from the start', (...row) => {
    const [text, path, prefix, up, uri] = row
    const match = routerOf(expressionRoute(text)).match(makeRouterRequest({ path }))
    expect(match).toMatchObject({ prefix, upstreamPath: up, matches: { uri } })
  })

  test('strips nothing without strip_path, and keeps the host when it shall', () => {
    const route = expressionRoute('http.path ^= "/api"', { strip_path: false, preserve_host: true })
    const match = routerOf(route).match(makeRouterRequest({ path: '/api/x', host: 'A.test:81' }))
    expect(match).toMatchObject({
      prefix: null,
      upstreamPath: '/base/api/x',
      upstreamHost: 'A.test:81',
    })
  })

  test('has the captures of a regular expression on the path', () => {
    const route = expressionRoute('http.path ~ r#"^/users/(?<id>\\d+)(/x)?"#')
    const match = routerOf(route).match(makeRouterRequest({ path: '/users/42/y' }))
    expect(match?.matches.uriCaptures).toEqual({
      positional: ['/users/42/y', '42', null],
      named: { id: '42' },
    })
  })

  test('has no captures of a regular expression on something else', () => {
    const route = expressionRoute('http.headers.a ~ "(b)"')
    const match = routerOf(route).match(makeRouterRequest({ headers: ['a', 'b'] }))
    expect(match?.matches.uriCaptures).toBeNull()
  })
})

describe('a traditional route with vars', () => {
  const plain = { id: 'plain', paths: ['/a'] }
  const withVars = { id: 'vars', paths: ['/a'], vars: [['arg_v', '==', '2']] }

  test('matches only when they hold as well', () => {
    expect(found([withVars], { path: '/a', query: '?v=2' })).toBe('vars')
    expect(found([withVars], { path: '/a', query: '?v=3' })).toBeUndefined()
    expect(found([withVars], { path: '/b', query: '?v=2' })).toBeUndefined()
  })

  test('is tried before one of equal rank, whatever their age', () => {
    expect(found([plain, withVars], { path: '/a', query: '?v=2' })).toBe('vars')
    expect(found([plain, withVars], { path: '/a' })).toBe('plain')
  })

  test('does not go before one of higher rank', () => {
    const longer = { id: 'longer', paths: ['/a/b'] }
    expect(found([withVars, longer], { path: '/a/b', query: '?v=2' })).toBe('longer')
  })
})

describe('the cache of matches', () => {
  test.each<[string, RouterRoute, Partial<RouterRequest>, Partial<RouterRequest>]>([
    ['the query', expressionRoute('http.queries.q == "1"'), { query: '?q=1' }, { query: '?q=2' }],
    ['a header', expressionRoute('http.headers.a == "1"'), { headers: ['a', '1'] }, {}],
    ['an address', expressionRoute('net.src.ip == 10.0.0.1'), {}, { srcIp: '10.0.0.9' }],
    ['a port', expressionRoute('net.src.port == 1'), { srcPort: 1 }, { srcPort: 2 }],
    [
      'a cookie of vars',
      { id: 'e', paths: ['~/x?'], regex_priority: 9, vars: [['cookie_a', '==', '1']] },
      { headers: ['cookie', 'a=1'] },
      { headers: ['cookie', 'a=2'] },
    ],
  ])('does not answer for another request that differs in %s', (_what, route, yes, no) => {
    // A regex path makes the router remember.
    const router = routerOf(route, { id: 'rest', paths: ['~/.*'] })
    const ask = (request: Partial<RouterRequest>) =>
      router.match(makeRouterRequest(request))?.route.id
    expect([ask(yes), ask(no), ask(yes), ask(no)]).toEqual(['e', 'rest', 'e', 'rest'])
  })

  test('remembers what no such route was asked for', () => {
    const router = routerOf(expressionRoute('http.path == "/q" && http.queries.q == "1"'), {
      id: 'rest',
      paths: ['~/.*'],
    })
    const first = router.match(makeRouterRequest({ path: '/other' }))
    expect(router.match(makeRouterRequest({ path: '/other' }))).toBe(first)
  })
})

describe('what a miss costs', () => {
  test.each([
    ['host', (n: number) => `http.host == "h${n}.test" && http.headers.a == "b"`],
    ['path', (n: number) => `http.path ^= "/p${n}/" && http.headers.a == "b"`],
    ['exact path', (n: number) => `http.headers.a == "b" && (http.path == "/p${n}/x")`],
    ['anchored regex', (n: number) => `http.path ~ r#"^/p${n}/\\w"# && http.headers.a == "b"`],
    [
      'one of two hosts',
      (n: number) =>
        `http.headers.a == "b" && (http.host == "h${n}.test" || http.host == "g${n}.test")`,
    ],
  ])('does not grow with the routes that differ by %s', (_what, text) => {
    const asked = (count: number) => {
      const routes = Array.from({ length: count }, (_, n) =>
        expressionRoute(text(n), { id: `${n}` }),
      )
      let reads = 0
      const headers = new Proxy<string[]>(['c', 'd'], {
        get: (target, key) => {
          if (key === '0') reads++
          return Reflect.get(target, key) as unknown
        },
      })
      const request = makeRouterRequest({ host: 'h7.test', path: '/p7/x', headers })
      expect(routerOf(...routes).match(request)).toBeNull()
      return reads
    }
    expect([asked(10), asked(2_000)]).toEqual([1, 1])
  })
})
