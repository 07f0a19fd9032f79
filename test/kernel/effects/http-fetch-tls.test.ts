import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { answering, askAnswered, startTierGateway } from '../../support/tier-gateway.ts'
import { TEST_CERTIFICATE, TEST_KEY } from '../http/lean/tls-certificate.ts'

async function fetching(hostname: string, ca: string | null) {
  const names: unknown[] = []
  const server = createServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (request, response) => {
    names.push([request.headers.host, (request.socket as { servername?: unknown }).servername])
    response.end('over TLS')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const gateway = await startTierGateway({
    tier: 'isolate',
    plugins: [
      {
        name: 'p',
        permissions: { http: ['*:*'] },
        body: answering(
          `pdk.http.fetch('https://${hostname}:${port}/').then(({ body }) => new TextDecoder().decode(body))`,
        ),
      },
    ],
    gateway: {
      pluginGrants: { p: { http: ['*:*', '127.0.0.1:*'] } },
      effects: {
        resolveHostname: () => Promise.resolve(['127.0.0.1']),
        ...(ca === null ? {} : { tls: { ca } }),
      },
    },
  })
  return { answer: await askAnswered(gateway), names, port }
}

describe('http.fetch over TLS', () => {
  it('connects to the checked address and asks for the certificate of the name', async () => {
    const { answer, names, port } = await fetching('upstream.test', TEST_CERTIFICATE)
    expect(answer).toEqual({ value: 'over TLS' })
    expect(names).toEqual([[`upstream.test:${port}`, 'upstream.test']])
  })

  it.each([
    ['another name', 'other.test', TEST_CERTIFICATE],
    ['an address that is not in it', '127.0.0.1', TEST_CERTIFICATE],
    ['an authority that is not known', 'upstream.test', null],
  ])('refuses a certificate for %s', async (_name, hostname, ca) => {
    const { answer, names } = await fetching(hostname, ca)
    expect(answer).toMatchObject({ code: 'FETCH_FAILED' })
    expect(names).toEqual([])
  })
})
