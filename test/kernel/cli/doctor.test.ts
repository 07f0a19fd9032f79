import { createTestTerminal } from '../../support/terminal.ts'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { definePlugin, toManifest } from '@sallyport/sdk'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runCommand } from '../../../kernel/cli/run.ts'
import { openPluginStore } from '../../../kernel/effects/sqlite-store.ts'
import type { DoctorReport, Finding } from '../../../kernel/doctor/finding.ts'
import type { SandboxAbility, SandboxInspection } from '../../../kernel/plugin-host.ts'
import type { Parts } from '../../../kernel/process/parts.ts'
import { SANDBOX_LIMIT_ROWS } from '../../../sandbox/limits.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-doctor-'))
const file = `_format_version: "3.0"
services:
  - name: one
    url: http://127.0.0.1:9000
    routes:
      - { name: a, paths: [/a] }
consumers:
  - username: shop
    keyauth_credentials:
      - key: open-sesame
`
writeFileSync(join(folder, 'good.yml'), file)
writeFileSync(
  join(folder, 'bad.yml'),
  file.replace('[/a]', '[hush]').replace('name: one', 'name: "#"'),
)
writeFileSync(
  join(folder, 'warned.yml'),
  file.replace(
    '- { name: a, paths: [/a] }',
    '- { name: a, expression: \'http.path == "/" || http.path == "/b" && http.path == "/c"\' }',
  ),
)

writeFileSync(
  join(folder, 'secret.yml'),
  `${file}plugins: [{ name: key-auth, config: { key: "{vault://env/sallyport-secret}" } }]\n`,
)

const abilities: readonly SandboxAbility[] = ['file', 'network', 'spawn', 'kill', 'environment']

const GIVES_WAY = { why: null, remedy: null }

/** A machine that denies everything, with what is different about it. */
function inspection(different: {
  possible?: readonly SandboxAbility[]
  allowMissing?: readonly SandboxAbility[]
  layers?: SandboxInspection['layers']
  priority?: SandboxInspection['priority']
}): SandboxInspection {
  const { possible = [], allowMissing = [], layers = [], priority = GIVES_WAY } = different
  return {
    addon: '/addon.node',
    failure: null,
    layers: [
      { name: 'no-jit', denies: ['jit'], verdict: 'active', why: null, remedy: null },
      ...layers,
    ],
    priority,
    trials: abilities.map((ability) => ({
      ability,
      what: `use ${ability}`,
      possible: possible.includes(ability),
    })),
    refused: possible.filter((ability) => !allowMissing.includes(ability)),
  }
}

type Inspect = Parts['inspectSandbox']
const contained: Inspect = () => Promise.resolve(inspection({}))
const withPossible =
  (possible: readonly SandboxAbility[], layers: SandboxInspection['layers'] = []): Inspect =>
  ({ allowMissing }) =>
    Promise.resolve(inspection({ possible, allowMissing, layers }))

function partsWith(inspectSandbox: Inspect): Parts {
  const parts: Partial<Parts> = {
    inspectSandbox,
    sandboxLimitRows: () => Promise.resolve(SANDBOX_LIMIT_ROWS),
    bundledPlugins: () =>
      Promise.resolve([
        definePlugin({
          name: 'key-auth',
          version: '1.0.0',
          config: { type: 'object', additionalProperties: true },
          access() {},
        }),
      ]),
    readPluginSource: (path) =>
      path.includes('nowhere')
        ? Promise.reject(new Error('there is no such file'))
        : Promise.resolve({ source: '', origin: path }),
    describePlugin: ({ origin }) =>
      Promise.resolve(toManifest({ name: origin.split('/').at(-1), version: '1.0.0' })),
  }
  return parts as Parts
}

/** Ports that are free on every machine, unless a test wants another. */
const anyPort = ['--proxy-listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0']

function run(inspect: Inspect, ...args: string[]) {
  return runAny(inspect, 'doctor', ...anyPort, ...args)
}

async function runAny(inspect: Inspect, ...args: string[]) {
  const terminal = createTestTerminal(folder, { env: { SALLYPORT_SECRET: 'hush-hush' } })
  const code = await runCommand({
    args,
    parts: partsWith(inspect),
    program: { file: '/nowhere', args: [], execArgv: [] },
    version: '1.2.3',
    terminal,
  })
  return { code, ...terminal.written }
}

async function findings(inspect: Inspect, ...args: string[]) {
  const { code, out } = await run(inspect, '--json', ...args)
  const report = JSON.parse(out) as DoctorReport
  const named = (name: string): Finding => report.findings.find((each) => each.name === name)!
  return { code, report, named }
}

