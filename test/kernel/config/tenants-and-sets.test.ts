import { describe, expect, test } from 'vitest'
import { errorsOf, load, loadGood, versioned } from './load.ts'

describe('a tenant', () => {
  const tenants = 'tenants: [{ name: red }, { name: blue }]'

  test('may refer to what it owns and to what has no tenant', () => {
    const text = versioned(`
${tenants}
services: [{ name: shared, host: h }, { name: own, host: h, tenant: red }]
routes:
  - { name: a, paths: [/a], service: shared, tenant: red }
  - { name: b, paths: [/b], service: own, tenant: red }
  - { name: c, paths: [/c], service: own }
plugins: [{ name: plain, tenant: red, service: shared }]`)
    expect(loadGood(text).routes.map(({ tenant }) => tenant)).toEqual(['red', 'red', null])
  })

  test('may not refer to what another one owns', () => {
    const text = versioned(`
${tenants}
services: [{ name: theirs, host: h, tenant: blue }]
routes: [{ name: a, paths: [/a], service: theirs, tenant: red }]
plugins: [{ name: plain, tenant: red, service: theirs }]`)
    expect(errorsOf(text)).toEqual([
      'kong.yml:5:34: route "a": service: service "theirs" belongs to tenant "blue", but this belongs to tenant "red"',
      'kong.yml:6:39: plugin "plain": service: service "theirs" belongs to tenant "blue", but this belongs to tenant "red"',
    ])
  })

  test('owns the plugins of its routes and services that name no tenant', () => {
    const { plugins } = loadGood(
      versioned(`
${tenants}
services:
  - name: s
    host: h
    tenant: red
    plugins: [{ name: plain }]
    routes: [{ paths: [/a], plugins: [{ name: plain }] }, { paths: [/b], tenant: red, plugins: [{ name: key-auth }] }]
plugins: [{ name: plain }]`),
    )
    expect(plugins.map(({ name, tenant }) => [name, tenant])).toEqual([
      ['plain', null],
      ['key-auth', 'red'],
      ['plain', 'red'],
      ['plain', null],
    ])
  })

  test('is warned about when its plugin runs for everybody', () => {
    const text = versioned('tenants: [{ name: red }]\nplugins: [{ name: plain, tenant: red }]')
    const result = load(text)
    expect(result.ok && result.warnings).toEqual([
      'plugin "plain" belongs to tenant "red", but runs for the requests of all',
    ])
  })

  test('must exist', () => {
    const text = versioned('tenants: [{ name: red }]\nservices: [{ host: h, tenant: rad }]')
    expect(errorsOf(text)).toEqual([
      'kong.yml:3:23: service #1: tenant: no tenant "rad" in this file; did you mean "red"?',
    ])
  })
})

describe('a plugin set', () => {
  const set = `
plugin_sets:
  - name: guarded
    plugins:
      - name: key-auth
      - { name: limiter, config: { minute: 7 } }`

  test('becomes plugins of each route that names it', () => {
    const { plugins, routes } = loadGood(
      versioned(`${set}
routes:
  - { name: a, paths: [/a], plugin_set: guarded }
  - { name: b, paths: [/b], plugin_set: guarded, tenant: red }
tenants: [{ name: red }]`),
    )
    const [a, b] = routes
    expect(plugins.map(({ name, route, tenant }) => [name, route?.id, tenant])).toEqual([
      ['key-auth', a?.id, null],
      ['limiter', a?.id, null],
      ['key-auth', b?.id, 'red'],
      ['limiter', b?.id, 'red'],
    ])
    expect(new Set(plugins.map(({ id }) => id)).size).toBe(4)
    expect(plugins[1]?.config).toEqual({ minute: 7, by: 'consumer' })
  })

  test('gives way to what the route configures itself', () => {
    const { plugins } = loadGood(
      versioned(`${set}
routes:
  - { paths: [/a], plugin_set: guarded, plugins: [{ name: limiter, config: { minute: 1 } }] }`),
    )
    expect(plugins.map(({ name, config }) => [name, config['minute']])).toEqual([
      ['key-auth', undefined],
      ['limiter', 1],
    ])
  })

  test.each([
    [
      'a set that is not there',
      `${set}\nroutes: [{ name: a, paths: [/a], plugin_set: garded }]`,
      'route "a": plugin_set: no plugin set "garded" in this file; did you mean "guarded"?',
    ],
    [
      'a scope inside',
      'plugin_sets: [{ name: s, plugins: [{ name: plain, route: r }] }]',
      'plugin "plain" of plugin set "s": route: a plugin set has no scope; the routes that name it have',
    ],
    [
      'a bad configuration inside',
      'plugin_sets: [{ name: s, plugins: [{ name: limiter }] }]',
      'plugin "limiter" of plugin set "s": config.minute: is missing',
    ],
    [
      'a plugin of another tenant',
      `plugin_sets: [{ name: s, plugins: [{ name: plain, tenant: blue }] }]
tenants: [{ name: red }, { name: blue }]
routes: [{ name: a, paths: [/a], tenant: red, plugin_set: s }]`,
      'route "a": plugin_set: plugin "plain" of plugin set "s" belongs to tenant "blue", but this belongs to tenant "red"',
    ],
  ])('refuses %s', (_, text, message) => {
    expect(errorsOf(versioned(text)).map((error) => error.replace(/^[^ ]+ /, ''))).toEqual([
      message,
    ])
  })
})

describe('global plugins', () => {
  test('are instances of their own and have no scope', () => {
    const { plugins, global_plugins } = loadGood(
      versioned(
        'plugins: [{ name: plain }]\nglobal_plugins: [{ name: plain }, { name: key-auth }]',
      ),
    )
    expect(plugins).toHaveLength(1)
    expect(global_plugins.map(({ name }) => name)).toEqual(['plain', 'key-auth'])
    expect(errorsOf(versioned('global_plugins: [{ name: plain, route: a }]'))).toEqual([
      'kong.yml:2:33: global plugin "plain": route: a global plugin runs everywhere and has no scope; use plugins',
    ])
  })
})
