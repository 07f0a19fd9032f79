import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { definePlugin, type Phase, type Plugin, Type } from '@sallyport/sdk'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startTestGateway, type TestGateway } from './support/gateway.ts'
import { startUpstream, type TestUpstream } from './support/upstream.ts'

/**
 * The life of a request, told with real requests: what runs, in which order, and what still
 * runs when the way is shorter or a plugin fails.
 */

const told: string[] = []

/** Tells its name in every phase; misbehaves in the phase that its configuration names. */
function makeTeller(name: string, priority: number, handlers: readonly Phase[]): Plugin {
  const config = Type.Object({
    exits_in: Type.Optional(Type.String()),
    throws_in: Type.Optional(Type.String()),
    hangs_in: Type.Optional(Type.String()),
  })
  const tell =
    (phase: Phase) => (pdk: Parameters<NonNullable<Plugin['access']>>[0], raw: unknown) => {
      const wish = raw as { exits_in?: string; throws_in?: string; hangs_in?: string }
      told.push(`${phase}:${name}`)
      if (wish.exits_in === phase) return pdk.response.exit(418, { from: name })
      if (wish.throws_in === phase) throw new Error(`${name} threw in ${phase}`)
      if (wish.hangs_in === phase) return new Promise<void>(() => {})
    }
  return {
    name,
    version: '1.0.0',
    priority,
    config,
    ...Object.fromEntries(handlers.map((phase) => [phase, tell(phase)])),
  }
}

const ALL: readonly Phase[] = [
  'rewrite',
  'access',
  'beforeProxy',
  'headerFilter',
  'bodyFilter',
  'log',
]
const first = makeTeller('first', 30, ALL)
const second = makeTeller('second', 20, ALL)
const whole = makeTeller('whole', 10, ['response'])

const notes = definePlugin({
  name: 'notes',
  version: '1.0.0',
  priority: 5,
  access(pdk) {
    pdk.ctx.plugin['from'] = 'access'
    pdk.ctx.shared['seen'] = true
    pdk.response.setHeader('x-early', 'set before there was an answer')
    pdk.service.request.setHeader('x-added', 'for the upstream')
    pdk.service.request.clearHeader('x-secret')
  },
  headerFilter(pdk) {
    pdk.response.setHeader('x-ctx', `${String(pdk.ctx.plugin['from'])} ${pdk.response.getSource()}`)
    pdk.response.clearHeader('x-from-upstream')
  },
  bodyFilter(pdk) {
    pdk.response.setChunk(Buffer.from(pdk.response.getChunk()).toString().toUpperCase())
  },
})

let upstream: TestUpstream
let gateway: TestGateway

