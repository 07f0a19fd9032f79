import { describe, expect, test } from 'vitest'
import { load, loadGood, versioned } from './load.ts'

const shop = `
_format_version: "3.0"
_transform: true
_comment: the shop, as of spring

services:
  - name: orders
    url: https://orders.internal/v1
    retries: 2
    tags: [shop, team-a]
    routes:
      - name: orders-public
        paths: [/orders, '~/o/(?<id>\\d+)$']
        methods: [GET, POST]
        strip_path: false
        plugins:
          - name: key-auth
            config:
              key_names: [x-api-key]
              hide_credentials: true
      - name: orders-internal
        hosts: ['*.internal.example']
        headers: { x-version: [2, 2.10] }
    plugins:
      - name: limiter
        config: { minute: 60 }
  - name: catalogue
    host: catalogue
    _comment: balanced
    connect_timeout: 2000

routes:
  - name: catalogue
    service: catalogue
    paths: [/catalogue]
  - hosts: [catalogue.example]
    service: { name: catalogue }

upstreams:
  - name: catalogue
    targets:
      - target: 10.0.0.1:8080
        weight: 10
      - target: Catalogue-2.internal
      - target: '[::1]:80'

consumers:
  - username: alice
    custom_id: 0042
    keyauth_credentials:
      - key: alice-secret
      - key: 1234567
    groups: [gold]
  - username: yes
    plugins:
      - name: limiter
        config: { minute: 5, by: ip }

consumer_groups:
  - name: gold
    consumers: [{ username: yes }]
    plugins:
      - name: limiter
        config: { minute: 600 }

plugins:
  - name: limiter
    consumer: alice
    route: orders-public
    config: { minute: 1000, label: 1.10 }
`

describe('a realistic file', () => {
  const entities = loadGood(shop)
  const byName = (list: readonly { name?: unknown }[], name: string) =>
    list.find((entity) => entity.name === name)

  test('gives services with the url written out and defaults applied', () => {
    expect(byName(entities.services, 'orders')).toMatchObject({
      protocol: 'https',
      host: 'orders.internal',
      port: 443,
      path: '/v1',
      retries: 2,
      read_timeout: 60_000,
      tags: ['shop', 'team-a'],
      enabled: true,
      tenant: null,
    })
    expect(byName(entities.services, 'catalogue')).toMatchObject({
      host: 'catalogue',
      port: 80,
      path: null,
      connect_timeout: 2000,
    })
  })

  test('links routes, nested or by reference, to their services', () => {
    const [orders, catalogue] = entities.services
    expect(entities.routes.map(({ name, service }) => [name, service?.id])).toEqual([
      ['orders-public', orders?.id],
      ['orders-internal', orders?.id],
      ['catalogue', catalogue?.id],
      [null, catalogue?.id],
    ])
  })

  test('dates entities by their place and gives every one an id', () => {
    expect(entities.routes.map(({ created_at }) => created_at)).toEqual([1, 2, 3, 4])
    const all = Object.values(entities).flat() as { id: string }[]
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length)
    for (const { id } of all) expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  })

  test('keeps the text of unquoted scalars where a string is wanted', () => {
    expect(entities.consumers.map(({ username, custom_id }) => [username, custom_id])).toEqual([
      ['alice', '0042'],
      ['yes', null],
    ])
    expect(entities.keyauth_credentials.map(({ key }) => key)).toEqual(['alice-secret', '1234567'])
    expect(byName(entities.routes, 'orders-internal')).toMatchObject({
      headers: { 'x-version': ['2', '2.10'] },
    })
    expect(entities.plugins.at(-1)?.config).toMatchObject({ label: '1.10' })
  })

  test('normalises the addresses of targets', () => {
    expect(entities.targets.map(({ target, weight }) => [target, weight])).toEqual([
      ['10.0.0.1:8080', 10],
      ['catalogue-2.internal:8000', 100],
      ['[::1]:80', 100],
    ])
  })

  test('puts consumers into groups from either side', () => {
    const [gold] = entities.consumer_groups
    expect(entities.consumers.map(({ groups }) => groups)).toEqual([[gold?.id], [gold?.id]])
  })

  test('gives plugin instances their scope and their configuration with defaults', () => {
    const [orders] = entities.services
    const route = byName(entities.routes, 'orders-public') as { id: string }
    const [alice, yes] = entities.consumers
    const [gold] = entities.consumer_groups
    const shown = entities.plugins.map((plugin) => ({
      name: plugin.name,
      scope: [plugin.route, plugin.service, plugin.consumer, plugin.consumer_group].map(
        (reference) => reference?.id ?? null,
      ),
      config: plugin.config,
    }))
    expect(shown).toEqual([
      {
        name: 'key-auth',
        scope: [route.id, null, null, null],
        config: { key_names: ['x-api-key'], hide_credentials: true },
      },
      {
        name: 'limiter',
        scope: [null, orders?.id, null, null],
        config: { minute: 60, by: 'consumer' },
      },
      { name: 'limiter', scope: [null, null, yes?.id, null], config: { minute: 5, by: 'ip' } },
      {
        name: 'limiter',
        scope: [null, null, null, gold?.id],
        config: { minute: 600, by: 'consumer' },
      },
      {
        name: 'limiter',
        scope: [route.id, null, alice?.id, null],
        config: { minute: 1000, by: 'consumer', label: '1.10' },
      },
    ])
  })

  test('gives every instance of an entity the same shape', () => {
    for (const list of Object.values(entities) as object[][]) {
      expect(new Set(list.map((entity) => Object.keys(entity).join())).size).toBeLessThan(2)
    }
  })
})

