import type { Tier } from '../../../kernel/plugin-host.ts'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answering, askAnswered, startTierGateway } from '../../support/tier-gateway.ts'
import { ALL_TIERS } from '../../sandbox/tiers.ts'
import { type Answer, startUpstream } from '../../support/upstream.ts'

/** Where names lead in these tests; whatever is not here has no address. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'api.test': ['127.0.0.1'],
  'inside.test': ['10.0.0.1'],
  'mixed.test': ['1.1.1.1', '192.168.0.1'],
  'mapped.test': ['::ffff:169.254.169.254'],
  'zone.test': ['fe80::1%eth0'],
  'other.test': ['127.0.0.1'],
}

async function startServer(answer?: Answer) {
  const server = await startUpstream(answer)
  onTestFinished(() => server.close())
  return server
}

/** A gateway whose plugin does what the expression says; it may ask `api.test` at this port. */
async function fetching(tier: Tier, port: number, expression: string) {
  const names: string[] = []
  const gateway = await startTierGateway({
    tier,
    plugins: [{ name: 'asker', body: answering(expression), permissions: { http: ['*:*'] } }],
    gateway: {
      pluginGrants: {
        asker: {
          http: [
            ...[`api.test:${port}`, `127.0.0.1:${port}`, '*', 'inside.test:*', 'mixed.test:*'],
            ...['mapped.test:*', 'zone.test:*', 'nowhere.test:*'],
          ],
        },
      },
      effects: {
        resolveHostname: (name) => {
          names.push(name)
          return Promise.resolve(NAMES[name] ?? [])
        },
      },
    },
  })
  return Object.assign(gateway, { names })
}

describe.each(ALL_TIERS)('http.fetch in the %s tier', (tier) => {
  it('asks the server that was granted and gives its answer', async () => {
    const server = await startServer((request, response) => {
      response.writeHead(201, { 'X-Seen': request.headers['x-own'] ?? '' })
      response.end(request.body)
    })
    const gateway = await fetching(
      tier,
      server.port,
      `pdk.http.fetch('http://api.test:${server.port}/a?b=c#d', {
        method: 'POST', headers: { 'X-Own': 'mine' }, body: new Uint8Array([104, 105]),
      }).then(({ status, headers, body, url }) => ({
        status, seen: headers['x-seen'], body: new TextDecoder().decode(body), url,
      }))`,
    )
    expect(await askAnswered(gateway)).toEqual({
      value: { status: 201, seen: 'mine', body: 'hi', url: `http://api.test:${server.port}/a?b=c` },
    })
    const [seen] = server.seen
    expect(seen).toMatchObject({ method: 'POST', url: '/a?b=c', body: 'hi' })
    expect(seen!.headers).toMatchObject({
      host: `api.test:${server.port}`,
      'content-length': '2',
      'user-agent': 'sallyport',
    })
  })

  it('answers 8 requests of a handler and refuses the others at once', async () => {
    const server = await startServer()
    const gateway = await fetching(
      tier,
      server.port,
      `(async () => {
        const codes = []
        for (let i = 0; i < 12; i++) {
          await pdk.http.fetch('http://api.test:${server.port}/').then(
            ({ status }) => codes.push(status), ({ code }) => codes.push(code))
        }
        return codes
      })()`,
    )
    const { value } = await askAnswered(gateway)
    expect(value).toEqual([
      ...Array.from({ length: 8 }, () => 200),
      ...Array.from({ length: 4 }, () => 'LIMIT'),
    ])
    expect(server.seen).toHaveLength(8)
    await askAnswered(gateway)
    expect(server.seen).toHaveLength(16)
  })

  it('has four under way at one time; a fifth is refused', async () => {
    const server = await startServer()
    const gateway = await fetching(
      tier,
      server.port,
      `Promise.allSettled(Array.from({ length: 30 }, () =>
        pdk.http.fetch('http://api.test:${server.port}/'))).then((all) =>
        all.map(({ value, reason }) => value?.status ?? reason.code))`,
    )
    const { value } = await askAnswered(gateway)
    expect(value).toEqual([200, 200, 200, 200, ...Array.from({ length: 26 }, () => 'LIMIT')])
    expect(server.seen).toHaveLength(4)
  })

  it('cuts off a body that is larger than was asked for', async () => {
    const server = await startServer((_request, response) => {
      // More than was asked for, and no end.
      response.write('x'.repeat(300_000))
    })
    const gateway = await fetching(
      tier,
      server.port,
      `pdk.http.fetch('http://api.test:${server.port}/', { maxBytes: 200_000 })`,
    )
    expect(await askAnswered(gateway)).toMatchObject({ code: 'BODY_TOO_LARGE' })
  })

  it('does not wait longer than it was told to', async () => {
    const server = await startServer((_request, response) => {
      response.write('a little')
    })
    const gateway = await fetching(
      tier,
      server.port,
      `pdk.http.fetch('http://api.test:${server.port}/', { timeoutMs: 50 })`,
    )
    expect(await askAnswered(gateway)).toMatchObject({ code: 'TIMEOUT' })
  })

  it('cannot be called while the answer passes', async () => {
    const gateway = await startTierGateway({
      tier,
      plugins: [
        {
          name: 'late',
          body: `async headerFilter(pdk) {
            try { await pdk.http.fetch('http://api.test/') }
            catch (error) { pdk.response.setHeader('x-code', error.code) }
          }`,
          permissions: { http: ['api.test'] },
        },
      ],
    })
    const answer = await fetch(gateway.url)
    expect(answer.headers.get('x-code')).toBe('WRONG_PHASE')
  })
})