beforeAll(async () => {
  upstream = await startUpstream((_request, response) => {
    response.setHeader('x-from-upstream', '1')
    response.end('hello')
  })
  gateway = await startTestGateway({
    yaml: config(''),
    plugins: [first, second, whole, notes] as Plugin[],
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
afterEach(() => {
  told.length = 0
})

/** A service with one route, and the plugins of a test. */
function config(plugins: string, service = upstream.url): string {
  return `
_format_version: "3.0"
services:
  - name: main
    url: ${service}
    routes:
      - name: main
        paths: [/main]
routes:
  - name: orphan
    paths: [/orphan]
consumers:
  - username: shop-app
    keyauth_credentials: [{ key: sesame }]
${plugins}`
}

async function ask(path: string, init: RequestInit = {}) {
  const before = gateway.accessLog.length
  const response = await fetch(gateway.url + path, init)
  const body = await response.text()
  await gateway.logged(before + 1)
  return { status: response.status, headers: response.headers, body }
}

describe('a request that goes through', () => {
  it('meets every phase, in order, each plugin by priority', async () => {
    await gateway.reload(config('plugins: [{ name: second }, { name: first }]'))
    const { status, body } = await ask('/main')
    expect([status, body]).toEqual([200, 'hello'])
    const phases = ['rewrite', 'access', 'beforeProxy', 'headerFilter']
    const both = (phase: string) => [`${phase}:first`, `${phase}:second`]
    const bodyCalls = told.filter((line) => line.startsWith('bodyFilter'))
    expect(told.filter((line) => !line.startsWith('bodyFilter'))).toEqual([
      ...phases.flatMap(both),
      ...both('log'),
    ])
    // The chunk, and the end of it.
    expect(bodyCalls).toEqual([...both('bodyFilter'), ...both('bodyFilter')])
  })

  it('is changed by handlers on its way in and out, and carries their notes', async () => {
    await gateway.reload(config('plugins: [{ name: notes }]'))
    const { headers, body } = await ask('/main/x?a=1', { headers: { 'x-secret': 's' } })
    const seen = upstream.seen.at(-1)!
    expect(seen.url).toBe('/x?a=1')
    expect(seen.headers['x-added']).toBe('for the upstream')
    expect(seen.headers['x-secret']).toBeUndefined()
    expect(seen.headers['accept-encoding']).toBe('identity')
    expect(headers.get('x-early')).toBe('set before there was an answer')
    expect(headers.get('x-ctx')).toBe('access service')
    expect(headers.get('x-from-upstream')).toBeNull()
    expect(headers.get('content-length')).toBeNull()
    expect(body).toBe('HELLO')
  })

  it('tells the upstream who asks, and the client how long it took', async () => {
    await gateway.reload(config(''))
    const { headers } = await ask('/main/y', {
      headers: { 'x-forwarded-for': '6.6.6.6', 'x-real-ip': '6.6.6.6', via: '1.0 before' },
    })
    const seen = upstream.seen.at(-1)!.headers
    expect(seen['x-forwarded-for']).toBe('127.0.0.1')
    expect(seen['x-real-ip']).toBe('127.0.0.1')
    expect(seen['x-forwarded-proto']).toBe('http')
    expect(seen['x-forwarded-host']).toBe('127.0.0.1')
    expect(seen['x-forwarded-port']).toBe(String(gateway.port))
    expect(seen['x-forwarded-path']).toBe('/main/y')
    expect(seen['x-forwarded-prefix']).toBe('/main')
    expect(seen['via']).toBe('1.0 before, 1.1 sallyport')
    expect(seen['host']).toBe(`127.0.0.1:${upstream.port}`)
    expect(headers.get('via')).toBe('1.1 sallyport')
    expect(headers.get('x-sallyport-request-id')).toBe(seen['x-sallyport-request-id'])
    expect(headers.get('x-sallyport-upstream-latency')).toMatch(/^\d+$/)
    expect(headers.get('x-sallyport-proxy-latency')).toMatch(/^\d+$/)
    expect(gateway.accessLog.at(-1)).toMatchObject({
      route: 'main',
      service: 'main',
      status: 200,
      source: 'service',
      target: `127.0.0.1:${upstream.port}`,
      tries: 1,
    })
  })

  it('loses what belongs to its own hop, and nothing that a plugin added', async () => {
    await gateway.reload(config('plugins: [{ name: notes }]'))
    // fetch would not send these.
    await new Promise<void>((resolve, reject) => {
      const headers = { connection: 'close, x-mine, x-added', 'x-mine': '1', 'keep-alive': '5' }
      httpRequest(`${gateway.url}/main`, { headers }, (response) => {
        response.resume().on('end', resolve)
      })
        .on('error', reject)
        .end()
    })
    const seen = upstream.seen.at(-1)!.headers
    expect(seen['x-mine']).toBeUndefined()
    expect(seen['keep-alive']).toBeUndefined()
    expect(seen['x-added']).toBe('for the upstream')
  })

  it('is answered from the whole body when a step declares response', async () => {
    await gateway.reload(config('plugins: [{ name: whole }]'))
    const { headers, body } = await ask('/main')
    expect(body).toBe('hello')
    expect(headers.get('content-length')).toBe('5')
    expect(told).toEqual(['response:whole'])
  })

  it('keeps the configuration it began with while another is loaded', async () => {
    let release = () => {}
    const gate = new Promise<void>((resolve) => (release = resolve))
    const slow = await startUpstream((_request, response) => {
      void gate.then(() => response.end('from the old one'))
    })
    await gateway.reload(config('plugins: [{ name: first }]', slow.url))
    const asked = ask('/main')
    while (slow.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await gateway.reload(config(''))
    expect((await ask('/main')).body).toBe('hello')
    release()
    expect((await asked).body).toBe('from the old one')
    expect(told.at(-1)).toBe('log:first')
    await slow.close()
  })
})

describe('which instance runs', () => {
  it('is the most specific one; rewrite uses the global one; global_plugins run besides', async () => {
    await gateway.reload(
      config(`
plugins:
  - { name: first, config: { exits_in: nothing-global } }
  - { name: second, route: main, config: { exits_in: access } }
  - { name: second }
global_plugins:
  - { name: first }
`),
    )
    const { status } = await ask('/main')
    expect(status).toBe(418)
    expect(told.filter((line) => line.startsWith('rewrite'))).toEqual([
      'rewrite:first',
      'rewrite:first',
      'rewrite:second',
    ])
    expect(told.filter((line) => line.startsWith('access'))).toEqual([
      'access:first',
      'access:first',
      'access:second',
    ])
  })

  it('follows the consumer from the moment it is authenticated', async () => {
    await gateway.reload(
      config(`
plugins:
  - { name: key-auth }
  - { name: second, consumer: shop-app, config: { exits_in: access } }
`),
    )
    expect((await ask('/main')).status).toBe(401)
    expect((await ask('/main', { headers: { apikey: 'wrong' } })).status).toBe(401)
    expect((await ask('/main', { headers: { apikey: 'sesame' } })).body).toBe('{"from":"second"}')
  })

  it('obeys ordering over priority', async () => {
    await gateway.reload(
      config(`
plugins:
  - { name: first, ordering: { after: { access: [second] } } }
  - { name: second }
`),
    )
    await ask('/main')
    expect(told.filter((line) => line.startsWith('access'))).toEqual([
      'access:second',
      'access:first',
    ])
    expect(told[0]).toBe('rewrite:first')
  })
})

describe('when the way is shorter', () => {
  it('no route: 404, the later phases of global instances run, access does not', async () => {
    await gateway.reload(config('plugins: [{ name: first }, { name: second, route: main }]'))
    const { status, headers, body } = await ask('/nowhere')
    expect(status).toBe(404)
    expect(JSON.parse(body)).toEqual({
      message: 'no Route matched with those values',
      request_id: headers.get('x-sallyport-request-id'),
    })
    expect(new Set(told)).toEqual(
      new Set(['rewrite:first', 'headerFilter:first', 'bodyFilter:first', 'log:first']),
    )
  })

  it('exit in rewrite: the later phases of global instances run, the router does not', async () => {
    await gateway.reload(config('plugins: [{ name: first, config: { exits_in: rewrite } }]'))
    const { status, body } = await ask('/main')
    expect([status, body]).toEqual([418, '{"from":"first"}'])
    expect(told).not.toContain('access:first')
    expect(told.at(-1)).toBe('log:first')
    expect(gateway.accessLog.at(-1)!.route).toBeNull()
  })

  it('exit in access: the remaining access steps are skipped, all later phases run', async () => {
    await gateway.reload(
      config('plugins: [{ name: first, config: { exits_in: access } }, { name: second }]'),
    )
    const before = upstream.seen.length
    expect((await ask('/main')).status).toBe(418)
    expect(upstream.seen.length).toBe(before)
    expect(told).not.toContain('access:second')
    expect(told).not.toContain('beforeProxy:second')
    expect(told).toContain('headerFilter:second')
    expect(told).toContain('bodyFilter:second')
    expect(told).toContain('log:second')
  })

  it('no service: 503 unless a plugin answers, all later phases run', async () => {
    await gateway.reload(config('plugins: [{ name: first }]'))
    const { status, body } = await ask('/orphan')
    expect(status).toBe(503)
    expect(body).toContain('no Service found with those values')
    expect(told).toContain('headerFilter:first')
    await gateway.reload(config('plugins: [{ name: first, config: { exits_in: access } }]'))
    expect((await ask('/orphan')).status).toBe(418)
  })

  it('upstream failure: 502 on the error answer, all later phases run', async () => {
    const gone = await startUpstream()
    await gone.close()
    await gateway.reload(config('plugins: [{ name: first }]', gone.url))
    const { status, headers } = await ask('/main')
    expect(status).toBe(502)
    expect(headers.get('server')).toBe('sallyport')
    expect(told).toContain('headerFilter:first')
    expect(gateway.accessLog.at(-1)).toMatchObject({ source: 'error', status: 502 })
  })

  it('the client has gone: log still runs, and says so', async () => {
    const silent = await startUpstream(() => {})
    await gateway.reload(config('plugins: [{ name: first }]', silent.url))
    const before = gateway.accessLog.length
    const socket = connect(gateway.port, '127.0.0.1')
    socket.write('GET /main HTTP/1.1\r\nHost: a\r\n\r\n')
    while (silent.seen.length === 0) await new Promise((resolve) => setImmediate(resolve))
    socket.destroy()
    await gateway.logged(before + 1)
    expect(gateway.accessLog.at(-1)).toMatchObject({ status: null, error: 'client-aborted' })
    expect(told.at(-1)).toBe('log:first')
    await silent.close()
  })
})

describe('when a plugin fails', () => {
  const failing = (name: string, wish: string, more = '') =>
    `{ name: ${name}, config: { ${wish} }${more} }`

  it.each(['rewrite', 'access', 'beforeProxy'])(
    'in %s: 500, nothing goes upstream, other plugins still filter and log',
    async (phase) => {
      await gateway.reload(
        config(`plugins: [${failing('first', `throws_in: ${phase}`)}, { name: second }]`),
      )
      const before = upstream.seen.length
      const { status, body } = await ask('/main')
      expect(status).toBe(500)
      expect(JSON.parse(body)).toMatchObject({ message: 'An unexpected error occurred' })
      expect(body).not.toContain('threw')
      expect(upstream.seen.length).toBe(before)
      expect(told).toContain('headerFilter:second')
      expect(told).toContain('log:second')
      expect(gateway.log.at(-1)).toMatchObject({ plugin: 'first', phase, kind: 'error' })
    },
  )

  it('in headerFilter: the answer is replaced, the others still see it', async () => {
    await gateway.reload(
      config(`plugins: [${failing('first', 'throws_in: headerFilter')}, { name: second }]`),
    )
    const { status, headers } = await ask('/main')
    expect(status).toBe(500)
    expect(headers.get('x-from-upstream')).toBeNull()
    expect(told).toContain('headerFilter:second')
  })

  it('in response: the answer is replaced', async () => {
    await gateway.reload(config(`plugins: [${failing('whole', 'throws_in: response')}]`))
    expect((await ask('/main')).status).toBe(500)
  })

  it('in bodyFilter: the connection is aborted, the chunk is never passed on', async () => {
    await gateway.reload(config(`plugins: [${failing('first', 'throws_in: bodyFilter')}]`))
    await expect(fetch(`${gateway.url}/main`).then((response) => response.text())).rejects.toThrow()
  })

  it('in log: it is only counted, the other plugins log all the same', async () => {
    await gateway.reload(
      config(`plugins: [${failing('first', 'throws_in: log')}, { name: second }]`),
    )
    expect((await ask('/main')).status).toBe(200)
    expect(told.at(-1)).toBe('log:second')
  })

  it('by not answering in time: 503', async () => {
    await gateway.reload(
      config(`plugins: [${failing('first', 'hangs_in: access', ', timeout_ms: 20')}]`),
    )
    expect((await ask('/main')).status).toBe(503)
  })

  it('and is to be skipped: the request goes on as if it had not run', async () => {
    await gateway.reload(
      config(`plugins: [${failing('first', 'throws_in: access', ', on_error: skip')}]`),
    )
    expect((await ask('/main')).status).toBe(200)
  })
})

describe('an error answer', () => {
  it.each([
    ['application/json', 'application/json; charset=utf-8', '{"message":'],
    ['text/html', 'text/html; charset=utf-8', '<!doctype html>'],
    ['text/xml', 'application/xml; charset=utf-8', '<?xml'],
    ['text/plain', 'text/plain; charset=utf-8', 'no Route matched'],
    ['*/*', 'application/json; charset=utf-8', '{"message":'],
    ['image/png', 'application/json; charset=utf-8', '{"message":'],
    ['text/html;q=0.5, application/xml', 'application/xml; charset=utf-8', '<?xml'],
  ])('for Accept %s is %s', async (accept, contentType, start) => {
    await gateway.reload(config(''))
    const { headers, body } = await ask('/nowhere', { headers: { accept } })
    expect(headers.get('content-type')).toBe(contentType)
    expect(body.startsWith(start)).toBe(true)
  })
})
