import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { definePlugin, toManifest } from '@sallyport/sdk'
import { describe, expect, test } from 'vitest'
import { COMMANDS } from '../../../kernel/cli/commands.ts'
import { runCommand } from '../../../kernel/cli/run.ts'
import type { Parts } from '../../../kernel/process/parts.ts'
import { SANDBOX_LIMIT_ROWS } from '../../../sandbox/limits.ts'
import { createTestTerminal } from '../../support/terminal.ts'
import { SETTINGS, settingKeysOf, toFlag } from '../../../kernel/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-cli-'))
const good = `_format_version: "3.0"
services:
  - name: one
    url: http://127.0.0.1:9000
    routes:
      - { name: a, paths: [/a] }
      - { name: b, paths: [/b] }
plugins:
  - name: hello
`
writeFileSync(join(folder, 'good.yml'), good)
writeFileSync(
  join(folder, 'bad.yml'),
  good.replace('name: hello', 'name: goodbye').replace('paths: [/b]', 'paths: [b]'),
)

const hello = definePlugin({ name: 'hello', version: '1.0.0', log() {} })

/** Plugins are described by a table of paths instead of a sandbox. */
const parts: Pick<
  Parts,
  'bundledPlugins' | 'readPluginSource' | 'describePlugin' | 'sandboxLimitRows'
> = {
  sandboxLimitRows: () => Promise.resolve(SANDBOX_LIMIT_ROWS),
  bundledPlugins: () => Promise.resolve([hello]),
  readPluginSource: (path) =>
    path.includes('nowhere')
      ? Promise.reject(new Error('there is no such file'))
      : Promise.resolve({ source: '', origin: path }),
  describePlugin: ({ origin }) =>
    Promise.resolve(toManifest({ name: origin.split('/').at(-1), version: '1.0.0' })),
}

async function run(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const terminal = createTestTerminal(folder)
  const code = await runCommand({
    args,
    parts: parts as Parts,
    program: { file: '/nowhere', args: [], execArgv: [] },
    version: '1.2.3',
    terminal,
  })
  return { code, ...terminal.written }
}

describe('the command line', () => {
  test('tells its version and its commands', async () => {
    expect(await run('--version')).toEqual({ code: 0, out: '1.2.3\n', error: '' })
    const { code, out } = await run('--help')
    expect(code).toBe(0)
    expect(out).toContain('sallyport start --config FILE')
    expect(out).not.toContain('plugin create')
  })

  test('without a command shows them as an error', async () => {
    const { code, out, error } = await run()
    expect([code, out]).toEqual([2, ''])
    expect(error).toContain('sallyport check FILE')
  })

  test.each(['start', 'check', 'doctor'] as const)('tells every flag of %s', async (command) => {
    const { code, out } = await run(command, '--help')
    expect(code).toBe(0)
    for (const key of settingKeysOf(command)) {
      expect(out).toContain(`${toFlag(key)} ${SETTINGS[key].value}`)
      expect(out).toContain(SETTINGS[key].help)
    }
  })

  test.each(Object.keys(COMMANDS).filter((name) => COMMANDS[name]!.served === null))(
    'refuses %s by name until it is served',
    async (name) => {
      expect(await run(name)).toEqual({
        code: 2,
        out: '',
        error: `sallyport: "${name}" is not served yet; expected start, check, explain or doctor\n`,
      })
    },
  )

  test('refuses what it does not know', async () => {
    expect(await run('constructor')).toMatchObject({
      code: 2,
      error: 'sallyport: unknown command "constructor"; expected start, check, explain or doctor\n',
    })
  })

  test('ends with code 2 for a bad flag, in one sentence', async () => {
    expect(await run('start', '--config', 'good.yml', '--workers', 'many')).toEqual({
      code: 2,
      out: '',
      error: 'sallyport: --workers "many": expected a number from 1 to 256, or "auto"\n',
    })
    expect(await run('start', 'good.yml', '--config', 'good.yml')).toMatchObject({
      code: 2,
      error: 'sallyport: start: unexpected "good.yml"; the file is given by --config\n',
    })
  })
})