describe('http.fetch of a plugin that is not trusted', () => {
  /** One gateway for all rows: where the plugin goes is in the query. */
  async function asked(url: string, options = '{}') {
    const server = await startServer()
    const where = `pdk.request.getQueryArg('url').replaceAll('PORT', '${server.port}')`
    const gateway = await fetching('isolate', server.port, `pdk.http.fetch(${where}, ${options})`)
    const answer = await askAnswered(gateway, `/?url=${encodeURIComponent(url)}`)
    return { answer, server, gateway }
  }

  it.each([
    ...['http://127.0.0.1:8001/', 'http://127.0.0.1/', 'http://169.254.169.254/latest/meta-data/'],
    ...['http://[::1]/', 'http://10.0.0.1/', 'http://0x7f000001/', 'http://2130706433/'],
    ...['http://127.1/', 'http://0177.0.0.1/', 'http://[::ffff:127.0.0.1]/', 'http://0.0.0.0/'],
    ...['http://[::ffff:a9fe:a9fe]/', 'http://[64:ff9b::7f00:1]/', 'http://[fd00:ec2::254]/'],
    ...['http://inside.test/', 'http://mixed.test/', 'http://mapped.test/', 'http://inside.test./'],
    ...['http://other.test:PORT/', 'http://evil-api.test:PORT/', 'http://127.0.0.1.:8001/'],
  ])('%s is not granted', async (url) => {
    const { answer, server } = await asked(url)
    expect(answer).toMatchObject({ code: 'NOT_GRANTED' })
    expect(server.seen).toEqual([])
    // Where a name leads behind the gateway is not told.
    if (url.includes('.test')) expect(answer.message).not.toMatch(/10\.0|192\.168|169\.254/)
  })

  it.each([
    ...[
      'file:///etc/passwd',
      'unix:///var/run/docker.sock:/info',
      'ftp://x/',
      'data:,x',
      'nope://',
    ],
    ...['/relative', '', 'http://user:word@api.test/', 'http://'],
  ])('%.40s is no URL to ask', async (url) => {
    const { answer } = await asked(url)
    expect(answer).toMatchObject({ code: 'BAD_ARGUMENT' })
  })

  it.each(['http://nowhere.test:PORT/', 'http://zone.test:PORT/', 'http://localhost/'])(
    '%s has no address',
    async (url) => {
      expect((await asked(url)).answer).toMatchObject({ code: 'FETCH_FAILED' })
    },
  )

  it('asks DNS once, and connects to what was checked', async () => {
    const { answer, gateway } = await asked('http://api.test:PORT/')
    expect(answer.value).toMatchObject({ status: 200 })
    expect(gateway.names).toEqual(['api.test'])
  })

  it.each([
    [`{ headers: { Host: 'other.test' } }`],
    [`{ headers: { 'Content-Length': '0' } }`],
    [`{ headers: { 'Transfer-Encoding': 'chunked' } }`],
    [`{ headers: { Connection: 'x-own' } }`],
    [`{ headers: { Expect: '100-continue' } }`],
    [`{ headers: { 'Proxy-Authorization': 'x' } }`],
    [`{ headers: { 'x\\r\\ny': 'z' } }`],
    [`{ headers: { x: 'y\\r\\nHost: evil' } }`],
    [`{ headers: { x: 'y\\0' } }`],
    [`{ method: 'GET / HTTP/1.1\\r\\nx: y' }`],
    [`{ method: 'CONNECT' }`],
    [`{ method: 'TRACE' }`],
    [`{ method: 7 }`],
    [`{ body: 'x' }`],
    [`{ method: 'POST', body: 'x'.repeat(1_048_577) }`],
    [`{ method: 'POST', body: { a: 1 } }`],
    [`{ timeoutMs: 0 }`],
    [`{ timeoutMs: 1e9 }`],
    [`{ maxBytes: 2_000_000 }`],
    [`{ maxRedirects: 6 }`],
    [`'text'`],
  ])('options %s are refused', async (options) => {
    const { answer, server } = await asked('http://api.test:PORT/', options)
    expect(answer).toMatchObject({ code: 'BAD_ARGUMENT' })
    expect(server.seen).toEqual([])
  })
})

