import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRouter } from '../../../kernel/router/router.ts'
import type { Router } from '../../../kernel/router/router.ts'
import type {
  RouterAddress,
  RouterRequest,
  RouterRoute,
  RouterService,
} from '../../../kernel/router/types.ts'
import { referenceMatch } from '../../support/reference-router.ts'

// A failure prints seed and path; give them here to see it again.
const repeat: { seed?: number; path?: string } = {}
/** `ROUTER_RUNS=50000 npm test -- test/kernel/router/reference.test.ts` for a thorough run. */
const runs = (byDefault: number) => Number(process.env['ROUTER_RUNS'] ?? byDefault)

describe('router beside the plain reference', { timeout: 300_000 }, () => {
  it('finds the same route, path and host for http, whether or not it remembers', () => {
    checkAgainstReference(httpRouteArbitrary, httpRequestArbitrary, runs(4000))
  })

  it('finds the same route for streams', () => {
    checkAgainstReference(streamRouteArbitrary, streamRequestArbitrary, runs(2000))
  })

  it('finds the same route when http and streams share one router', () => {
    const route = fc.oneof(httpRouteArbitrary, streamRouteArbitrary)
    checkAgainstReference(route, fc.oneof(httpRequestArbitrary, streamRequestArbitrary), runs(1500))
  })

  it('finds the same route among many of one host and path, which are divided once more', () => {
    for (const route of alikeRouteArbitraries) {
      checkAgainstReference(route, httpRequestArbitrary, runs(500), 60)
    }
  })
})

type Draft = Omit<RouterRoute, 'id'>

function checkAgainstReference(
  route: fc.Arbitrary<Draft>,
  request: fc.Arbitrary<RouterRequest>,
  numRuns: number,
  routesMax = 12,
): void {
  const minLength = routesMax > 12 ? 20 : 0
  const drafts = fc.array(route, { minLength, maxLength: routesMax })
  const requests = fc.array(request, { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(drafts, requests, (list, wanted) => {
      const routes = list.map((draft, index): RouterRoute => ({ ...draft, id: `r${index}` }))
      const services = new Map<string, RouterService>()
      const fresh = createRouter(routes, services, { cacheEntriesMax: 0 })
      const remembering = createRouter(routes, services, { cacheEntriesMax: 3 })
      for (const one of wanted) {
        const expected = referenceMatch(routes, one)
        expect(answerOf(fresh, one)).toEqual(expected)
        expect(answerOf(remembering, one)).toEqual(expected)
      }
    }),
    { numRuns, ...repeat },
  )
}

function answerOf(router: Router<RouterRoute, RouterService>, request: RouterRequest) {
  const match = router.match(request)
  if (match === null) return null
  return { routeId: match.route.id, uri: match.matches.uri, host: match.matches.host }
}

// Few values each, so that routes overlap and requests hit.
const hosts = [
  'a.test',
  'A.test:80',
  'a.test:8080',
  'b.a.test',
  '*.a.test',
  '*.test',
  '*.a.test:80',
]
const moreHosts = ['a.*', 'b.*:8080', '*.test:443', 'b.a.*', '*a.test']
const paths = ['/', '/a', '/a/', '/a/b', '/ab', '/a/b/c', '/b', '/B']
const regexes = [
  '~/',
  '~/a',
  '~/a/\\d+',
  '~/a/[a-z]+$',
  '~/(a|b)/',
  '~.*c',
  '~/a/b{1,3}',
  '~/ab?/b',
]
const methods = ['GET', 'POST', 'PURGE']
const headerValues = ['1', 'A', 'b', '~*^[ab]', '~*1']
const snis = ['a.test', 'b.test']
const addresses: RouterAddress[] = [
  { ip: '10.0.0.1' },
  { ip: '10.0.0.0/8' },
  { ip: '10.0.0.0/31', port: 1 },
  { ip: '10.0.0.1', port: 1 },
  { port: 1 },
  { port: 2 },
  { ip: 'fd00::/8' },
]

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.option(arbitrary, { nil: null })
}

