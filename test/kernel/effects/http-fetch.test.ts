import { describe, expect, it } from 'vitest'
import {
  answering,
  askAnswered,
  CODE_TIERS,
  startTierGateway,
  type CodeTier,
} from '../../support/tier-gateway.ts'
import { startUpstream, type Answer } from '../../support/upstream.ts'
import { onTestFinished } from 'vitest'

/** A server that a plugin may ask. */
async function startServer(answer?: Answer) {
  const server = await startUpstream(answer)
  onTestFinished(() => server.close())
  return server
}

async function fetching(tier: CodeTier, port: number, expression: string) {
  return startTierGateway({
    tier,
    plugins: [
      {
        name: 'asker',
        body: answering(expression),
        permissions: { http: ['*:*'] },
      },
    ],
    gateway: {
      pluginGrants: { asker: { http: [`api.test:${port}`, `127.0.0.1:${port}`] } },
      effects: { resolveHostname: () => Promise.resolve(['127.0.0.1']) },
    },
  })
}

describe.each(CODE_TIERS)('http.fetch in the %s tier', (tier) => {
  it('asks the server that was granted and gives its answer', async () => {
    const server = await startServer((request, response) => {
      response.writeHead(201, { 'X-Seen': request.headers['x-own'] ?? '' })
      response.end(request.body)
    })
    const gateway = await fetching(
      tier,
      server.port,
      `pdk.http.fetch('http://api.test:${server.port}/a?b=c', {
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
})