describe('a redirect', () => {
  async function redirected(location: string, options = '{}', status = 302) {
    const server = await startServer((request, response) => {
      if (request.url === '/end') return response.end('end')
      const to =
        request.url === '/start' ? location.replaceAll('PORT', String(server.port)) : '/end'
      return response.writeHead(status, { Location: to }).end('elsewhere')
    })
    const gateway = await fetching(
      'isolate',
      server.port,
      `pdk.http.fetch('http://api.test:${server.port}/start', ${options})
        .then(({ status, url, body }) => ({ status, url, body: new TextDecoder().decode(body) }))`,
    )
    return { answer: await askAnswered(gateway), server }
  }

  it.each([
    ...['http://169.254.169.254/latest/meta-data/', 'http://inside.test/', 'http://127.0.0.1:1/'],
    ...['//other.test:PORT/end', 'http://[::1]:PORT/'],
  ])('to %s is not followed', async (location) => {
    const { answer, server } = await redirected(location)
    expect(answer).toMatchObject({ code: 'NOT_GRANTED' })
    expect(server.seen).toHaveLength(1)
  })

  it.each(['file:///etc/passwd', 'http://a:b@api.test/', 'http://['])(
    'to %s is refused',
    async (location) => {
      expect((await redirected(location)).answer).toMatchObject({ code: 'BAD_ARGUMENT' })
    },
  )

  it('is followed where it may, and counted', async () => {
    const { answer, server } = await redirected('/next')
    expect(answer.value).toEqual({
      status: 200,
      url: `http://api.test:${server.port}/end`,
      body: 'end',
    })
    expect(server.seen.map(({ url }) => url)).toEqual(['/start', '/next', '/end'])
  })

  it('is the answer when none is to be followed', async () => {
    const { answer, server } = await redirected('/next', '{ maxRedirects: 0 }')
    expect(answer.value).toMatchObject({ status: 302, body: 'elsewhere' })
    expect(server.seen).toHaveLength(1)
  })

  it('in a circle ends', async () => {
    const { answer, server } = await redirected('/start', '{ maxRedirects: 5 }')
    expect(answer).toMatchObject({ code: 'FETCH_FAILED' })
    expect(server.seen).toHaveLength(6)
  })

  it.each([
    [301, 'GET', ''],
    [302, 'GET', ''],
    [303, 'GET', ''],
    [307, 'POST', 'x'],
    [308, 'POST', 'x'],
  ])('%i makes of a POST a %s', async (status, method, body) => {
    const { server } = await redirected('/end', `{ method: 'POST', body: 'x' }`, status)
    expect(server.seen[1]).toMatchObject({ method, body })
  })

  it('to another server leaves behind what was told to the first', async () => {
    const { server } = await redirected(
      'http://127.0.0.1:PORT/end',
      `{ headers: { Authorization: 'x', Cookie: 'y', 'X-Own': 'z' } }`,
    )
    expect(server.seen[0]!.headers).toMatchObject({ authorization: 'x', cookie: 'y' })
    expect(server.seen[1]!.headers).toMatchObject({ 'x-own': 'z' })
    expect(server.seen[1]!.headers).not.toHaveProperty('authorization')
    expect(server.seen[1]!.headers).not.toHaveProperty('cookie')
  })
})

describe('what a plugin has asked for', () => {
  it('ends with the handler', async () => {
    const [gone, wasSeen] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const server = await startServer((request, response) => {
      if (request.url === '/second') return void wasSeen.promise.then(() => response.end())
      wasSeen.resolve()
      return void response.on('close', gone.resolve)
    })
    const gateway = await startTierGateway({
      tier: 'isolate',
      plugins: [
        {
          name: 'asker',
          permissions: { http: ['*:*'] },
          body: `async access(pdk) {
            const url = 'http://127.0.0.1:${server.port}'
            void pdk.http.fetch(url + '/first', { timeoutMs: 30_000 }).catch(() => {})
            await pdk.http.fetch(url + '/second')
          }`,
        },
      ],
      gateway: { pluginGrants: { asker: { http: [`127.0.0.1:${server.port}`] } } },
    })
    expect((await fetch(gateway.url)).status).toBe(200)
    // The server sees it leave; the test's own limit ends a wait in vain.
    await gone.promise
  })

  it.each([
    ['nothing', ''],
    ['garbage', 'no HTTP at all\r\n\r\n'],
    ['half an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'],
    ['too large a head', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`],
  ])('fails when %s is answered', async (_name, bytes) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.once('data', () => socket.end(bytes))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const gateway = await fetching('isolate', port, `pdk.http.fetch('http://api.test:${port}/')`)
    const answer = await askAnswered(gateway)
    expect(answer).toMatchObject({ code: 'FETCH_FAILED' })
    expect(answer.message).not.toMatch(/127\.0\.0\.1/)
  })
})
