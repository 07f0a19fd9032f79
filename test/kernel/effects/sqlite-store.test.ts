import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { PluginStoreSetting } from '../../../kernel/effects/plugin-store.ts'
import { openPluginStore } from '../../../kernel/effects/sqlite-store.ts'
import { PLUGIN_LIMITS } from '../../../kernel/plugin-limits.ts'

const a = { pluginName: 'p', tenant: 'a' }
const b = { pluginName: 'p', tenant: 'b' }
const entry = (json: string, expiresAtMs: number | null = null) => ({
  json,
  expiresAtMs,
  ifAbsent: false,
  limits: PLUGIN_LIMITS,
})
const ALL = { prefix: '', after: '', limit: 1_000 }

function newFile(): PluginStoreSetting {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-store-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return { path: join(folder, 'values.db') }
}

async function open(setting: PluginStoreSetting) {
  const problems: Error[] = []
  const clock = { nowMs: 1_000 }
  const store = await openPluginStore(setting, {
    nowMs: () => clock.nowMs,
    onProblem: (error) => problems.push(error),
  })
  onTestFinished(() => store.close())
  return { store, clock, problems }
}

describe.each([
  ['memory', () => 'memory' as const],
  ['a file', newFile],
])('a store in %s', (_name, make) => {
  it('keeps the values of namespaces apart', async () => {
    const { store } = await open(make())
    await store.set(a, 'k', entry('1'))
    await store.set({ pluginName: 'p', tenant: null }, 'k', entry('2'))
    await store.set({ pluginName: 'p"],["a', tenant: null }, 'k', entry('3'))
    expect(await store.get(a, 'k')).toBe('1')
    expect(await store.get(b, 'k')).toBeNull()
    expect(await store.list(b, ALL)).toEqual([])
    expect(await store.delete(b, 'k')).toBe(false)
    expect(await store.get(a, 'k')).toBe('1')
  })

  it('forgets what has run out', async () => {
    const { store, clock } = await open(make())
    await store.set(a, 'k', entry('1', 2_000))
    await store.add(a, 'n', { amount: 1, expiresAtMs: 2_000, limits: PLUGIN_LIMITS })
    await store.add(a, 'n', { amount: 1, expiresAtMs: 9_000, limits: PLUGIN_LIMITS })
    clock.nowMs = 1_999
    expect(await store.get(a, 'k')).toBe('1')
    clock.nowMs = 2_000
    expect(await store.get(a, 'k')).toBeNull()
    expect(await store.list(a, ALL)).toEqual([])
    expect(await store.add(a, 'n', { amount: 5, expiresAtMs: null, limits: PLUGIN_LIMITS })).toBe(5)
    expect(await store.set(a, 'k', { ...entry('2'), ifAbsent: true })).toBe(true)
  })

  it('lists by prefix and from key to key, whatever characters they have', async () => {
    const { store } = await open(make())
    for (const key of ['a%', 'ab', 'a_', 'b', 'aé', 'a\u{1f600}'])
      await store.set(a, key, entry('1'))
    const list = (range: Partial<typeof ALL>) => store.list(a, { ...ALL, ...range })
    expect(await list({ prefix: 'a' })).toEqual(['a%', 'a_', 'ab', 'aé', 'a\u{1f600}'])
    expect(await list({ prefix: 'a%' })).toEqual(['a%'])
    expect(await list({ after: 'a_', limit: 2 })).toEqual(['ab', 'aé'])
    expect(await list({ prefix: 'b', after: 'a' })).toEqual(['b'])
  })

  it('is full at 10 MB; what is deleted or has run out makes room', async () => {
    const { store, clock } = await open(make())
    const json = JSON.stringify('x'.repeat(65_000))
    const fits = Math.floor((10 * 1024 * 1024) / (json.length + 4))
    for (let i = 0; i < fits; i++) {
      await store.set(a, `k${100 + i}`, entry(json, i < 20 ? 2_000 : null))
    }
    await expect(store.set(a, 'more', entry(json))).rejects.toMatchObject({ code: 'LIMIT' })
    await expect(store.set(b, 'k', entry(json))).resolves.toBe(true)
    await expect(store.set(a, 'k100', entry(json, 2_000))).resolves.toBe(true)
    await store.delete(a, 'k200')
    await expect(store.set(a, 'more', entry(json))).resolves.toBe(true)
    await expect(store.set(a, 'even more', entry(json))).rejects.toMatchObject({ code: 'LIMIT' })
    clock.nowMs = 2_000
    await expect(store.set(a, 'even more', entry(json))).resolves.toBe(true)
  })

  it('is full at 10,000 keys', async () => {
    const { store } = await open(make())
    for (let i = 0; i < 10_000; i++) await store.set(a, `k${i}`, entry('1'))
    await expect(store.set(a, 'more', entry('1'))).rejects.toMatchObject({ code: 'LIMIT' })
    await expect(
      store.add(a, 'more', { amount: 1, expiresAtMs: null, limits: PLUGIN_LIMITS }),
    ).rejects.toMatchObject({
      code: 'LIMIT',
    })
    expect(await store.add(a, 'k0', { amount: 1, expiresAtMs: null, limits: PLUGIN_LIMITS })).toBe(
      2,
    )
  })
})

describe('a store in a file', () => {
  it('is the same for everybody who has it open, and afterwards', async () => {
    const file = newFile()
    const [one, two] = [await open(file), await open(file)]
    await one.store.set(a, 'k', entry('1'))
    expect(await two.store.get(a, 'k')).toBe('1')
    const additions = Array.from({ length: 200 }, (_, i) =>
      (i % 2 === 0 ? one : two).store.add(a, 'n', {
        amount: 1,
        expiresAtMs: null,
        limits: PLUGIN_LIMITS,
      }),
    )
    const sums = await Promise.all(additions)
    expect(new Set(sums).size).toBe(200)
    expect(await one.store.get(a, 'n')).toBe('200')
    const three = await open(file)
    expect(await three.store.get(a, 'n')).toBe('200')
  })

  it('is readable by nobody else', async () => {
    const file = newFile() as { path: string }
    const { store } = await open(file)
    await store.set(a, 'k', entry('1'))
    for (const path of [file.path, `${file.path}-wal`]) {
      expect(existsSync(path)).toBe(true)
      expect(statSync(path).mode & 0o077, path).toBe(0)
    }
  })

  it('waits while another writes, without standing still, and then says that it cannot', async () => {
    const file = newFile() as { path: string }
    const { store, problems } = await open(file)
    const other = new DatabaseSync(file.path)
    onTestFinished(() => other.close())
    other.exec('begin immediate')
    let turns = 0
    const timer = setInterval(() => turns++, 5)
    const waiting = store.set(a, 'k', entry('1'))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(turns).toBeGreaterThan(3)
    other.exec('commit')
    expect(await waiting).toBe(true)
    other.exec('begin immediate')
    await expect(store.set(a, 'k', entry('2'))).rejects.toMatchObject({ code: 'STORE_FAILED' })
    clearInterval(timer)
    expect(problems).toHaveLength(1)
    expect(await store.get(a, 'k')).toBe('1')
  })

  it('names the file that cannot be used', async () => {
    const file = newFile() as { path: string }
    writeFileSync(file.path, 'no database at all, but a text that is long enough to be looked at')
    await expect(open(file)).rejects.toThrow(`plugin store "${file.path}":`)
    await expect(open({ path: join(file.path, 'below') })).rejects.toThrow(/plugin store ".*below"/)
  })
})
