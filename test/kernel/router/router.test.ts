import { describe, expect, it } from 'vitest'
import { buildRouter, createRouter } from '../../../kernel/router/router.ts'
import type { RouterRequest, RouterRoute, RouterService } from '../../../kernel/router/types.ts'
import { UnsafeRegexError } from '../../../kernel/safe-regex.ts'

const services = new Map<string, RouterService>([
  ['s', { id: 's', protocol: 'http', host: 'up.test', port: 80, path: '/base' }],
  ['bare', { id: 'bare', protocol: 'http', host: 'up.test', port: 80 }],
  ['tcp', { id: 'tcp', protocol: 'tcp', host: 'up.test', port: 80 }],
])

describe('router on hosts', () => {
  it('compares hosts without case and reports them as the route spells them', () => {
    const find = finder([
      { id: 'plain', hosts: ['Shop.Test'] },
      { id: 'wild', hosts: ['*.Example.Test'] },
    ])
    expect(find({ host: 'SHOP.test:81' })?.matches.host).toBe('Shop.Test')
    expect(find({ host: 'a.EXAMPLE.test' })?.matches.host).toBe('*.Example.Test')
  })

  it('finds an IPv6 literal with and without brackets', () => {
    const find = finder([{ id: 'six', hosts: ['[::12]'] }])
    for (const host of ['::12', '[::12]', '[::12]:8000'])
      expect(find({ host })?.route.id).toBe('six')
  })

  it('takes a wildcard inside a label for any characters', () => {
    const find = finder([{ id: 'odd', hosts: ['api-*.test'] }])
    expect(find({ host: 'api-1.test:99' })?.matches.host).toBe('api-*.test')
    expect(find({ host: 'api-.test' })).toBeNull()
  })

  it('prefers the host as it was written over a wildcard with the implied port', () => {
    const find = finder([
      { id: 'wild', hosts: ['*.a.test:80'] },
      { id: 'plain', hosts: ['w.a.test'] },
    ])
    expect(find({ host: 'w.a.test' })?.route.id).toBe('plain')
    expect(find({ host: 'x.a.test' })?.route.id).toBe('wild')
  })
})

describe('router on headers', () => {
  it('matches names without case, but keeps "_" and "-" apart', () => {
    const find = finder([{ id: 'r', headers: { 'X-Kind': ['Gold'] } }])
    expect(find({ headers: ['x-kind', 'GOLD'] })?.matches.headers).toEqual({ 'x-kind': 'gold' })
    expect(find({ headers: ['X_Kind', 'gold'] })).toBeNull()
  })

  it('lets any of the repeated values match, and asks for every name', () => {
    const find = finder([{ id: 'r', headers: { a: ['1', '2'], b: ['~*^x\\d+$'] } }])
    expect(find({ headers: ['a', '3', 'A', '2', 'b', 'X12'] })?.matches.headers).toEqual({
      a: '2',
      b: 'x12',
    })
    expect(find({ headers: ['a', '1'] })).toBeNull()
  })
})

