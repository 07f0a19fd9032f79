import { describe, expect, it } from 'vitest'
import { ask, startWithPlugins } from '../support/one-plugin.ts'

describe("the client's address", () => {
  const seenAs = async (sent: string, trustedIps: readonly string[]) => {
    const { gateway, upstream } = await startWithPlugins([], { gateway: { trustedIps } })
    const { status } = await ask(gateway, { headers: { 'X-Forwarded-For': sent } })
    expect(status).toBe(200)
    return upstream.seen[0]!.headers['x-real-ip']
  }

  it.each([
    ['6.6.6.6', '6.6.6.6'],
    ['6.6.6.6, 10.0.0.1', '6.6.6.6'],
    ['6.6.6.6, 5.5.5.5', '5.5.5.5'],
    ['10.0.0.2, 10.0.0.1', '10.0.0.2'],
    ['6.6.6.6:1234', '6.6.6.6'],
    ['6.6.6.6, 10.0.0.1:1234', '6.6.6.6'],
    ['[2001:db8::1]:80', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['made up', '127.0.0.1'],
    ['6.6.6.6, made up, 10.0.0.1', '10.0.0.1'],
    ['', '127.0.0.1'],
  ])('in X-Forwarded-For "%s" from a trusted proxy is %s', async (sent, address) => {
    expect(await seenAs(sent, ['127.0.0.1', '10.0.0.0/8'])).toBe(address)
  })

  it("is the peer's own when the peer is not trusted", async () => {
    expect(await seenAs('6.6.6.6', ['10.0.0.0/8'])).toBe('127.0.0.1')
  })
})

describe('the request id', () => {
  it('that the upstream gets is never one that the client made up', async () => {
    const { gateway, upstream } = await startWithPlugins([])
    await ask(gateway, { headers: { 'X-Sallyport-Request-Id': 'made up' } })
    await gateway.logged(1)
    expect(upstream.seen[0]!.headers['x-sallyport-request-id']).toBe(
      gateway.accessLog[0]!.request_id,
    )
  })
})
