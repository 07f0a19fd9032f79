import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createLeanDataPath } from '../../kernel/http/lean/lean-data-path.ts'
import { createHttpLimits } from '../../kernel/http/limits.ts'
import { createNodeListener } from '../../kernel/http/node-listener.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startUpstream, type TestUpstream } from '../support/upstream.ts'

const closing: { close(): unknown }[] = []
afterEach(async () => {
  for (const one of closing.splice(0).toReversed()) await one.close()
})

async function upstreamOf(...answer: Parameters<typeof startUpstream>): Promise<TestUpstream> {
  const upstream = await startUpstream(...answer)
  closing.push(upstream)
  return upstream
}

/** Accepts, reads the request, and hangs up without a word. */
async function startHangup(): Promise<{ port: number; connections: () => number }> {
  let connections = 0
  const server: Server = createServer((socket) => {
    connections++
    socket.once('data', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push({ close: () => new Promise((resolve) => server.close(resolve)) })
  return { port: (server.address() as AddressInfo).port, connections: () => connections }
}

async function closedPort(): Promise<number> {
  const upstream = await startUpstream()
  await upstream.close()
  return upstream.port
}

async function gatewayTo(ports: readonly number[], service = ''): Promise<TestGateway> {
  const gateway = await startTestGateway({
    yaml: `
_format_version: "3.0"
upstreams:
  - name: pool
    targets:
${ports.map((port) => `      - target: 127.0.0.1:${port}`).join('\n')}
services:
  - name: main
    host: pool
    ${service}
    routes: [{ name: main, paths: [/] }]
`,
  })
  closing.push(gateway)
  return gateway
}

describe('an upstream that is given no more connections', () => {
  it('gives 503 to a request that finds the queue full, and to one that waited too long', async () => {
    const upstream = await upstreamOf(() => {})
    const limits = { upstreamConnectionsMax: 1, queuedRequestsMax: 1, upstreamQueueMs: 200 }
    const gateway = await startTestGateway({
      dataPath: createLeanDataPath(createHttpLimits(limits)),
      yaml: `
_format_version: "3.0"
services: [{ name: main, url: "${upstream.url}", routes: [{ name: main, paths: [/] }] }]
`,
    })
    closing.push(gateway)
    const hanging = new AbortController()
    const first = fetch(`${gateway.url}/`, { signal: hanging.signal }).catch(() => null)
    await expect.poll(() => upstream.seen.length).toBe(1)
    const others = await Promise.all([fetch(`${gateway.url}/`), fetch(`${gateway.url}/`)])
    expect(others.map((response) => response.status)).toEqual([503, 503])
    for (const response of others) {
      expect(await response.text()).toContain('The upstream server is currently unavailable')
    }
    const reasons = gateway.accessLog.map((entry) => entry.error)
    expect(reasons[0]).toMatch(/1 requests already wait for a connection$/)
    expect(reasons[1]).toMatch(/no connection was free for 200 ms$/)
    hanging.abort()
    await first
    expect(upstream.seen).toHaveLength(1)
  })
})

describe('a try that fails', () => {
  it('is repeated at another target, never at one that has failed', async () => {
    const upstream = await upstreamOf()
    const dead = [await closedPort(), await closedPort()]
    const gateway = await gatewayTo([...dead, upstream.port])
    for (let i = 0; i < 6; i++) {
      const response = await fetch(`${gateway.url}/`, { method: 'POST', body: 'x' })
      expect([response.status, await response.text()]).toEqual([200, 'hello'])
    }
    expect(upstream.seen.map((request) => request.body)).toEqual(Array(6).fill('x'))
    for (const { tries } of gateway.accessLog) expect(tries).toBeLessThanOrEqual(3)
  })

  it('gives 502 when no target is left', async () => {
    const gateway = await gatewayTo([await closedPort(), await closedPort()])
    const response = await fetch(`${gateway.url}/`)
    expect(response.status).toBe(502)
    await gateway.logged(1)
    expect(gateway.accessLog[0]).toMatchObject({ tries: 2, source: 'error' })
    expect(gateway.accessLog[0]!.error).toContain('127.0.0.1')
  })

  it('gives 503 when there is no target at all', async () => {
    const gateway = await gatewayTo([])
    const response = await fetch(`${gateway.url}/`)
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('failure to get a peer from the ring-balancer')
  })

  it('is not repeated more often than the service allows', async () => {
    const ports = await Promise.all([1, 2, 3, 4].map(closedPort))
    const gateway = await gatewayTo(ports, 'retries: 1')
    expect((await fetch(`${gateway.url}/`)).status).toBe(502)
    await gateway.logged(1)
    expect(gateway.accessLog[0]!.tries).toBe(2)
  })

  it('is repeated for GET when the upstream hung up without an answer', async () => {
    const hangup = await startHangup()
    const upstream = await upstreamOf()
    const gateway = await gatewayTo([hangup.port, upstream.port])
    for (let i = 0; i < 4; i++) expect((await fetch(`${gateway.url}/`)).status).toBe(200)
    expect(hangup.connections()).toBeGreaterThan(0)
  })

  it('is never repeated for POST once the upstream may have seen it', async () => {
    const [one, other] = [await startHangup(), await startHangup()]
    const gateway = await gatewayTo([one.port, other.port])
    const response = await fetch(`${gateway.url}/`, { method: 'POST', body: 'order' })
    expect(response.status).toBe(502)
    expect(one.connections() + other.connections()).toBe(1)
  })

  it('leaves nothing in the answer of what was done for it', async () => {
    const upstream = await upstreamOf()
    const dead = await closedPort()
    const gateway = await startTestGateway({
      plugins: [
        {
          name: 'tells-tries',
          version: '1.0.0',
          beforeProxy(pdk) {
            pdk.response.addHeader('x-try', String(pdk.balancer.getTarget()!.tryNumber))
          },
        },
      ],
      yaml: `
_format_version: "3.0"
upstreams: [{ name: pool, targets: [{ target: "127.0.0.1:${dead}" }, { target: "127.0.0.1:${upstream.port}" }] }]
services: [{ name: main, host: pool, routes: [{ name: main, paths: [/] }] }]
plugins: [{ name: tells-tries }]
`,
    })
    closing.push(gateway)
    const tries = new Set<string | null>()
    for (let i = 0; i < 2; i++) tries.add((await fetch(`${gateway.url}/`)).headers.get('x-try'))
    expect(tries).toEqual(new Set(['1', '2']))
  })

  it('because the request cannot be sent at all gives 500, and no second try', async () => {
    let sent = 0
    const gateway = await startTestGateway({
      gateway: {
        dataPath: {
          listen: (listen) => createNodeListener({ ...listen, limits: createHttpLimits() }),
          sender: {
            send() {
              sent++
              throw new TypeError('the request cannot be sent')
            },
            close: () => Promise.resolve(),
          },
        },
      },
      yaml: `
_format_version: "3.0"
upstreams: [{ name: pool, targets: [{ target: "127.0.0.1:1" }, { target: "127.0.0.1:2" }] }]
services: [{ name: main, host: pool, routes: [{ name: main, paths: [/] }] }]
`,
    })
    closing.push(gateway)
    const response = await fetch(`${gateway.url}/`)
    expect([response.status, sent]).toEqual([500, 1])
    expect(await response.text()).not.toContain('cannot be sent')
  })

  it('by silence gives 504', async () => {
    const silent = await upstreamOf(() => {})
    const gateway = await gatewayTo([silent.port], 'read_timeout: 50')
    const response = await fetch(`${gateway.url}/`)
    expect(response.status).toBe(504)
    expect(await response.text()).toContain('The upstream server is timing out')
  })
})

describe('the Host that the upstream gets', () => {
  async function hostSeen(route: string, upstreamFields: string): Promise<string | undefined> {
    const upstream = await upstreamOf()
    const gateway = await startTestGateway({
      yaml: `
_format_version: "3.0"
upstreams:
  - { name: pool, ${upstreamFields} targets: [{ target: "127.0.0.1:${upstream.port}" }] }
services:
  - { name: main, host: pool, routes: [{ name: main, paths: [/], ${route} }] }
`,
    })
    closing.push(gateway)
    await fetch(`${gateway.url}/`)
    const host = upstream.seen[0]!.headers.host
    return host?.replace(String(upstream.port), 'UPSTREAM').replace(String(gateway.port), 'GATEWAY')
  }

  it('is the target by default', async () => {
    expect(await hostSeen('', '')).toBe('127.0.0.1:UPSTREAM')
  })
  it("is the upstream's host_header when it has one", async () => {
    expect(await hostSeen('', 'host_header: api.example.com,')).toBe('api.example.com')
  })
  it("is the client's own, port included, when the route preserves it", async () => {
    expect(await hostSeen('preserve_host: true', 'host_header: api.example.com,')).toBe(
      '127.0.0.1:GATEWAY',
    )
  })
})

describe('a request over HTTP/1.1 on a gRPC route', () => {
  it('is told to speak HTTP/2, and reaches nothing', async () => {
    const upstream = await upstreamOf()
    const gateway = await startTestGateway({
      yaml: `
_format_version: "3.0"
services:
  - name: main
    protocol: grpc
    host: 127.0.0.1
    port: ${upstream.port}
    routes: [{ name: main, paths: [/rpc], protocols: [grpc, grpcs] }]
`,
    })
    closing.push(gateway)
    const headers = { 'content-type': 'application/grpc' }
    const response = await fetch(`${gateway.url}/rpc/a.B`, { method: 'POST', headers, body: 'x' })
    expect(response.status).toBe(426)
    expect(await response.text()).toContain('Please use HTTP2 protocol')
    expect(response.headers.get('upgrade')).toBe('HTTP/2')
    expect(upstream.seen).toEqual([])
  })
})

describe('a path that is too long for the regular expression of a route', () => {
  it('is refused with 400, and does not reach the next route instead', async () => {
    const upstream = await upstreamOf()
    const gateway = await startTestGateway({
      yaml: `
_format_version: "3.0"
services:
  - name: main
    url: ${upstream.url}
    routes:
      - { name: guarded, paths: ["~/([a-z]{1,64})+$"] }
      - { name: open, paths: [/] }
`,
    })
    closing.push(gateway)
    const refused = await fetch(`${gateway.url}/${'a'.repeat(6_000)}`)
    expect(refused.status).toBe(400)
    expect(upstream.seen).toEqual([])
    const passed = await fetch(`${gateway.url}/${'a'.repeat(2_000)}`)
    expect(passed.status).toBe(200)
  })
})

describe('a plain request on a route for https only', () => {
  it.each([
    ['', 426, null],
    ['https_redirect_status_code: 308', 308, 'https://127.0.0.1/secure?a=1'],
  ])('%s answers %i', async (field, status, location) => {
    const upstream = await upstreamOf()
    const gateway = await startTestGateway({
      yaml: `
_format_version: "3.0"
services:
  - name: main
    url: ${upstream.url}
    routes:
      - name: main
        paths: [/secure]
        protocols: [https]
        ${field}
`,
    })
    closing.push(gateway)
    const response = await fetch(`${gateway.url}/secure?a=1`, { redirect: 'manual' })
    expect(response.status).toBe(status)
    expect(response.headers.get('location')).toBe(location)
    if (status === 426) {
      expect(await response.text()).toContain('Please use HTTPS protocol')
      expect(response.headers.get('upgrade')).toBe('TLS/1.2, HTTP/1.1')
      expect(response.headers.get('connection')).toContain('Upgrade')
    }
    expect(upstream.seen).toEqual([])
  })

  it.each([
    ['127.0.0.1', 'https', 200],
    ['127.0.0.1', 'HTTPS', 200],
    ['127.0.0.1', 'http', 426],
    ['10.0.0.1', 'https', 426],
  ])('with %s trusted and X-Forwarded-Proto %s answers %i', async (trusted, proto, status) => {
    const upstream = await upstreamOf()
    const gateway = await startTestGateway({
      gateway: { trustedIps: [trusted] },
      yaml: `
_format_version: "3.0"
services:
  - { name: main, url: "${upstream.url}", routes: [{ name: main, paths: [/], protocols: [https] }] }
`,
    })
    closing.push(gateway)
    const response = await fetch(gateway.url, { headers: { 'x-forwarded-proto': proto } })
    expect(response.status).toBe(status)
  })
})
