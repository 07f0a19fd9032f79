import { mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  readDeclarativeFile,
  watchDeclarativeFile,
  type FileWatch,
  type WatchOptions,
} from '../../../kernel/config/file-source.ts'
import { fileBytesMax } from '../../../kernel/config/read-yaml.ts'

let folder: string
let path: string
let watches: FileWatch[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-file-'))
  path = join(folder, 'kong.yml')
  watches = []
})

afterEach(async () => {
  for (const watch of watches) watch.close()
  await rm(folder, { recursive: true })
})

/** Watches `file` and collects what is reported. */
function collect(file: string, options: WatchOptions = {}): string[] {
  const texts: string[] = []
  const watch = watchDeclarativeFile(file, (text) => texts.push(text), {
    debounceMs: 10,
    ...options,
  })
  watches.push(watch)
  return texts
}

const eventually = (texts: string[], wanted: string[]) =>
  vi.waitFor(() => expect(texts).toEqual(wanted), { timeout: 10_000, interval: 10 })

// Without notifications only the poll is left, without the poll only notifications.
const byNotice = { pollMs: 3_600_000 }
const byPoll = { debounceMs: 3_600_000, pollMs: 20 }

describe.each([
  ['notifications', byNotice],
  ['the poll', byPoll],
])('a watched file, by %s', (_, options) => {
  test('is reported when it is written', async () => {
    await writeFile(path, 'one')
    const texts = collect(path, { ...options, initialText: 'one' })
    await writeFile(path, 'two')
    await eventually(texts, ['two'])
    await writeFile(path, 'three')
    await eventually(texts, ['two', 'three'])
  })

  test('is not reported empty while somebody writes it, but is when it stays so', async () => {
    await writeFile(path, 'one')
    const texts = collect(path, { ...options, initialText: 'one' })
    await writeFile(path, '')
    await eventually(texts, [''])
    await writeFile(path, 'two')
    await eventually(texts, ['', 'two'])
  })

  test('is reported when another file takes its place', async () => {
    await writeFile(path, 'one')
    const texts = collect(path, { ...options, initialText: 'one' })
    for (const text of ['two', 'three']) {
      await writeFile(`${path}.new`, text)
      await rename(`${path}.new`, path)
      await eventually(texts, text === 'two' ? ['two'] : ['two', 'three'])
    }
  })

  test('is reported when a link above it is swapped', async () => {
    for (const version of ['one', 'two']) {
      await writeFile(join(folder, `${version}.yml`), version)
    }
    const data = join(folder, 'data')
    await symlink('one.yml', data)
    await symlink('data', path)
    const texts = collect(path, { ...options, initialText: 'one' })
    await symlink('two.yml', `${data}.new`)
    await rename(`${data}.new`, data)
    await eventually(texts, ['two'])
  })

  test('is reported when it comes back with another content', async () => {
    await writeFile(path, 'one')
    const texts = collect(path, { ...options, initialText: 'one' })
    await rm(path)
    await writeFile(path, 'two')
    await eventually(texts, ['two'])
  })

  test('is reported when it appears for the first time', async () => {
    const texts = collect(path, options)
    await writeFile(path, 'one')
    await eventually(texts, ['one'])
  })
})

describe('a watched file', () => {
  test('is not reported when it is written with the same content', async () => {
    await writeFile(path, 'one')
    const texts = collect(path, { pollMs: 20, initialText: 'one' })
    await writeFile(path, 'one')
    await writeFile(`${path}.new`, 'one')
    await rename(`${path}.new`, path)
    await rm(path)
    await writeFile(path, 'one')
    await writeFile(path, 'two')
    await eventually(texts, ['two'])
  })

  test('is not reported for what it held when the watch began', async () => {
    await writeFile(path, 'one')
    const texts = collect(path, { pollMs: 20 })
    await writeFile(path, 'two')
    await eventually(texts, ['two'])
  })

  test('is reported when it changed between the caller’s reading and the watch', async () => {
    await writeFile(path, 'two')
    await eventually(collect(path, { ...byNotice, initialText: 'one' }), ['two'])
  })

  test('is not reported after close', async () => {
    await writeFile(path, 'one')
    const closed = collect(path, { pollMs: 20, initialText: 'one' })
    watches[0]?.close()
    const open = collect(path, { pollMs: 20, initialText: 'one' })
    await writeFile(path, 'two')
    await eventually(open, ['two'])
    expect(closed).toEqual([])
  })
})

describe('reading a file', () => {
  test('gives its text', async () => {
    await writeFile(path, 'é: 1')
    expect(await readDeclarativeFile(path)).toBe('é: 1')
  })

  test('gives a text over the limit for a file over the limit', async () => {
    await writeFile(path, Buffer.alloc(fileBytesMax + 10, 'a'))
    expect((await readDeclarativeFile(path)).length).toBe(fileBytesMax + 1)
  })

  test('fails when there is none', async () => {
    await expect(readDeclarativeFile(path)).rejects.toThrow(/ENOENT/)
  })
})
