import { describe, expect, it, onTestFinished } from 'vitest'
import { startTestGateway } from '../support/gateway.ts'
import { ask } from '../support/one-plugin.ts'
import { startUpstream } from '../support/upstream.ts'

async function start(config: string) {
  const upstream = await startUpstream()
  onTestFinished(() => upstream.close())
  const gateway = await startTestGateway({
    yaml: `
_format_version: "3.0"
services:
  - name: main
    url: ${upstream.url}
    routes: [{ name: main, paths: [/] }]
    plugins: [{ name: key-auth, config: { ${config} } }]
consumers:
  - { username: shop-app, custom_id: app-1, keyauth_credentials: [{ key: sesame }] }
  - { username: nobody }
`,
  })
  onTestFinished(() => gateway.close())
  return { gateway, upstream }
}

const FORGED = {
  'X-Consumer-ID': 'forged',
  'X-Consumer-Custom-ID': 'forged',
  'X-Consumer-Username': 'forged',
  'X-Credential-Identifier': 'forged',
  'X-Anonymous-Consumer': 'forged',
}

describe('key-auth', () => {
  it.each([
    ['apikey', '/', { apikey: 'sesame' }],
    ['apikey in the query', '/?apikey=sesame', {}],
    ['apikey in an escaped query', '/?%61pikey=s%65same', {}],
  ])('lets in who shows %s', async (_where, path, headers) => {
    const { gateway, upstream } = await start('')
    expect((await ask(gateway, { path, headers: { ...headers, ...FORGED } })).status).toBe(200)
    const seen = upstream.seen[0]!.headers
    expect(seen['x-consumer-username']).toBe('shop-app')
    expect(seen['x-consumer-custom-id']).toBe('app-1')
    expect(JSON.stringify(seen)).not.toContain('forged')
  })

  it.each([
    ['no key', {}, 'No API key found in request'],
    ['an empty key', { apikey: '' }, 'No API key found in request'],
    ['a wrong key', { apikey: 'Sesame' }, 'Unauthorized'],
  ])('refuses %s', async (_what, headers: Record<string, string>, message) => {
    const { gateway, upstream } = await start('realm: shop')
    const answer = await ask(gateway, { headers })
    expect([answer.status, JSON.parse(answer.body)]).toEqual([401, { message }])
    expect(answer.headers['www-authenticate']).toBe('Key realm="shop"')
    expect(upstream.seen).toEqual([])
  })

  it('hides the key wherever the client sent it', async () => {
    const { gateway, upstream } = await start('hide_credentials: true')
    await ask(gateway, { path: '/?a=1&apikey=sesame', headers: { apikey: 'sesame' } })
    expect(upstream.seen[0]!.url).toBe('/?a=1')
    expect(upstream.seen[0]!.headers['apikey']).toBeUndefined()
  })

  it('tells the upstream of an anonymous caller', async () => {
    const { gateway, upstream } = await start('anonymous: nobody')
    expect((await ask(gateway, { headers: FORGED })).status).toBe(200)
    const seen = upstream.seen[0]!.headers
    expect([seen['x-anonymous-consumer'], seen['x-consumer-username']]).toEqual(['true', 'nobody'])
    expect(JSON.stringify(seen)).not.toContain('forged')
  })

  it('lets a preflight pass without what it says of itself', async () => {
    const { gateway, upstream } = await start('run_on_preflight: false')
    expect((await ask(gateway, { method: 'OPTIONS', headers: FORGED })).status).toBe(200)
    expect(JSON.stringify(upstream.seen[0]!.headers)).not.toContain('forged')
    expect((await ask(gateway, { headers: FORGED })).status).toBe(401)
  })
})