describe('doctor', () => {
  test('ends with code 0 when all is fine, and finds no problem', async () => {
    const { code, report, named } = await findings(contained, '--config', 'good.yml')
    expect({ code, ok: report.ok, problems: report.problems }).toEqual({
      code: 0,
      ok: true,
      problems: 0,
    })
    expect(named('every tenant')).toMatchObject({ section: 'tenants', mark: 'ok' })
    expect(named('config').text).toBe('good.yml: valid')
    expect(named('proxy_listen').text).toBe('127.0.0.1:0: any free port')
    expect(named('plugin_store').text).toMatch(/^memory: /)
    expect(named('no-jit').text).toBe('active: it takes away jit')
  })

  test('tells people the same as programs', async () => {
    const inspect = withPossible(['kill'])
    const { report } = await findings(inspect, '--config', 'bad.yml')
    const { code, out, error } = await run(inspect, '--config', 'bad.yml')
    expect([code, error]).toEqual([1, ''])
    for (const { text, step } of report.findings) {
      expect(out).toContain(text)
      if (step !== null) expect(out).toContain(`next: ${step}`)
    }
    expect(out).toMatch(/^ {2}PROBLEM {2}kill +POSSIBLE: use kill$/m)
    expect(out).toContain(`\n${report.problems} problems, `)
  })

  test('finds a plugin store that is a database, and one that would be made', async () => {
    const path = join(folder, 'values.db')
    const args = ['--plugin-store', 'sqlite:values.db', '--plugin', '/mark']
    const grants = ['--plugin-grants', '{"mark":{"store":true}}']
    const fresh = await findings(contained, ...args, ...grants)
    expect(fresh.named('plugin_store').text).toBe(`sqlite:${path}: can be written`)
    expect(fresh.named('plugin_grants')).toMatchObject({ mark: 'ok', text: 'for mark' })
    expect(existsSync(path)).toBe(false)
    ;(await openPluginStore({ path }, { onProblem: () => {} })).close()
    const made = await findings(contained, ...args)
    expect([made.code, made.named('plugin_store').mark]).toEqual([0, 'ok'])
  })

  test('says of what was not given or is off that nobody looked', async () => {
    const off = ['--status-listen', 'off', '--access-log', 'off']
    const { code, named } = await findings(contained, ...off)
    expect(code).toBe(0)
    for (const name of ['config', 'status_listen', 'access_log']) {
      expect(named(name).mark).toBe('skipped')
    }
  })

  test('takes the flags of start, and is asked wrongly with others', async () => {
    expect(await run(contained, '--workers', 'many')).toEqual({
      code: 2,
      out: '',
      error: 'sallyport: --workers "many": expected a number from 1 to 256, or "auto"\n',
    })
    expect(await run(contained, 'good.yml')).toMatchObject({
      code: 2,
      error: 'sallyport: doctor: unexpected "good.yml"; the file is given by --config\n',
    })
    expect((await findings(contained, '--workers', '256')).named('workers').mark).toBe('warning')
  })

  test('shows no secret of the file or the environment', async () => {
    // The errors themselves would.
    expect((await runAny(contained, 'check', 'bad.yml')).error).toContain('hush')
    for (const config of ['good.yml', 'bad.yml']) {
      for (const json of [[], ['--json']]) {
        const { out } = await run(contained, '--config', config, ...json)
        expect(out).toContain(config)
        expect(out).not.toMatch(/open-sesame|hush/)
      }
    }
  })
})

test('what is missing for sandboxes to give way is a warning with what would help', async () => {
  const priority = { why: 'the gateway has no CAP_SYS_NICE', remedy: 'give it CAP_SYS_NICE' }
  const { code, named } = await findings(() => Promise.resolve(inspection({ priority })))
  expect(code).toBe(0)
  const text = 'in part: the gateway has no CAP_SYS_NICE'
  expect(named('priority')).toMatchObject({ mark: 'warning', text, step: 'give it CAP_SYS_NICE' })
})

