import type { PluginPermissions } from '@sallyport/sdk'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { attackCase, casesOf, chosen } from './attack-cases.ts'
import { GatewayUnderAttack } from './gateway-under-attack.ts'

/** Not expressed yet, and why. Everything else is tested as far as loading a folder goes. */
const NOT_YET: Readonly<Record<string, string>> = {
  'SC-04':
    'digests are pinned when a package is installed; there is only --plugin, which loads what the operator names',
  'SC-13': 'as SC-04: a package that changes under its version is a matter of the lock file',
}

type Files = Readonly<Record<string, string>>

const scratches: string[] = []
afterEach(() => {
  for (const folder of scratches.splice(0)) rmSync(folder, { recursive: true })
})

/** What the package of a case holds. */
function filesOf(id: string, scratch: string): Files {
  const { files } = runInNewContext(attackCase(id).snippet.replaceAll('SCRATCH', scratch)) as {
    files: Files
  }
  return { ...files }
}

function makeScratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-packages-'))
  scratches.push(folder)
  return folder
}

/** Names that lead out of the folder stay out of it. */
function write(folder: string, files: Files): string {
  for (const [name, text] of Object.entries(files)) {
    if (name.includes('..') || name.includes(' -> ')) continue
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const PLUGIN = `export default { name: 'packed', version: '1.0.0', access(pdk) {} }`

/** The package with what ours have: a place of the plugin in package.json, and a plugin there. */
function complete(files: Files, index = PLUGIN, fields: object = {}): Files {
  const given = JSON.parse(files['package.json'] ?? '{"name":"x","version":"1.0.0"}') as object
  const manifest = { ...given, sallyport: { entry: 'index.js', ...fields } }
  return { ...files, 'package.json': JSON.stringify(manifest), 'index.js': index }
}

/** `sallyport check` with the package; the file enables its plugin where `config` is given. */
async function check(files: Files, config?: object, linkTo?: string) {
  const scratch = makeScratch()
  const folder = join(scratch, 'package')
  mkdirSync(folder)
  write(folder, files)
  if (linkTo !== undefined) symlinkSync(linkTo, join(folder, 'link.js'))
  const plugins = config === undefined ? [] : [{ name: 'packed', config }]
  writeFileSync(join(scratch, 'kong.yml'), JSON.stringify({ _format_version: '3.0', plugins }))
  const main = join(import.meta.dirname, '../../kernel/main.ts')
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--no-node-snapshot', main, 'check', 'kong.yml', '--plugin', folder],
    { cwd: scratch, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output }
}

/** A gateway with the package, and what its plugin answers. */
async function askPackage(files: Files, granted: PluginPermissions = {}) {
  const folder = write(makeScratch(), files)
  const gateway = await GatewayUnderAttack.start({
    plugins: [{ name: 'packed', file: folder, granted }],
  })
  onTestFinished(async () => expect(await gateway.stop()).toEqual([]))
  await gateway.place([{ name: 'attack', tenant: 'tenant', plugins: [{ name: 'packed' }] }])
  return gateway.ask('attack')
}

const CHECKS: Readonly<Record<string, () => Promise<void>>> = {
  'SC-01': async () => {
    const scratch = makeScratch()
    const files = filesOf('SC-01', scratch)
    const given = await check(files)
    expect(given).toMatchObject({ code: 1, output: expect.stringContaining('sallyport.entry') })
    expect((await check(complete(files))).code).toBe(0)
    expect(existsSync(join(scratch, 'pwned'))).toBe(false)
  },
  'SC-03': async () => {
    const given = filesOf('SC-03', makeScratch())
    const index = given['index.js']!.replace(
      'async onRequest()',
      `name: 'packed', version: '1.0.0', async access()`,
    )
    expect(index).toContain('access()')
    expect((await askPackage(complete(given, index))).status).toBe(500)
    const unresolved = await check(complete(given, `import 'node:child_process'\n${PLUGIN}`))
    expect(unresolved).toMatchObject({
      code: 1,
      output: expect.stringContaining('may import "@sallyport/sdk" only'),
    })
  },
  'SC-05': async () => {
    const index = `export default {/*${'A'.repeat(64 * 1024 * 1024)}*/}`
    expect(await check(complete({}, index))).toMatchObject({
      code: 1,
      output: expect.stringMatching(/\d+ bytes long; up to 1048576 are allowed/),
    })
  },
  'SC-06': async () => {
    const files = filesOf('SC-06', makeScratch())
    expect((await check(files)).code).toBe(1)
    const named = (name: string) => complete(files, PLUGIN.replace('packed', name))
    expect(await check(named('key-auth'))).toMatchObject({
      code: 1,
      output: expect.stringContaining('"key-auth" is taken by a bundled plugin'),
    })
    expect(await check(named('k\u0435y-auth'))).toMatchObject({
      code: 1,
      output: expect.stringContaining('plugin name: expected'),
    })
  },
  'SC-07': async () => {
    const files = filesOf('SC-07', makeScratch())
    for (const entry of ['../../../../etc/passwd', '/etc/passwd', 'link.js']) {
      const { code, output } = await check(
        complete(files, PLUGIN, { entry }),
        undefined,
        '/etc/passwd',
      )
      expect([code, output]).toEqual([
        1,
        expect.stringMatching(/outside of the folder|does not exist/),
      ])
    }
  },
  'SC-09': async () => {
    const files = filesOf('SC-09', makeScratch())
    const unknown = { permissions: { env: true, http: ['*'] } }
    expect(await check(complete(files, PLUGIN, unknown))).toMatchObject({
      code: 1,
      output: expect.stringContaining('unknown permission "env"'),
    })
    const index = PLUGIN.replace(
      '{}',
      `{
        return Promise.allSettled([
          pdk.http.fetch('http://example.com/'),
          pdk.vault.get('{vault://env/PATH}'),
          pdk.store.set('key', 1),
          pdk.cache.set('key', 1),
        ]).then((all) => pdk.response.exit(200,
          [typeof process, typeof require, ...all.map(({ reason }) => reason?.code ?? 'done')].join()))
      }`,
    )
    const wishes = {
      tier: 'inline',
      permissions: { http: ['*:*'], vault: ['{vault://'], store: true },
    }
    // Of what was asked for and what was granted: what is both.
    const granted = { store: true, cache: true }
    const { status, body } = await askPackage(complete(files, index, wishes), granted)
    expect([status, body]).toEqual([
      200,
      'undefined,undefined,NOT_GRANTED,NOT_GRANTED,done,NOT_GRANTED',
    ])
  },
  'SC-11': async () => {
    const files = filesOf('SC-11', makeScratch())
    const { configSchema } = JSON.parse(files['manifest.json']!) as {
      configSchema: Record<string, unknown>
    }
    const withConfig = (schema: unknown) =>
      complete(files, PLUGIN.replace('access', `config: ${JSON.stringify(schema)}, access`))
    expect(await check(withConfig(configSchema), {})).toMatchObject({
      code: 1,
      output: expect.stringContaining('references are not allowed'),
    })
    const { $ref: _, ...field } = configSchema
    const schema = { type: 'object', properties: { field } }
    // A backtracking engine would not end before the test does.
    const { code, output } = await check(withConfig(schema), { field: `${'a'.repeat(64)}!` })
    expect([code, output]).toEqual([1, expect.stringContaining('field')])
  },
  'SC-12': async () => {
    const given = filesOf('SC-12', makeScratch())
    const comments = given['index.js']!.slice('export default {}'.length)
    const index = `${PLUGIN.replace('{}', '{ pdk.response.exit(200, new Error("e").stack) }')}${comments}`
    expect(index).toContain('sourceURL=file:///app')
    const { status, body } = await askPackage(complete(given, index))
    expect([status, body]).toEqual([200, expect.stringContaining('packed.js')])
    expect(body).not.toContain('file:///app')
  },
}

test('every attack on the supply chain is made, or it is said why not', () => {
  const ids = casesOf('supply-chain').map(({ id }) => id)
  expect([...Object.keys(CHECKS), ...Object.keys(NOT_YET)].toSorted()).toEqual(ids.toSorted())
})

describe('a package that is loaded from its folder', () => {
  for (const id of chosen(Object.keys(CHECKS), ['SC-07', 'SC-11'])) {
    test(`${id}: ${attackCase(id).idea}`, CHECKS[id], 60_000)
  }
})

/** Attacks that begin when a package is loaded, before there is a request. */
const AT_LOADING: Readonly<Record<string, string>> = {
  'a module that loops': `for (;;);\n${PLUGIN}`,
  'a module that waits for ever': `await new Promise(() => {})\n${PLUGIN}`,
  'a module that aborts its process': `'ab'.repeat(2 ** 27).split('')\n${PLUGIN}`,
  'a module that no interrupt reaches': `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)\n${PLUGIN}`,
  'a module that takes all memory': `const a = []; for (;;) a.push(new Array(1e5).fill(a))\n${PLUGIN}`,
  'a plugin whose name loops': `export default { get name() { for (;;); }, version: '1.0.0' }`,
  'a plugin that is a Proxy': `export default new Proxy({}, { get() { for (;;); }, ownKeys() { for (;;); } })`,
}

describe('a package that attacks when it is loaded is refused', () => {
  for (const what of chosen(Object.keys(AT_LOADING), ['a module that no interrupt reaches'])) {
    test(
      what,
      async () => {
        const { code, output } = await check(complete({}, AT_LOADING[what]))
        expect([code, output]).toEqual([
          1,
          expect.stringMatching(/^sallyport: --plugin "[^\n]*\n$/),
        ])
      },
      60_000,
    )
  }
})
