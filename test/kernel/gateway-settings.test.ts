import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { GatewaySettings } from '../../kernel/gateway.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startUpstream, type TestUpstream } from '../support/upstream.ts'

let upstream: TestUpstream
let gateway: TestGateway | null = null
beforeEach(async () => {
  upstream = await startUpstream()
})
afterEach(async () => {
  await gateway?.close()
  await upstream.close()
})

async function ask(settings: GatewaySettings, headers: Record<string, string>) {
  gateway = await startTestGateway({
    yaml: `
_format_version: "3.0"
services:
  - { name: main, url: "${upstream.url}", routes: [{ name: main, paths: [/main] }] }
plugins: [{ name: correlation-id }]
`,
    gateway: settings,
  })
  const response = await fetch(`${gateway.url}/main`, { headers })
  await response.text()
  return { headers: response.headers, seen: upstream.seen[0]!.headers }
}

const forwarded = {
  'x-forwarded-for': '203.0.113.7, 198.51.100.1',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'shop.example.com',
  'x-forwarded-port': '443',
  'x-forwarded-prefix': '/outer',
}

describe('trusted addresses', () => {
  it('are believed what they say of the client', async () => {
    const { seen } = await ask({ trustedIps: ['127.0.0.0/8', '198.51.100.1'] }, forwarded)
    expect(seen['x-forwarded-for']).toBe('203.0.113.7, 198.51.100.1, 127.0.0.1')
    expect(seen['x-real-ip']).toBe('203.0.113.7')
    expect(seen['x-forwarded-proto']).toBe('https')
    expect(seen['x-forwarded-host']).toBe('shop.example.com')
    expect(seen['x-forwarded-port']).toBe('443')
    expect(seen['x-forwarded-prefix']).toBe('/outer')
  })

  it('are those of their own family: all of IPv6 is no IPv4', async () => {
    const { seen } = await ask({ trustedIps: ['::/0'] }, forwarded)
    expect(seen['x-forwarded-for']).toBe('127.0.0.1')
    expect(seen['x-real-ip']).toBe('127.0.0.1')
  })

  it('are none by default, so that nobody can claim to be somebody else', async () => {
    const { seen } = await ask({}, forwarded)
    expect(seen['x-forwarded-for']).toBe('127.0.0.1')
    expect(seen['x-real-ip']).toBe('127.0.0.1')
    expect(seen['x-forwarded-proto']).toBe('http')
    expect(seen['x-forwarded-host']).toBe('127.0.0.1')
    expect(seen['x-forwarded-prefix']).toBe('/main')
  })
})

describe('header names', () => {
  it("are Kong's when they are asked for", async () => {
    const { headers, seen } = await ask({ headerNaming: 'kong' }, {})
    expect(headers.get('x-kong-request-id')).toBe(seen['x-kong-request-id'])
    expect(headers.get('x-kong-proxy-latency')).toMatch(/^\d+$/)
    expect(headers.get('x-sallyport-request-id')).toBeNull()
  })
})

describe('the debug header', () => {
  it('tells steps and tries when it is allowed and asked for', async () => {
    const { headers } = await ask({ allowDebugHeader: true }, { 'sallyport-debug': '1' })
    const trace = headers.get('x-sallyport-trace')
    expect(trace).toMatch(
      /^correlation-id#access [\d.]+ms, try:127\.0\.0\.1:\d+ [\d.]+ms, correlation-id#headerFilter [\d.]+ms$/,
    )
  })

  it('tells nothing when it is not allowed', async () => {
    const { headers } = await ask({}, { 'sallyport-debug': '1' })
    expect(headers.get('x-sallyport-trace')).toBeNull()
  })

  it('tells nothing when nobody asks', async () => {
    const { headers } = await ask({ allowDebugHeader: true }, {})
    expect(headers.get('x-sallyport-trace')).toBeNull()
  })
})