describe('a problem is marked, explained with one next step, and ends with code 1', () => {
  const missing: SandboxInspection['layers'] = [
    {
      name: 'namespaces',
      denies: ['network'],
      verdict: 'missing',
      why: 'unshare is not installed',
      remedy: 'install util-linux',
    },
  ]
  const denied: readonly [string, Inspect, string, Partial<Finding>][] = [
    [
      'what a sandbox can do, and which layer would help',
      withPossible(['network'], missing),
      'network',
      { text: 'POSSIBLE: use network', step: 'install util-linux (namespaces)' },
    ],
    [
      'what a sandbox can do where no layer would help',
      withPossible(['kill'], missing),
      'kill',
      { step: expect.stringContaining('--sandbox-allow-missing kill') },
    ],
    [
      'that a tenant may not start',
      withPossible(['network', 'kill'], missing),
      'every tenant',
      {
        text: 'may not start: the sandbox is not denied network, kill',
        step: expect.stringContaining(
          '--sandbox-allow-missing network --sandbox-allow-missing kill',
        ),
      },
    ],
    [
      'that no sandbox host starts',
      () => Promise.resolve({ ...inspection({}), failure: 'it died', trials: [] }),
      'sandbox host',
      { text: 'does not start: it died' },
    ],
    [
      'that isolated-vm has no binary',
      () =>
        Promise.resolve({
          ...{ addon: null, failure: 'isolated-vm has no binary', layers: [] },
          ...{ priority: GIVES_WAY, trials: [], refused: [] },
        }),
      'isolated-vm',
      { text: 'isolated-vm has no binary', step: expect.stringContaining('npm ci') },
    ],
  ]

  test.each(denied)('%s', async (_, inspect, name, finding) => {
    const { code, named } = await findings(inspect)
    expect(code).toBe(1)
    expect(named(name)).toMatchObject({ mark: 'problem', ...finding })
    expect(named('every tenant').mark).toBe('problem')
  })

  const configured: readonly [string, readonly string[], string, Partial<Finding>][] = [
    [
      'a file that is not valid, by place and not by what is in it',
      ['--config', 'bad.yml'],
      'config',
      { text: '2 errors, the first at bad.yml:3:5' },
    ],
    [
      'a file that cannot be read',
      ['--config', 'no.yml'],
      'config',
      { text: expect.stringMatching(/^no\.yml: cannot be read: ENOENT/) },
    ],
    [
      'a plugin that does not load',
      ['--plugin', '/nowhere/p.js'],
      'plugin',
      { text: '--plugin "/nowhere/p.js": there is no such file' },
    ],
    [
      'an access log in a folder that is not there',
      ['--access-log', '/nowhere/a.log'],
      'access_log',
      { text: '/nowhere/a.log: there is no folder /nowhere' },
    ],
    [
      'an access log that is a folder',
      ['--access-log', folder],
      'access_log',
      { text: `${folder}: it is there and is no file` },
    ],
    [
      'a plugin store in a folder that is not there',
      ['--plugin-store', 'sqlite:/nowhere/a.db'],
      'plugin_store',
      { text: 'sqlite:/nowhere/a.db: there is no folder /nowhere' },
    ],
    [
      'a plugin store that is another file',
      ['--plugin-store', 'sqlite:good.yml'],
      'plugin_store',
      { text: `sqlite:${join(folder, 'good.yml')}: it is there and is no SQLite database` },
    ],
    [
      'a grant for a plugin that is not loaded',
      ['--plugin-grants', '{"ghost":{"store":true}}'],
      'plugin_grants',
      { text: '"ghost": no plugin of this name is loaded' },
    ],
    [
      'an address that is not of this machine',
      ['--proxy-listen', '192.0.2.1:0'],
      'proxy_listen',
      {
        text: 'cannot listen on 192.0.2.1:0: the address is not one of this machine',
        step: 'choose an address of this machine: --proxy-listen HOSTNAME:PORT',
      },
    ],
  ]

  test.each(configured)('%s', async (_, args, name, finding) => {
    const { code, report, named } = await findings(contained, ...args)
    expect([code, report.problems]).toEqual([1, 1])
    expect(named(name)).toMatchObject({ mark: 'problem', ...finding })
    expect(named(name).step).toEqual(expect.any(String))
  })

  test('a port that is taken, and one that is wanted twice', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const taken = await findings(contained, '--proxy-listen', `127.0.0.1:${port}`)
    expect(taken.code).toBe(1)
    expect(taken.named('proxy_listen')).toMatchObject({
      mark: 'problem',
      text: `cannot listen on 127.0.0.1:${port}: the address is in use`,
      step: expect.stringContaining('end what listens there'),
    })
    other.close()
    await once(other, 'close')
    const same = ['--proxy-listen', `127.0.0.1:${port}`, '--status-listen', `127.0.0.1:${port}`]
    const twice = await findings(contained, ...same)
    expect(twice.named('proxy_listen').mark).toBe('ok')
    expect(twice.named('status_listen').mark).toBe('problem')
    // And it has let go of both.
    const again = createServer().listen(port, '127.0.0.1')
    await once(again, 'listening')
    again.close()
  })
})

