import type { Tier } from '../../../kernel/plugin-host.ts'
import { describe, expect, it } from 'vitest'
import { EffectMeters } from '../../../kernel/effects/effect-meters.ts'
import { PluginCache } from '../../../kernel/effects/plugin-cache.ts'
import { PLUGIN_LIMITS } from '../../../kernel/plugin-limits.ts'
import { answering, askAnswered, startTierGateway } from '../../support/tier-gateway.ts'
import { ALL_TIERS } from '../../sandbox/tiers.ts'

const ALL = { cache: true, store: true }

/** A gateway whose plugin `p` does what the expression says, with cache and store granted. */
function valuing(tier: Tier, expression: string) {
  return startTierGateway({
    tier,
    plugins: [{ name: 'p', body: answering(expression), permissions: ALL }],
    gateway: { pluginGrants: { p: ALL } },
  })
}

describe.each(ALL_TIERS)('values of a plugin in the %s tier', (tier) => {
  it('stay in the cache from one request to the next', async () => {
    const gateway = await valuing(
      tier,
      `(async () => {
        const before = await pdk.cache.get('k')
        await pdk.cache.set('k', { n: (before?.n ?? 0) + 1 })
        await pdk.cache.set('gone', 1); await pdk.cache.delete('gone')
        return [before, await pdk.cache.get('gone')]
      })()`,
    )
    expect(await askAnswered(gateway)).toEqual({ value: [null, null] })
    expect(await askAnswered(gateway)).toEqual({ value: [{ n: 1 }, null] })
  })

  it('stay in the store, and are counted, listed and deleted there', async () => {
    const gateway = await valuing(
      tier,
      `(async () => [
        await pdk.store.get('k'),
        await pdk.store.set('k', { a: [1, 'ü'] }),
        await pdk.store.set('k', 2, { ifAbsent: true }),
        await pdk.store.get('k'),
        await pdk.store.add('n', 2), await pdk.store.add('n', 0.5),
        await pdk.store.list(), await pdk.store.list({ prefix: 'k' }),
        await pdk.store.list({ after: 'k', limit: 1 }),
        await pdk.store.delete('k'), await pdk.store.delete('k'), await pdk.store.get('k'),
      ])()`,
    )
    const { value } = await askAnswered(gateway)
    expect(value).toEqual([
      ...[null, true, false, { a: [1, 'ü'] }, 2, 2.5],
      ...[['k', 'n'], ['k'], ['n'], true, false, null],
    ])
    expect(((await askAnswered(gateway)).value as unknown[])[4]).toBe(4.5)
  })

  it.each([
    [`pdk.cache.set('k', 'x'.repeat(65_537))`, 'LIMIT'],
    [`pdk.store.set('k', 'x'.repeat(65_537))`, 'LIMIT'],
    [`pdk.cache.set('', 1)`, 'BAD_ARGUMENT'],
    [`pdk.cache.set('k\\0', 1)`, 'BAD_ARGUMENT'],
    [`pdk.store.set('x'.repeat(257), 1)`, 'BAD_ARGUMENT'],
    [`pdk.store.get({})`, 'BAD_ARGUMENT'],
    [`pdk.cache.set('k', undefined)`, 'BAD_ARGUMENT'],
    [`pdk.cache.set('k', 1, { ttlMs: -1 })`, 'BAD_ARGUMENT'],
    [`pdk.store.set('k', 1, { ttlMs: 1e12 })`, 'BAD_ARGUMENT'],
    [`pdk.store.set('k', 'text').then(() => pdk.store.add('k', 1))`, 'BAD_ARGUMENT'],
    [`pdk.store.add('k', 1e999)`, 'BAD_ARGUMENT'],
    [`pdk.store.list({ limit: 1_001 })`, 'BAD_ARGUMENT'],
    [`(async () => { for (;;) await pdk.cache.get('k') })()`, 'LIMIT'],
    [`(async () => { for (;;) await pdk.store.get('k') })()`, 'LIMIT'],
  ])('%s is refused with %s', async (expression, code) => {
    expect(await askAnswered(await valuing(tier, expression))).toMatchObject({ code })
  })

  it('of two plugins are two', async () => {
    const body = (name: string) => `async access(pdk) {
      await pdk.cache.set('k', '${name}', { ttlMs: 60_000 }); await pdk.store.set('k', '${name}')
    }`
    const gateway = await startTierGateway({
      tier,
      plugins: [
        { name: 'z', body: body('z'), permissions: ALL },
        { name: 'y', body: body('y'), permissions: ALL },
        {
          name: 'x',
          body: answering(
            `Promise.all([pdk.cache.get('k'), pdk.store.get('k'), pdk.store.list()])`,
          ),
          permissions: ALL,
        },
      ],
      gateway: { pluginGrants: { x: ALL, y: ALL, z: ALL } },
    })
    expect(await askAnswered(gateway)).toEqual({ value: [null, null, []] })
  })

  it('of two tenants are two', async () => {
    const gateway = await startTierGateway({
      tier,
      plugins: [
        {
          name: 'p',
          body: answering(
            `Promise.all([pdk.cache.get('k'), pdk.store.add('n', 1)])
              .then(async (all) => { await pdk.cache.set('k', config.name); return all })`,
          ),
          permissions: ALL,
        },
      ],
      gateway: { pluginGrants: { p: ALL } },
      yaml: `
tenants: [{ name: one }, { name: two }]
routes:
  - { name: r1, paths: [/one], tenant: one }
  - { name: r2, paths: [/two], tenant: two }
plugins:
  - { name: p, route: r1, tenant: one, config: { name: one } }
  - { name: p, route: r2, tenant: two, config: { name: two } }
`,
    })
    expect(await askAnswered(gateway, '/one')).toEqual({ value: [null, 1] })
    expect(await askAnswered(gateway, '/two')).toEqual({ value: [null, 1] })
    expect(await askAnswered(gateway, '/one')).toEqual({ value: ['one', 2] })
    expect(await askAnswered(gateway, '/two')).toEqual({ value: ['two', 2] })
  })
})