describe('router on streams and SNI', () => {
  it('keeps http routes from streams and stream routes from http', () => {
    const find = finder([
      { id: 'tcp', protocols: ['tcp'], sources: [{ ip: '10.0.0.1' }] },
      { id: 'https', protocols: ['https'], snis: ['a.test'] },
      { id: 'http', protocols: ['http'], paths: ['/'] },
    ])
    const from = { srcIp: '10.0.0.1', sni: 'a.test' }
    expect(find({ ...from, scheme: 'tcp' })?.route.id).toBe('tcp')
    expect(find({ ...from, scheme: 'http' })?.route.id).toBe('http')
    expect(find({ ...from, scheme: 'https', path: '/' })?.route.id).toBe('http')
    expect(find({ scheme: 'tls', sni: 'a.test' })).toBeNull()
  })

  it('compares SNI names without case and without the dot of the root', () => {
    const find = finder([{ id: 'r', protocols: ['tls'], snis: ['A.test.'] }])
    expect(find({ scheme: 'tls', sni: 'a.TEST' })?.route.id).toBe('r')
  })

  it('does not ask for an SNI on plain http, where a route without one goes first', () => {
    const routes = [
      { id: 'with', hosts: ['a.test'], snis: ['a.test'] },
      { id: 'without', hosts: ['a.test'] },
    ]
    expect(finder(routes)({ host: 'a.test' })?.route.id).toBe('without')
    expect(finder(routes.slice(0, 1))({ host: 'a.test' })?.route.id).toBe('with')
    expect(finder([{ id: 'only', snis: ['a.test'] }])({ host: 'a.test' })).toBeNull()
  })

  it('knows IPv6 ranges and IPv4 addresses in IPv6 clothing', () => {
    const find = finder([
      { id: 'six', protocols: ['tcp'], sources: [{ ip: 'fd00::/8' }] },
      { id: 'four', protocols: ['tcp'], sources: [{ ip: '10.0.0.0/8', port: 7 }] },
    ])
    expect(find({ scheme: 'tcp', srcIp: 'fd12::1' })?.matches.srcIp).toBe('fd00::/8')
    expect(find({ scheme: 'tcp', srcIp: '::ffff:10.1.1.1', srcPort: 7 })?.route.id).toBe('four')
    expect(find({ scheme: 'tcp', srcIp: '10.1.1.1', srcPort: 8 })).toBeNull()
    expect(find({ scheme: 'tcp', srcIp: null, srcPort: 7 })).toBeNull()
    const all = finder([{ id: 'all', protocols: ['tcp'], sources: [{ ip: '::/0' }] }])
    expect(all({ scheme: 'tcp', srcIp: 'fd12::1' })?.route.id).toBe('all')
    expect(all({ scheme: 'tcp', srcIp: '10.1.1.1' })).toBeNull()
  })
})

describe('router on what goes upstream', () => {
  it('escapes the path again and keeps what is reserved', () => {
    const find = finder([{ id: 'r', paths: ['/a b'], strip_path: false, service: { id: 's' } }])
    expect(find({ path: '/a b/ø"%2F' })?.upstreamPath).toBe('/base/a%20b/%C3%B8%22%2F')
  })

  it('has no path and no host for a route without service or with a stream service', () => {
    const shared = { paths: ['/'], strip_path: true, preserve_host: true }
    for (const service of [null, { id: 'tcp' }, { id: 'unknown' }]) {
      const match = finder([{ id: 'r', ...shared, service }])({ path: '/a', host: 'a.test' })
      expect(match).toMatchObject({ upstreamPath: '', upstreamHost: null, prefix: null })
      expect(match?.service?.id).toBe(service?.id === 'tcp' ? 'tcp' : undefined)
    }
  })

  it('hands on the Host header as it came, or the SNI when there is none', () => {
    const route = { id: 'r', paths: ['/'], preserve_host: true, service: { id: 'bare' } }
    expect(finder([route])({ host: 'A.test:81' })?.upstreamHost).toBe('A.test:81')
    expect(finder([route])({ scheme: 'https', sni: 'a.test' })?.upstreamHost).toBe('a.test')
  })

  it('strips what the regex matched and tells its captures', () => {
    const paths = ['~/u/(?<id>\\d+)(/x)?']
    const match = finder([{ id: 'r', paths, strip_path: true, service: { id: 's' } }])({
      path: '/u/42/rest',
    })
    expect(match).toMatchObject({ prefix: '/u/42', upstreamPath: '/base/rest' })
    expect(match?.matches.uriCaptures?.positional).toEqual(['/u/42/rest', '42', null])
    expect({ ...match?.matches.uriCaptures?.named }).toEqual({ id: '42' })
  })
})