describe('check', () => {
  test('counts what a good file has', async () => {
    expect(await run('check', 'good.yml')).toEqual({
      code: 0,
      out: 'good.yml: ok, 1 service, 2 routes, 1 plugin\n',
      error: '',
    })
  })

  test('names every error of a bad file', async () => {
    const { code, out, error } = await run('check', 'bad.yml')
    expect([code, out]).toEqual([1, ''])
    const lines = error.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    expect(lines[0]).toMatch(/^bad\.yml:7:\d+: route "b": paths/)
    expect(lines[1]).toMatch(/^bad\.yml:9:\d+: .*goodbye/)
  })

  test('names the tenant, the limit, its value and the ceiling', async () => {
    const limits = 'logLinesMax: 100, fetchesPerCal: 1, startMs: 9000, cacheKeysMax: 0.5'
    writeFileSync(
      join(folder, 'limits.yml'),
      `${good}tenants:\n  - { name: red, limits: { logLinesMax: 64, handlerCpuMs: 20 } }\n  - name: blue\n    limits: { ${limits} }\n`,
    )
    const blue = (line: string) =>
      expect.stringMatching(new RegExp(`^limits\\.yml:13:\\d+: tenant "blue": limits\\.${line}$`))
    const { code, error } = await run('check', 'limits.yml')
    expect(code).toBe(1)
    expect(error.trimEnd().split('\n')).toEqual([
      blue('logLinesMax: must be a whole number from 1 to 64, got 100; a tenant may only lower it'),
      blue('fetchesPerCal: unknown limit; did you mean "fetchesPerCall"\\?'),
      blue('startMs: only the operator has a say in this limit, got 9000'),
      blue('cacheKeysMax: must be a whole number from 1 to 1000, got 0.5'),
    ])
    const lowered = await run('check', 'limits.yml', '--limit', 'logLinesMax=20')
    expect(lowered.error).toContain(
      'tenant "red": limits.logLinesMax: must be a whole number from 1 to 20, got 64',
    )
  })

  test('takes what the operator has raised as the ceiling', async () => {
    writeFileSync(
      join(folder, 'high.yml'),
      `${good}tenants: [{ name: red, limits: { logLinesMax: 100 } }]\n`,
    )
    expect(await run('check', 'high.yml')).toMatchObject({ code: 1 })
    expect(await run('check', 'high.yml', '--limit', 'logLinesMax=200')).toMatchObject({ code: 0 })
  })

  test.each([
    ['logLinesMx=3', 'there is no limit "logLinesMx"; did you mean "logLinesMax"?'],
    ['logLinesMax=0', 'logLinesMax 0: expected a whole number from 1 to 10000'],
    ['keyLengthMax=9', 'keyLengthMax 9: this limit cannot be changed, it is fixed at 256'],
    ['handlerCpuMs=401', 'handlerCpuMs 401: expected at most guestTurnMs, which is 400'],
    ['connectionsMax=0', 'connectionsMax 0: expected a whole number from 1 to 1048576'],
  ])('refuses the limit %s before it reads the file', async (limit, message) => {
    expect(await run('check', 'good.yml', '--limit', limit)).toEqual({
      code: 2,
      out: '',
      error: `sallyport: limits: ${message}\n`,
    })
  })

  test('knows the plugins that it is given', async () => {
    expect(await run('check', 'bad.yml', '--plugin', '/goodbye')).toMatchObject({ code: 1 })
    const { error } = await run('check', 'bad.yml', '--plugin', '/goodbye')
    expect(error.trimEnd().split('\n')).toHaveLength(1)
  })

  test.each([
    [['check'], 2, 'sallyport: check: expected one FILE, got 0\n'],
    [['check', 'a', 'b'], 2, 'sallyport: check: expected one FILE, got 2\n'],
    [['check', 'no.yml'], 1, /^no\.yml: cannot be read: ENOENT/],
    [
      ['check', 'good.yml', '--plugin', '/nowhere/p.js'],
      1,
      'sallyport: --plugin "/nowhere/p.js": there is no such file\n',
    ],
    [
      ['check', 'good.yml', '--plugin', '/hello'],
      1,
      'sallyport: --plugin "/hello": its name "hello" is taken by a bundled plugin; names must differ\n',
    ],
  ])('%j ends with %d', async (args, code, message) => {
    const result = await run(...args)
    expect(result.code).toBe(code)
    expect(result.error).toMatch(message)
  })
})
