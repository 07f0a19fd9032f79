import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Plugin, definePlugin, toManifest } from '@sallyport/sdk'
import { expect, test } from 'vitest'
import { listPlugins, toPluginCode } from '../../../kernel/process/plugin-listing.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-plugins-'))
const bundled = definePlugin({ name: 'bundled-one', version: '1.0.0', access() {} })

const parts = {
  bundledPlugins: () => Promise.resolve<Plugin[]>([bundled]),
  readPluginSource: (path: string) => Promise.resolve({ source: 'the source', origin: path }),
  describePlugin: ({ origin }: { origin: string }) =>
    Promise.resolve(toManifest({ name: origin.slice(1), version: '2.0.0', priority: 7 })),
  describeRemote: (origin: string) =>
    origin === 'unix:/run/x.sock'
      ? Promise.resolve(toManifest({ name: 'far', version: '3.0.0' }))
      : Promise.reject(new Error(`${origin}: nobody listens`)),
}

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('plugins are described in a sandbox, and their source goes to the workers', async () => {
  const listings = await listPlugins(parts, [{ path: '/mine', tier: 'process' }])
  expect(JSON.parse(JSON.stringify(listings))).toEqual(listings)
  expect(await toPluginCode(parts, listings)).toMatchObject([
    { manifest: { name: 'bundled-one' }, tier: 'inline', module: bundled, source: null },
    { manifest: { name: 'mine', priority: 7 }, tier: 'process', source: 'the source' },
  ])
})

test('a remote program is asked which plugin it serves', async () => {
  const listings = await listPlugins(parts, [{ path: 'unix:/run/x.sock', tier: 'remote' }])
  expect(await toPluginCode(parts, listings)).toMatchObject([
    { manifest: { name: 'bundled-one' } },
    { manifest: { name: 'far' }, tier: 'remote', source: null, origin: 'unix:/run/x.sock' },
  ])
  await expect(listPlugins(parts, [{ path: 'unix:/gone', tier: 'remote' }])).rejects.toThrow(
    '--plugin "unix:/gone": unix:/gone: nobody listens',
  )
})

test('an inline plugin is imported wherever it lies, and finds the SDK', async () => {
  const path = write(
    'trusted.mjs',
    `import { definePlugin } from '@sallyport/sdk'
     export default definePlugin({ name: 'trusted', version: '1.0.0', log() {} })`,
  )
  const listings = await listPlugins(parts, [{ path, tier: 'inline' }])
  const [, code] = await toPluginCode(parts, listings)
  expect(code).toMatchObject({ tier: 'inline', source: null, origin: path })
  expect(code!.module!.log).toBeTypeOf('function')
})

test.each([
  ['bad.mjs', 'export default 7', 'a plugin is a default export'],
  ['throws.mjs', 'throw new Error("not today")', 'not today'],
])('the inline plugin %s is refused', async (name, text, message) => {
  const path = write(name, text)
  const listing = listPlugins(parts, [{ path, tier: 'inline' }])
  await expect(listing).rejects.toThrow(`--plugin "${path}": `)
  await expect(listing).rejects.toThrow(message)
})

test('two plugins of one name are refused', async () => {
  const twice = ['/same', '/same'].map((path) => ({ path, tier: 'process' }) as const)
  await expect(listPlugins(parts, twice)).rejects.toThrow(
    '--plugin "/same": its name "same" is taken by "/same"; names must differ',
  )
})
