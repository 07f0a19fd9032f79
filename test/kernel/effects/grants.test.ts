import type { PluginPermissions } from '@sallyport/sdk'
import { describe, expect, it } from 'vitest'
import { Grants, refuseUnknownPlugins } from '../../../kernel/effects/grants.ts'
import type { PluginCode, Tier } from '../../../kernel/plugin-host.ts'
import { makePlugin } from '../../support/host-call.ts'

const to = (hostname: string, port = 443) => ({ hostname, port, isDefaultPort: port === 443 })

function grants(tier: Tier, asked: PluginPermissions, granted: Record<string, PluginPermissions>) {
  const code = makePlugin('p', '')
  const plugin: PluginCode = { ...code, tier, manifest: { ...code.manifest, permissions: asked } }
  return new Grants(new Map([['p', plugin]]), granted)
}

describe('an inline plugin', () => {
  it('gets what it asks for when no tenant owns the instance', () => {
    const permissions = grants('inline', {}, {}).permissionsOf('p', null)
    expect(permissions).toMatchObject({ cache: true, store: true })
    expect(permissions.mayFetch(to('a.test', 81))).toBe(true)
    expect(permissions.mayReach('127.0.0.1', to('a.test'))).toBe(true)
    expect(permissions.mayKnow('{vault://env/X}')).toBe(true)
  })

  it('of a tenant gets public addresses, and no secret, without a grant', () => {
    const permissions = grants('inline', {}, {}).permissionsOf('p', 'acme')
    expect(permissions).toMatchObject({ cache: true, store: true })
    expect(permissions.mayFetch(to('a.test', 81))).toBe(true)
    expect(permissions.mayReach('127.0.0.1', to('a.test'))).toBe(false)
    expect(permissions.mayKnow('{vault://env/X}')).toBe(false)
    const more = grants(
      'inline',
      {},
      { 'p@acme': { http: ['127.0.0.1'], vault: ['{vault://env/'] } },
    )
    expect(more.permissionsOf('p', 'acme').mayReach('127.0.0.1', to('a.test'))).toBe(true)
    expect(more.permissionsOf('p', 'acme').mayKnow('{vault://env/X}')).toBe(true)
    expect(more.permissionsOf('p', 'other').mayKnow('{vault://env/X}')).toBe(false)
  })
})

describe('a plugin in a sandbox', () => {
  it('gets what it asks for and was granted, and a tenant’s what was granted to both', () => {
    const both = grants(
      'process',
      { http: ['*'], store: true },
      {
        p: { http: ['a.test'] },
        'p@acme': { http: ['b.test'], store: true },
      },
    )
    const may = (tenant: string | null) =>
      ['a.test', 'b.test', 'c.test'].filter((name) =>
        both.permissionsOf('p', tenant).mayFetch(to(name)),
      )
    expect(may(null)).toEqual(['a.test'])
    expect(may('acme')).toEqual(['a.test', 'b.test'])
    expect(may('other')).toEqual(['a.test'])
    expect(both.permissionsOf('p', 'acme').store).toBe(true)
    expect(both.permissionsOf('p', 'other').store).toBe(false)
  })

  it('cannot ask for an address by asking for every name', () => {
    const permissions = grants(
      'process',
      { http: ['*:*'] },
      { p: { http: ['*:*'] } },
    ).permissionsOf('p', null)
    expect(permissions.mayFetch(to('10.0.0.1'))).toBe(true)
    expect(permissions.mayReach('10.0.0.1', to('10.0.0.1'))).toBe(false)
  })
})

it('a manifest that cannot be read is refused with the name of the plugin', () => {
  expect(() => grants('process', { http: ['http://a'] }, {})).toThrow(/^p: "http:\/\/a": expected/)
})

it('a grant for a plugin that is not loaded is refused', () => {
  const names = new Set(['p'])
  expect(() => refuseUnknownPlugins({ p: {}, 'p@acme': {} }, names)).not.toThrow()
  expect(() => refuseUnknownPlugins({ q: {} }, names)).toThrow(/plugin_grants: "q": no plugin/)
})