describe.each(['isolate', 'process'] as const)('a plugin in the %s tier', (tier) => {
  it.each([
    ['has asked but was not granted', ALL, {}],
    ['was granted but has not asked', {}, ALL],
  ])('that %s has no values', async (_name, permissions, granted) => {
    const gateway = await startTierGateway({
      tier,
      plugins: [
        {
          name: 'p',
          permissions,
          body: answering(
            `Promise.allSettled([pdk.cache.get('k'), pdk.store.get('k')])
              .then((all) => all.map(({ reason }) => [reason.code, reason.message]))`,
          ),
        },
      ],
      gateway: { pluginGrants: { p: granted } },
    })
    const text = (member: string, wanted: string) => [
      'NOT_GRANTED',
      `${member}: needs the permission ${wanted}, in the plugin's manifest and in plugin_grants of "p"`,
    ]
    expect(await askAnswered(gateway)).toEqual({
      value: [text('cache.get', 'cache: true'), text('store.get', 'store: true')],
    })
  })
})

describe('the cache', () => {
  const a = { pluginName: 'p', tenant: 'a' }
  const b = { pluginName: 'p', tenant: 'b' }

  const entry = (json: string, limits = PLUGIN_LIMITS) => ({ json, ttlMs: 60_000, limits })

  it('of one is full at 1,000 keys, and no other loses any', () => {
    const cache = new PluginCache(new EffectMeters())
    cache.set(b, 'k', entry('1'))
    for (let i = 0; i < 1_500; i++) cache.set(a, `k${i}`, entry('1'))
    expect(cache.get(a, 'k0')).toBeNull()
    expect(cache.get(a, 'k499')).toBeNull()
    expect(cache.get(a, 'k500')).toBe(1)
    expect(cache.get(b, 'k')).toBe(1)
  })

  it('of one is full at 10 MB', () => {
    const cache = new PluginCache(new EffectMeters())
    const json = JSON.stringify('x'.repeat(65_000))
    for (let i = 0; i < 200; i++) cache.set(a, `k${i}`, entry(json))
    const kept = Array.from({ length: 200 }, (_, i) => cache.get(a, `k${i}`)).filter(Boolean)
    expect(kept).toHaveLength(Math.floor((10 * 1024 * 1024) / (json.length + 4)))
  })

  it('of all is full when it was told so, and the largest gives way', () => {
    const cache = new PluginCache(new EffectMeters(), {
      ...PLUGIN_LIMITS,
      cacheWorkerBytesMax: 100_000,
    })
    cache.set(b, 'k', entry(JSON.stringify('x'.repeat(1_000))))
    for (let i = 0; i < 100; i++) cache.set(a, `k${i}`, entry(JSON.stringify('x'.repeat(10_000))))
    expect(cache.get(b, 'k')).not.toBeNull()
    expect(cache.get(a, 'k99')).not.toBeNull()
    expect(cache.get(a, 'k0')).toBeNull()
  })

  it('of one whose owner has lowered its limits gives way to them, and no other loses any', () => {
    const cache = new PluginCache(new EffectMeters())
    for (const owner of [a, b]) for (let i = 0; i < 10; i++) cache.set(owner, `k${i}`, entry('1'))
    cache.set(a, 'new', entry('1', { ...PLUGIN_LIMITS, cacheKeysMax: 3 }))
    const kept = (owner: typeof a) =>
      [...Array.from({ length: 10 }, (_, i) => `k${i}`), 'new'].filter((key) =>
        cache.get(owner, key),
      )
    expect(kept(a)).toEqual(['k8', 'k9', 'new'])
    expect(kept(b)).toHaveLength(10)
    cache.set(a, 'new', entry('1', { ...PLUGIN_LIMITS, cacheBytesMax: 9 }))
    expect(kept(a)).toEqual(['k9', 'new'])
  })
})
