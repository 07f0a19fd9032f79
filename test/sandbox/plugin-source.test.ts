import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readPluginSource } from '../../sandbox/plugin-source.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plugin-source-'))
  await write('plain.js', 'export default 1')
  await write('typed.ts', 'const a: number = 1\nexport default a satisfies number')
  await write('broken.ts', 'const = 1')
  await write('text.txt', '')
  await write('large.js', 'x'.repeat(2_000))
  await write('latin1.js', Buffer.from([0x2f, 0x2f, 0xe4]))
  await write('good/package.json', '{"sallyport":{"entry":"./src/main.ts"}}')
  await write('good/src/main.ts', 'export default 2 as number')
  await write(
    'asking/package.json',
    '{"sallyport":{"entry":"main.js","permissions":{"http":["a.test"],"store":true}}}',
  )
  await write('asking/main.js', 'export default 3')
  await write(
    'greedy/package.json',
    '{"sallyport":{"entry":"main.js","permissions":{"files":true}}}',
  )
  await write('greedy/main.js', 'export default 3')
  await write('up/package.json', '{"sallyport":{"entry":"../plain.js"}}')
  await write('absolute/package.json', `{"sallyport":{"entry":"${folder}/plain.js"}}`)
  await write('none/package.json', '{"name":"x"}')
  await write('bad/package.json', '{')
  await write('gone/package.json', '{"sallyport":{"entry":"gone.js"}}')
  await write('link/package.json', '{"sallyport":{"entry":"main.js"}}')
  await symlink(join(folder, 'plain.js'), join(folder, 'link/main.js'))
  await mkdir(join(folder, 'empty'))
})
afterAll(() => rm(folder, { recursive: true }))

async function write(path: string, content: string | Buffer): Promise<void> {
  const file = join(folder, path)
  await mkdir(join(file, '..'), { recursive: true })
  await writeFile(file, content)
}

describe('the source of a plugin', () => {
  test('is a file as it is', async () => {
    const file = join(folder, 'plain.js')
    expect(await readPluginSource(file)).toEqual({ source: 'export default 1', origin: file })
  })

  test('is a TypeScript file without its types', async () => {
    const { source } = await readPluginSource(join(folder, 'typed.ts'))
    expect(source).toBe('const a = 1;\nexport default a;\n')
  })

  test('is the file that the package.json of a folder names', async () => {
    const { source, origin } = await readPluginSource(join(folder, 'good'))
    expect(source).toBe('export default 2;\n')
    expect(origin).toMatch(/good\/src\/main\.ts$/)
  })

  test('comes with what the package.json asks for', async () => {
    const { permissions } = await readPluginSource(join(folder, 'asking'))
    expect(permissions).toEqual({ http: ['a.test'], store: true })
  })

  test.each([
    ['greedy', /sallyport\.permissions: unknown permission "files"/],
    ['missing.js', /missing\.js: there is no such file/],
    ['text.txt', /ends in "\.txt"/],
    ['broken.ts', /broken\.ts: .*1:6: ERROR/s],
    ['latin1.js', /not UTF-8/],
    ['empty', /no package\.json/],
    ['none', /sallyport\.entry: expected the path/],
    ['bad', /no JSON/],
    ['gone', /"gone\.js" does not exist/],
    ['up', /"\.\.\/plain\.js" is outside/],
    ['absolute', /does not exist|outside/],
    ['link', /"main\.js" is outside/],
  ])('%s is refused with the reason', async (path, reason) => {
    await expect(readPluginSource(join(folder, path))).rejects.toThrow(reason)
  })

  test('is refused when it is too large', async () => {
    await expect(readPluginSource(join(folder, 'large.js'), 1_000)).rejects.toThrow(
      /large\.js: the plugin is 2000 bytes long; up to 1000 are allowed/,
    )
  })
})