function some<T>(values: readonly T[], maxLength = 3): fc.Arbitrary<T[] | null> {
  return maybe(fc.array(fc.constantFrom(...values), { maxLength }))
}

const order = {
  created_at: maybe(fc.integer({ min: 0, max: 2 })),
  regex_priority: fc.integer({ min: -1, max: 1 }),
}
const headersArbitrary = maybe(
  fc.dictionary(
    fc.constantFrom('x-a', 'X-B', 'host'),
    fc.array(fc.constantFrom(...headerValues), { minLength: 1, maxLength: 2 }),
  ),
)
const httpRouteArbitrary: fc.Arbitrary<Draft> = fc.record({
  ...order,
  protocols: fc.constantFrom(null, ['http', 'https'], ['https']),
  hosts: some([...hosts, ...moreHosts]),
  paths: some([...paths, ...regexes]),
  methods: some(methods),
  headers: headersArbitrary,
  snis: some(snis, 1),
})
const streamRouteArbitrary: fc.Arbitrary<Draft> = fc.record({
  ...order,
  protocols: fc.constantFrom(['tcp'], ['tls'], ['tls_passthrough']),
  snis: some(snis, 2),
  sources: some(addresses),
  destinations: some(addresses),
})

/** Of one category, so that enough of them make a group that is divided by method, SNI or header. */
const alike = { ...order, protocols: fc.constantFrom(['http', 'https'], ['https']) }
const alikeRouteArbitraries: readonly fc.Arbitrary<Draft>[] = [
  fc.record({ ...alike, paths: fc.constant(['/a']), methods: many([...methods, 'PUT']) }),
  fc.record({ ...alike, hosts: fc.constant(['a.test']), snis: many([...snis, 'c.test']) }),
  fc.record({
    ...alike,
    paths: fc.constantFrom(['/a'], ['/a', '/b']),
    headers: fc.record({ 'x-a': many(headerValues), 'X-B': many(['1', 'b', 'c1']) }),
    methods: many(methods),
  }),
]

function many<T>(values: readonly T[]): fc.Arbitrary<T[]> {
  return fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 2 })
}

const nothing = { query: '', sni: null, srcIp: null, srcPort: 0, dstIp: null, dstPort: 0 }
const httpRequestArbitrary: fc.Arbitrary<RouterRequest> = fc
  .record({
    method: fc.constantFrom(...methods, 'get'),
    path: fc.constantFrom(...paths, '/a/12', '/a/bb', '/c', '/b/a/c', '/a/b/x', '/abb', ''),
    host: maybe(
      fc.constantFrom(
        'a.test',
        'A.TEST',
        'a.test:80',
        'a.test:8080',
        'b.a.test',
        'c.b.a.test:80',
        'b.a.org:8080',
        'test',
        'a.org',
        'x.test',
        'ca.test',
        '',
      ),
    ),
    scheme: fc.constantFrom('http', 'https'),
    headers: fc
      .array(
        fc.tuple(
          fc.constantFrom('x-a', 'X-A', 'x-b', 'x-c', 'host'),
          fc.constantFrom('1', 'a', 'B', 'c1', '~*1'),
        ),
        { maxLength: 3 },
      )
      .map((pairs) => pairs.flat()),
    sni: maybe(fc.constantFrom('a.test', 'B.test', 'c.test')),
  })
  .map((request) => ({ ...nothing, ...request }))
const streamRequestArbitrary: fc.Arbitrary<RouterRequest> = fc
  .record({
    scheme: fc.constantFrom('tcp', 'tls'),
    sni: maybe(fc.constantFrom('a.test', 'b.test.', 'c.test')),
    srcIp: maybe(fc.constantFrom('10.0.0.1', '10.9.9.9', '11.0.0.1', 'fd00::1')),
    srcPort: fc.integer({ min: 0, max: 2 }),
    dstIp: maybe(fc.constantFrom('10.0.0.1', '10.9.9.9', '11.0.0.1')),
    dstPort: fc.integer({ min: 0, max: 2 }),
  })
  .map((request) => ({ ...nothing, method: '', path: '', host: null, headers: [], ...request }))