describe('the hash', () => {
  const hash = (text: string) => {
    const result = load(text)
    return result.ok ? result.hash : null
  }

  test('is that of the meaning, not of the text', () => {
    const one = versioned('services: [{ name: a, host: h }]')
    expect(hash(one)).toMatch(/^[0-9a-f]{64}$/)
    expect(hash(`# a comment\n${one}`)).toBe(hash(one))
    expect(hash(versioned('services: [{ host: h, port: 80, name: a }]'))).toBe(hash(one))
    expect(hash(versioned('services: [{ name: a, host: h2 }]'))).not.toBe(hash(one))
  })
})

describe('identifiers', () => {
  test('are kept when given, in lower case, and are the same on every load otherwise', () => {
    const id = '5F0F8C1E-8F3B-4C5D-9A71-1F0C2D3E4F50'
    const [service] = loadGood(versioned(`services: [{ id: ${id}, host: h }]`)).services
    expect(service?.id).toBe(id.toLowerCase())
    expect(loadGood(shop)).toEqual(loadGood(shop))
  })

  test('of named entities survive a change of their place', () => {
    const before = loadGood(versioned('services: [{ name: a, host: h }, { name: b, host: h }]'))
    const after = loadGood(versioned('services: [{ name: b, host: h }, { name: a, host: h }]'))
    const idsOf = ({ services }: typeof before) => services.map(({ id }) => id).toSorted()
    expect(idsOf(before)).toEqual(idsOf(after))
  })

  test('of credentials do not follow from the secret', () => {
    const withKey = (key: string) =>
      loadGood(versioned(`consumers: [{ username: a, keyauth_credentials: [{ key: ${key} }] }]`))
        .keyauth_credentials[0]?.id
    expect(withKey('one')).toBe(withKey('two'))
  })

  test('work as references', () => {
    const id = '5f0f8c1e-8f3b-4c5d-9a71-1f0c2d3e4f50'
    const { routes } = loadGood(
      versioned(`
services: [{ id: ${id}, host: h }]
routes:
  - { paths: [/a], service: ${id} }
  - { paths: [/b], service: { id: ${id} } }`),
    )
    expect(routes.map(({ service }) => service?.id)).toEqual([id, id])
  })
})

describe('an older file', () => {
  const file = (version: string) => `
_format_version: "${version}"
routes:
  - paths: ['/plain', '/a//b', '/status/(re|\\d+)']`

  test.each(['1.1', '2.1'])('of version %s has its paths migrated', (version) => {
    expect(loadGood(file(version)).routes[0]?.paths).toEqual([
      '/plain',
      '/a/b',
      '~/status/(re|\\d+)',
    ])
    const result = load(file(version))
    expect(result.ok && result.warnings).toHaveLength(1)
  })

  test('of version 3.0 has not', () => {
    const result = load(file('3.0'))
    expect(result.ok).toBe(false)
  })
})

describe('what is null', () => {
  test('is as if it were not there', () => {
    const text = versioned(`
services:
  - { name: null, host: h, retries: null, path: null, tags: null, tls_verify: null, routes: null }
consumers: [{ username: a, keyauth_credentials: [{ key: k, ttl: null }] }]
plugins: [{ name: limiter, config: { minute: 1, label: null }, route: null, consumer: null }]
upstreams: null`)
    const { services, plugins } = loadGood(text)
    expect(services[0]).toMatchObject({ name: null, retries: 5, tags: null })
    expect(plugins[0]?.config).toEqual({ minute: 1, by: 'consumer' })
  })
})

describe('YAML', () => {
  test('may use anchors, merges and JSON', () => {
    const merged = versioned(`
_ignore: [&defaults { retries: 1, host: h }]
services:
  - { <<: *defaults, name: a }
  - { <<: *defaults, name: b, retries: 3 }`)
    expect(loadGood(merged).services.map(({ retries }) => retries)).toEqual([1, 3])
    const json = JSON.stringify({ _format_version: '3.0', services: [{ host: 'h' }] })
    expect(loadGood(json).services).toHaveLength(1)
  })

  test('reads the version also when it is not quoted', () => {
    expect(loadGood('_format_version: 3.0').services).toEqual([])
  })
})

describe('memberships', () => {
  test('may be a list of pairs', () => {
    const { consumers, consumer_groups } = loadGood(
      versioned(`
consumers: [{ username: a }]
consumer_groups: [{ name: g }, { name: h }]
consumer_group_consumers:
  - { consumer: a, consumer_group: h }
  - { consumer: { username: a }, consumer_group: { name: g }, created_at: 1 }`),
    )
    const [g, h] = consumer_groups
    expect(consumers[0]?.groups).toEqual([h?.id, g?.id])
  })
})

describe('ordering', () => {
  test('warns about a plugin that is not loaded', () => {
    const result = load(
      versioned('plugins: [{ name: plain, ordering: { before: { access: [key-auth, nope] } } }]'),
    )
    expect(result.ok && result.warnings).toEqual([
      'plugin "plain": ordering names "nope", which is not loaded',
    ])
  })
})