describe('router that remembers', () => {
  // Only a router with a regex path remembers.
  const regexRoute: RouterRoute = { id: 'regex', paths: ['~/regex'] }
  const routes: RouterRoute[] = [
    { id: 'header', headers: { 'x-a': ['1'] }, paths: ['/'] },
    { id: 'method', methods: ['POST'], paths: ['/'] },
    { id: 'sni', snis: ['s.test'], paths: ['/'] },
    { id: 'port', hosts: ['*.a.test:443'], paths: ['/'] },
    { id: 'host', hosts: ['b.test'], paths: ['/'] },
    { id: 'path', paths: ['/'] },
    regexRoute,
  ]
  const requests: [string, Partial<RouterRequest>][] = [
    ['path', {}],
    ['header', { headers: ['x-a', '1'] }],
    ['path', { headers: ['x-a', '2'] }],
    ['path', { headers: ['x-b', '1'] }],
    ['method', { method: 'POST' }],
    ['sni', { scheme: 'https', sni: 's.test' }],
    ['path', { scheme: 'https', sni: 't.test' }],
    ['path', { host: 'x.a.test' }],
    ['port', { host: 'x.a.test', scheme: 'https' }],
    ['host', { host: 'b.test' }],
  ]

  it('keeps requests apart that differ in one thing only', () => {
    const find = finder(routes)
    for (const round of [1, 2]) {
      for (const [id, request] of requests) {
        expect([round, find(request)?.route.id, request]).toEqual([round, id, request])
      }
    }
  })

  it('gives the same object for the same request until it is pushed out', () => {
    const find = finder(routes, 2)
    const first = find({ path: '/1' })
    expect(find({ path: '/1' })).toBe(first)
    find({ path: '/2' })
    find({ path: '/3' })
    expect(find({ path: '/1' })).not.toBe(first)
    expect(find({ path: '/1' })).toEqual(first)
  })

  it('loses no answer to requests that have none', () => {
    const find = finder([{ id: 'r', paths: ['/a'] }, regexRoute], 2)
    const first = find({ path: '/a' })
    for (let index = 0; index < 20; index++) expect(find({ path: `/b${index}` })).toBeNull()
    expect(find({ path: '/a' })).toBe(first)
  })

  it('remembers nothing where addresses decide, and no overlong path', () => {
    const find = finder([{ id: 'r', protocols: ['tcp'], sources: [{ port: 1 }] }, regexRoute])
    expect(find({ scheme: 'tcp', srcPort: 1 })?.route.id).toBe('r')
    expect(find({ scheme: 'tcp', srcPort: 2 })).toBeNull()
    const path = `/${'x'.repeat(600)}`
    const findPath = finder(routes)
    expect(findPath({ path })).not.toBe(findPath({ path }))
  })
})

describe('router that is being built', () => {
  it('refuses a path that cannot run in linear time and quotes it', () => {
    const build = () => createRouter([{ id: 'r', paths: ['~/(?=a)'] }], services)
    expect(build).toThrow(UnsafeRegexError)
    expect(build).toThrow('(?=a)')
  })

  it('leaves out a route that selects by nothing', () => {
    expect(finder([{ id: 'r', hosts: [], paths: [], methods: null }])({})).toBeNull()
  })

  it('lets others run in between and ends in the same router', async () => {
    const routes = Array.from({ length: 30_000 }, (_, index): RouterRoute => ({
      id: `r${index}`,
      paths: index % 3 === 0 ? ['/same'] : [`/p${index}`],
      methods: ['GET', `M${index}`],
      created_at: 30_000 - index,
    }))
    let turns = 0
    const turn = () => {
      turns++
      pending = setImmediate(turn)
    }
    let pending = setImmediate(turn)
    const built = await buildRouter(routes, services)
    clearImmediate(pending)
    expect(turns).toBeGreaterThan(2)
    const created = createRouter(routes, services)
    for (const [path, method] of [
      ['/same', 'GET'],
      ['/same', 'M3'],
      ['/p1', 'GET'],
      ['/p4', 'M4'],
      ['/q', 'GET'],
    ]) {
      const request = toRequest({ path: path ?? '', method: method ?? '' })
      expect(built.match(request)).toEqual(created.match(request))
    }
    expect(built.match(toRequest({ path: '/same' }))?.route.id).toBe('r29997')
  })
})

function finder(routes: readonly RouterRoute[], cacheEntriesMax = 100) {
  const router = createRouter(routes, services, { cacheEntriesMax })
  return (request: Partial<RouterRequest>) => router.match(toRequest(request))
}

function toRequest(request: Partial<RouterRequest>): RouterRequest {
  return {
    method: 'GET',
    path: '/',
    query: '',
    host: null,
    scheme: 'http',
    headers: [],
    sni: null,
    srcIp: null,
    srcPort: 0,
    dstIp: null,
    dstPort: 0,
    ...request,
  }
}
