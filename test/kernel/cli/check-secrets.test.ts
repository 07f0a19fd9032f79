import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { definePlugin, toManifest } from '@sallyport/sdk'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../../../kernel/cli/run.ts'
import type { Parts } from '../../../kernel/process/parts.ts'
import { SANDBOX_LIMIT_ROWS } from '../../../sandbox/limits.ts'
import type { Terminal } from '../../../kernel/cli/terminal.ts'
import { createTestTerminal } from '../../support/terminal.ts'

const config = { type: 'object', additionalProperties: true } as const
const bundled = definePlugin({ name: 'bundled', version: '1.0.0', config, log() {} })

/** A plugin is described by a table instead of a sandbox: it asks for the secrets that begin so. */
const parts: Pick<
  Parts,
  'bundledPlugins' | 'readPluginSource' | 'describePlugin' | 'sandboxLimitRows'
> = {
  sandboxLimitRows: () => Promise.resolve(SANDBOX_LIMIT_ROWS),
  bundledPlugins: () => Promise.resolve([bundled]),
  readPluginSource: (path) => Promise.resolve({ source: '', origin: path }),
  describePlugin: () =>
    Promise.resolve(
      toManifest({
        name: 'payments',
        version: '1.0.0',
        config,
        permissions: { vault: ['{vault://env/pay-'] },
        access() {},
      }),
    ),
}

const SECRET = 'sesame-open'
const ENV = { GATE_PAY_KEY: SECRET, GATE_PAY_DB: '{"user":"ann"}', GATE_OTHER: SECRET }
const GRANTS = {
  payments: { vault: ['{vault://env/'] },
  'payments@acme': { vault: ['{vault://env/pay-db/'] },
}

/** What `check` says of these plugins, in a gateway that has a tenant `acme`. */
async function checkPlugins(
  yaml: string,
  options: { grants?: object; env?: Terminal['env'] } = {},
) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-check-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(
    join(folder, 'sallyport.yml'),
    `plugin: /payments\nvault_env_prefix: GATE_\nplugin_grants: ${JSON.stringify(options.grants ?? GRANTS)}\n`,
  )
  writeFileSync(
    join(folder, 'kong.yml'),
    `_format_version: "3.0"\ntenants: [{ name: acme }]\n${yaml}\n`,
  )
  const terminal = createTestTerminal(folder, { env: options.env ?? ENV })
  const code = await runCommand({
    args: ['check', 'kong.yml'],
    parts: parts as Parts,
    program: { file: '/nowhere', args: [], execArgv: [] },
    version: '1.2.3',
    terminal,
  })
  const { out, error } = terminal.written
  expect(out + error).not.toContain(SECRET)
  return { code, out, lines: error.split('\n').filter((line) => line !== '') }
}

const withKey = (reference: string, more = '') =>
  `plugins: [{ name: payments, ${more} config: { deep: [{ key: "${reference}" }] } }]`

describe('check', () => {
  test('is content with references to secrets that are there and granted', async () => {
    for (const reference of ['{vault://env/pay-key}', '{vault://env/PAY_DB/user}', '{vault}']) {
      const { code, lines } = await checkPlugins(withKey(reference))
      expect([code, lines]).toEqual([0, []])
    }
  })

  test.each([
    ['{vault://aws/pay-key}', '"{vault://aws/pay-key}": there is no vault "aws"; there is env'],
    [
      '{vault://env/../key}',
      '"{vault://env/../key}": expected a reference like {vault://env/api-key}',
    ],
    [
      '{vault://env/other}',
      'needs the permission vault: ["{vault://env/OTHER}"], in the plugin\'s manifest and in plugin_grants of "payments"',
    ],
  ])('refuses %s, at its place in the file', async (reference, message) => {
    const { code, out, lines } = await checkPlugins(withKey(reference))
    expect([code, out]).toEqual([1, ''])
    expect(lines).toEqual([
      expect.stringMatching(/^kong\.yml:3:\d+: plugin "payments": config\.deep\[0\]\.key: /),
    ])
    expect(lines[0]!.endsWith(message)).toBe(true)
  })

  test.each([
    [
      '{vault://env/pay-none}',
      'there is no secret {vault://env/PAY_NONE}: the variable GATE_PAY_NONE is not set',
    ],
    [
      '{vault://env/pay-db/password}',
      'there is no secret {vault://env/PAY_DB/password}: the variable GATE_PAY_DB is no JSON object with the field "password"',
    ],
    [
      '{vault://env/pay-key',
      '"{vault://env/pay-key" begins like a reference to a secret and does not end with "}", so the plugin gets it as it is',
    ],
  ])('warns of %s, and ends with 0', async (reference, message) => {
    const { code, out, lines } = await checkPlugins(withKey(reference))
    expect(code).toBe(0)
    expect(out).toMatch(/^kong\.yml: ok, /)
    expect(lines).toEqual([`plugin "payments": config.deep[0].key: ${message}`])
  })

  test('asks for a grant to the tenant that owns the instance, also through a set', async () => {
    const wanted = /needs the permission vault: .* in plugin_grants of "payments@acme"$/
    const tenant = 'tenant: acme,'
    const own = await checkPlugins(withKey('{vault://env/pay-key}', tenant))
    expect(own.code).toBe(1)
    expect(own.lines).toEqual([expect.stringMatching(wanted)])
    expect((await checkPlugins(withKey('{vault://env/pay-db/user}', tenant))).code).toBe(0)
    const set = await checkPlugins(`plugin_sets:
  - name: paid
    plugins: [{ name: payments, config: { key: "{vault://env/pay-key}" } }]
routes:
  - { name: a, paths: [/a], tenant: acme, plugin_set: paid }
  - { name: b, paths: [/b], tenant: acme, plugin_set: paid }
  - { name: c, paths: [/c], plugin_set: paid }`)
    expect(set.code).toBe(1)
    expect(set.lines).toEqual([expect.stringMatching(wanted)])
    expect(set.lines[0]).toMatch(
      /^kong\.yml:5:\d+: plugin "payments" of plugin set "paid": config\.key: /,
    )
  })

  test('does not ask for what start does not: inline plugins, instances that are off', async () => {
    const inline = await checkPlugins(
      'plugins: [{ name: bundled, config: { key: "{vault://env/other}" } }]',
    )
    expect([inline.code, inline.lines]).toEqual([0, []])
    const off = await checkPlugins(withKey('{vault://env/other}', 'enabled: false,'))
    expect([off.code, off.lines]).toEqual([0, []])
  })

  test('refuses a grant for a plugin that is not loaded', async () => {
    const { code, lines } = await checkPlugins('', { grants: { other: { store: true } } })
    expect(code).toBe(1)
    expect(lines).toEqual(['sallyport: plugin_grants: "other": no plugin of this name is loaded'])
  })
})
