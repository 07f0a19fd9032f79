import { describe, expect, it, onTestFinished } from 'vitest'
import { PLUGIN_LIMITS } from '../../../kernel/plugin-limits.ts'
import { EffectMeters } from '../../../kernel/effects/effect-meters.ts'
import type { EffectStatus } from '../../../kernel/effects/effects.ts'
import { PluginCache } from '../../../kernel/effects/plugin-cache.ts'
import { ALL_TIERS } from '../../sandbox/tiers.ts'
import { answering, askAnswered, startTierGateway } from '../../support/tier-gateway.ts'
import { type Answer, startUpstream } from '../../support/upstream.ts'

const VALUES = { cache: true, store: true, vault: ['{vault://env/'] }

async function startServer(answer?: Answer) {
  const server = await startUpstream(answer)
  onTestFinished(() => server.close())
  return server
}

type Gateway = Awaited<ReturnType<typeof startTierGateway>>

function effectsOf({ gateway }: Gateway, tenant: string | null = null): EffectStatus {
  return gateway.status().effects.find((status) => status.tenant === tenant)!
}

describe.each(ALL_TIERS)('effects of a plugin in the %s tier', (tier) => {
  it('are counted by kind, and failures by code', async () => {
    const gateway = await startTierGateway({
      tier,
      plugins: [
        {
          name: 'p',
          permissions: VALUES,
          body: answering(`Promise.allSettled([
            pdk.store.set('k', 1), pdk.store.get('k'), pdk.store.add('k', 'x'),
            pdk.vault.get('{vault://env/key}'), pdk.vault.get('{vault://env/none}'),
            pdk.vault.get('{vault://env/none}'),
            (async () => {
              await pdk.cache.get('k'); await pdk.cache.set('k', 'four'); await pdk.cache.get('k')
              await pdk.cache.get('k'); await pdk.cache.set('', 1)
            })(),
          ]).then((all) => all.length)`),
        },
      ],
      gateway: { pluginGrants: { p: VALUES }, effects: { variables: { KEY: 'value' } } },
    })
    expect(gateway.gateway.status().effects).toEqual([])
    expect(await askAnswered(gateway)).toEqual({ value: 7 })
    expect(effectsOf(gateway)).toMatchObject({
      plugin: 'p',
      tenant: null,
      calls: { http: 0, cache: 5, store: 3, vault: 3 },
      failures: {
        http: {},
        cache: { BAD_ARGUMENT: 1 },
        store: { BAD_ARGUMENT: 1 },
        vault: { NOT_FOUND: 2 },
      },
      cacheHits: 2,
      cacheMisses: 1,
      cacheEvictions: 0,
      cacheBytes: '"four"'.length + 'k'.length,
    })
  })

  it('over HTTP tell the bytes both ways, and how long they took', async () => {
    const server = await startServer((_request, response) => void response.end('answer'))
    const grants = { http: [`127.0.0.1:${server.port}`] }
    const gateway = await startTierGateway({
      tier,
      plugins: [
        {
          name: 'p',
          permissions: grants,
          body: answering(`Promise.allSettled([
            pdk.http.fetch('http://127.0.0.1:${server.port}/', { method: 'POST', body: 'four' }),
            pdk.http.fetch('http://127.0.0.1:${server.port}/', { maxBytes: 1 }),
            pdk.http.fetch('nothing'),
          ]).then((all) => all.map(({ reason }) => reason?.code))`),
        },
      ],
      gateway: { pluginGrants: { p: grants } },
    })
    expect(await askAnswered(gateway)).toEqual({
      value: [null, 'BODY_TOO_LARGE', 'BAD_ARGUMENT'],
    })
    const { calls, failures, sentBytes, receivedBytes, waitedMs } = effectsOf(gateway)
    expect(calls.http).toBe(3)
    expect(failures.http).toEqual({ BODY_TOO_LARGE: 1, BAD_ARGUMENT: 1 })
    expect([sentBytes, receivedBytes]).toEqual([4, 12])
    expect(waitedMs.http).toBeGreaterThan(0)
    expect(waitedMs.store).toBe(0)
  })

  it('are counted for the tenant that owns the instance, until it is gone', async () => {
    const yaml = (plugins: string) => `
_format_version: "3.0"
tenants: [{ name: one }, { name: two }]
routes:
  - { name: r1, paths: [/one], tenant: one }
  - { name: r2, paths: [/two], tenant: two }
plugins: [${plugins}]
`
    const one = '{ name: p, route: r1, tenant: one }'
    const two = '{ name: p, route: r2, tenant: two }'
    const gateway = await startTierGateway({
      tier,
      plugins: [{ name: 'p', body: answering(`pdk.cache.get('k')`), permissions: { cache: true } }],
      gateway: { pluginGrants: { p: { cache: true } } },
      yaml: yaml(`${one}, ${two}`).replace('_format_version: "3.0"', ''),
    })
    for (const path of ['/one', '/two', '/two']) await askAnswered(gateway, path)
    expect(effectsOf(gateway, 'one').calls.cache).toBe(1)
    expect(effectsOf(gateway, 'two').calls.cache).toBe(2)
    await gateway.reload(yaml(two))
    expect(gateway.gateway.status().effects).toMatchObject([{ tenant: 'two', calls: { cache: 2 } }])
  })
})

describe('the cache', () => {
  it('counts what had to go because it was full, for whom it was kept', () => {
    const meters = new EffectMeters()
    const cache = new PluginCache(meters, { ...PLUGIN_LIMITS, cacheWorkerBytesMax: 3_000 })
    const [a, b] = ['a', 'b'].map((tenant) => ({ pluginName: 'p', tenant })) as [never, never]
    const json = JSON.stringify('x'.repeat(997))
    const entry = (value: string) => ({ json: value, ttlMs: 60_000, limits: PLUGIN_LIMITS })
    cache.set(b, 'k', entry('1'))
    for (const key of ['1', '2', '3', '4']) cache.set(a, key, entry(json))
    // What is written over or deleted has not been driven out.
    cache.set(b, 'k', entry('2'))
    cache.delete(b, 'k')
    expect(meters.of(a).counts()).toMatchObject({ cacheEvictions: 2 })
    expect(meters.of(b).counts()).toMatchObject({ cacheEvictions: 0 })
    expect(cache.bytesOf(a)).toBe(2_000)
    expect(cache.bytesOf(b)).toBe(0)
  })
})