describe('a warning does not end with code 1', () => {
  test('for a layer that is missing or broken while nothing is possible', async () => {
    const layer = { name: 'own-user', denies: ['kill'], why: 'no root', remedy: 'be root' } as const
    for (const verdict of ['missing', 'broken'] as const) {
      const inspect = () => Promise.resolve(inspection({ layers: [{ ...layer, verdict }] }))
      const { code, named } = await findings(inspect)
      expect(code).toBe(0)
      expect(named('own-user')).toMatchObject({ mark: 'warning', step: 'be root' })
      expect(named('own-user').text).toContain('no root')
    }
  })

  test('for what sandbox_allow_missing allows, and for what it need not', async () => {
    const allow = ['--sandbox-allow-missing', 'kill', '--sandbox-allow-missing', 'spawn']
    const { code, named } = await findings(withPossible(['kill']), ...allow)
    expect(code).toBe(0)
    expect(named('kill').mark).toBe('warning')
    expect(named('every tenant')).toMatchObject({ mark: 'warning' })
    expect(named('sandbox_allow_missing').text).toBe('allows spawn, which this machine denies')
  })

  test('for a file that check warns of', async () => {
    const { code, named } = await findings(contained, '--config', 'warned.yml')
    expect(code).toBe(0)
    expect(named('config')).toMatchObject({
      mark: 'warning',
      text: 'warned.yml: valid, with 1 warning',
    })
  })
})

test('a secret that start would not find is a problem, and one that is there is not told', async () => {
  const { code, named, report } = await findings(contained, '--config', 'secret.yml')
  expect([code, named('config').text]).toEqual([0, 'secret.yml: valid'])
  expect(JSON.stringify(report)).not.toContain('hush-hush')
  const prefix = ['--vault-env-prefix', 'GATE_']
  const missing = await findings(contained, '--config', 'secret.yml', ...prefix)
  expect([missing.code, missing.named('config').mark]).toEqual([1, 'problem'])
  expect(missing.named('config').text).toMatch(/^1 error, at secret\.yml:11:\d+$/)
})

test('a sandbox with compilers is looked at when one is asked for', async () => {
  const asked: boolean[] = []
  const inspect: Inspect = ({ isJit, allowMissing }) => {
    asked.push(isJit)
    return Promise.resolve(inspection({ possible: isJit ? ['spawn'] : [], allowMissing }))
  }
  const { code, named } = await findings(inspect, '--sandbox-jit', 'tenant:acme')
  expect([code, asked]).toEqual([1, [false, true]])
  expect(named('every tenant').mark).toBe('ok')
  expect(named('sandbox_jit: tenant:acme').mark).toBe('problem')
})

describe('the command itself', () => {
  const main = fileURLToPath(new URL('../../../kernel/main.ts', import.meta.url))
  const doctor = (cwd: string, ...args: string[]) =>
    spawnSync(
      process.execPath,
      ['--conditions=source', '--no-node-snapshot', main, 'doctor', ...anyPort, ...args],
      { cwd, encoding: 'utf8', env: { PATH: process.env['PATH'] } },
    )

  test('looks at this machine, and leaves nothing behind', async () => {
    const cwd = mkdtempSync(join(folder, 'run-'))
    writeFileSync(join(cwd, 'kong.yml'), `${file}plugins: [{ name: mark }]\n`)
    writeFileSync(
      join(cwd, 'mark.js'),
      `export default { name: 'mark', version: '1.0.0', access(pdk) {} }`,
    )
    writeFileSync(join(cwd, 'sallyport.yml'), 'plugin: mark.js\naccess_log: a.log\n')
    const { status, stdout, stderr } = doctor(cwd, '--config', 'kong.yml', '--json')
    const { ok, findings: all } = JSON.parse(stdout) as DoctorReport
    expect([status, stderr]).toEqual([ok ? 0 : 1, ''])
    const named = (name: string) => all.find((finding) => finding.name === name)
    expect(named('sandbox host')).toMatchObject({ mark: 'ok' })
    expect(named('Node')!.text).toContain(process.versions.node)
    expect(named('environment')).toMatchObject({ mark: 'ok' })
    expect(named('plugin')).toMatchObject({ mark: 'ok', text: 'loads: mark 1.0.0 (process)' })
    expect(named('config')).toMatchObject({ mark: 'ok', text: 'kong.yml: valid' })
    expect(named('access_log')).toMatchObject({ mark: 'ok' })
    expect(readdirSync(cwd).toSorted()).toEqual(['kong.yml', 'mark.js', 'sallyport.yml'])
  })

  test('ends with code 1 and a table for what cannot work', () => {
    const cwd = mkdtempSync(join(folder, 'run-'))
    const { status, stdout } = doctor(cwd, '--config', 'kong.yml')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^ {2}PROBLEM {2}config +kong\.yml: cannot be read: ENOENT/m)
  })

  test.runIf(process.getuid?.() !== 0)('tells of a file that it may not write', () => {
    const cwd = mkdtempSync(join(folder, 'run-'))
    mkdirSync(join(cwd, 'locked'))
    chmodSync(join(cwd, 'locked'), 0o555)
    onTestFinished(() => chmodSync(join(cwd, 'locked'), 0o755))
    const { status, stdout } = doctor(cwd, '--access-log', 'locked/a.log')
    expect(status).toBe(1)
    expect(stdout).toMatch(/PROBLEM {2}access_log +.*EACCES/)
  })
})
