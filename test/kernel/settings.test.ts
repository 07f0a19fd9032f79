import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type ReadSettings, SettingError, readSettings } from '../../kernel/read-settings.ts'
import { SETTINGS, settingKeysOf, toFileKey, toFlag, toVariable } from '../../kernel/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-settings-'))
writeFileSync(join(folder, 'a=b.js'), '')

function read(
  args: readonly string[],
  env: Record<string, string> = {},
  from = folder,
): ReadSettings<'start'> {
  return readSettings({
    command: 'start',
    args: ['--config', 'kong.yml', ...args],
    env,
    folder: from,
  })
}

function folderWith(file: string): string {
  const made = mkdtempSync(join(folder, 'with-file-'))
  writeFileSync(join(made, 'sallyport.yml'), file)
  return made
}

describe('a setting', () => {
  test.each([
    ['workers', ['--workers', '4'], 4],
    ['workers', ['--workers=4'], 4],
    ['workers', ['--workers', 'auto'], availableParallelism()],
    ['proxyListen', ['--proxy-listen', '127.0.0.1:0'], { hostname: '127.0.0.1', port: 0 }],
    ['proxyListen', ['--proxy-listen', '[::1]:8000'], { hostname: '::1', port: 8000 }],
    ['proxyListen', ['--proxy-listen', 'localhost:80'], { hostname: 'localhost', port: 80 }],
    ['accessLog', ['--access-log', 'off'], 'off'],
    ['accessLog', ['--access-log', 'stdout'], 'stdout'],
    ['accessLog', ['--access-log', 'a.log'], { path: join(folder, 'a.log') }],
    [
      'trustedIps',
      ['--trusted-ips', '10.0.0.1', '--trusted-ips', 'fd00::/8'],
      ['10.0.0.1', 'fd00::/8'],
    ],
    ['headerNames', ['--header-names', 'kong'], 'kong'],
    ['debugHeader', ['--debug-header', 'on'], 'on'],
    ['accessLog', ['--access-log', '/var/a.log'], { path: '/var/a.log' }],
    ['logLevel', ['--log-level', 'debug'], 'debug'],
    ['drainTimeout', ['--drain-timeout', '1500ms'], 1500],
    ['drainTimeout', ['--drain-timeout', '2m'], 120_000],
    ['adminListen', ['--admin-listen', 'off'], 'off'],
    ['statusListen', ['--status-listen', 'off'], 'off'],
    ['statusListen', ['--status-listen', '[::1]:0'], { hostname: '::1', port: 0 }],
    ['plugin', ['--plugin', 'p.js'], [{ path: join(folder, 'p.js'), tier: 'process' }]],
    ['plugin', ['--plugin', 'p.js=inline'], [{ path: join(folder, 'p.js'), tier: 'inline' }]],
    // A file of that name exists, so the last `=` is part of the path.
    ['plugin', ['--plugin', 'a=b.js'], [{ path: join(folder, 'a=b.js'), tier: 'process' }]],
    ['plugin', ['--plugin', 'a=b.js=isolate'], [{ path: join(folder, 'a=b.js'), tier: 'isolate' }]],
    [
      'plugin',
      ['--plugin', '/p', '--plugin', '/q=inline'],
      [
        { path: '/p', tier: 'process' },
        { path: '/q', tier: 'inline' },
      ],
    ],
  ] as const)('%s is read from %j', (key, args, value) => {
    expect(read(args).settings[key]).toEqual(value)
  })

  test('has its default when nobody sets it', () => {
    expect(read([]).settings).toEqual({
      config: join(folder, 'kong.yml'),
      workers: 1,
      proxyListen: { hostname: '0.0.0.0', port: 8000 },
      plugin: [],
      accessLog: 'stdout',
      logLevel: 'info',
      drainTimeout: 30_000,
      adminListen: 'off',
      statusListen: { hostname: '127.0.0.1', port: 8007 },
      store: null,
      trustedIps: [],
      limits: [],
      headerNames: 'sallyport',
      debugHeader: 'off',
      pluginGrants: {},
      pluginStore: 'memory',
      vaultEnvPrefix: '',
      sandboxAllowMissing: [],
      sandboxJit: [],
    })
  })

  test('may be a list in the settings file', () => {
    const from = folderWith('sandbox_allow_missing: [kill, network]\nsandbox_jit: tenant:acme\n')
    expect(read([], {}, from).settings).toMatchObject({
      sandboxAllowMissing: ['kill', 'network'],
      sandboxJit: ['tenant:acme'],
    })
  })

  test('is taken from the flag before the variable before the file', () => {
    const from = folderWith('workers: 2\nlog_level: error\ndrain_timeout: 1s\n')
    const env = { SALLYPORT_WORKERS: '3', SALLYPORT_LOG_LEVEL: 'debug' }
    const { settings } = read(['--workers', '4'], env, from)
    expect(settings).toMatchObject({ workers: 4, logLevel: 'debug', drainTimeout: 1000 })
  })

  test('is not set by an empty variable or by null in the file', () => {
    const from = folderWith('workers: null\n')
    expect(read([], { SALLYPORT_LOG_LEVEL: '' }, from).settings).toMatchObject({
      workers: 1,
      logLevel: 'info',
    })
  })

  test('that may be repeated is a list in the file and has commas in the variable', () => {
    const from = folderWith('plugin:\n  - one.js\n  - two.js=inline\n')
    expect(read([], {}, from).settings.plugin).toEqual([
      { path: join(from, 'one.js'), tier: 'process' },
      { path: join(from, 'two.js'), tier: 'inline' },
    ])
    const env = { SALLYPORT_PLUGIN: '/three.js, /four.js=isolate' }
    expect(read([], env, from).settings.plugin).toEqual([
      { path: '/three.js', tier: 'process' },
      { path: '/four.js', tier: 'isolate' },
    ])
  })

  test('in the settings file has paths that start from where the file is', () => {
    const from = mkdtempSync(join(folder, 'elsewhere-'))
    mkdirSync(join(from, 'etc'))
    writeFileSync(join(from, 'etc', 'mine.yml'), 'access_log: a.log\n')
    const { settings } = read(['--settings', 'etc/mine.yml'], {}, from)
    expect(settings.accessLog).toEqual({ path: join(from, 'etc', 'a.log') })
    expect(read([], { SALLYPORT_SETTINGS: 'etc/mine.yml' }, from).settings).toEqual(settings)
  })

  test('of another command is accepted in the file and is no flag', () => {
    const from = folderWith('workers: 2\nplugin: [/p.js]\n')
    const options = { command: 'check', env: {}, folder: from } as const
    expect(readSettings({ ...options, args: ['kong.yml'] })).toEqual({
      settings: {
        plugin: [{ path: '/p.js', tier: 'process' }],
        pluginGrants: {},
        vaultEnvPrefix: '',
        limits: [],
      },
      positionals: ['kong.yml'],
    })
    expect(() => readSettings({ ...options, args: ['--workers', '2'] })).toThrow(
      'check: unknown flag "--workers"',
    )
  })
})

describe('a bad setting is refused', () => {
  test.each([
    [['--workers', '0'], '--workers "0": expected a number from 1 to 256, or "auto"'],
    [
      ['--trusted-ips', '::ffff:a00:1'],
      '--trusted-ips "::ffff:a00:1": expected IPv4 in its own spelling, like 10.0.0.0/8',
    ],
    [
      ['--trusted-ips', '10.0.0.0/33'],
      '--trusted-ips "10.0.0.0/33": expected an address or a range, like 10.0.0.1, 10.0.0.0/8 or fd00::/8',
    ],
    [['--workers', '1.5'], '--workers "1.5": expected a number from 1 to 256, or "auto"'],
    [
      ['--proxy-listen', '8000'],
      '--proxy-listen "8000": expected HOSTNAME:PORT, like 127.0.0.1:8000 or [::]:8000',
    ],
    [
      ['--proxy-listen', '127.0.0.1:70000'],
      '--proxy-listen "127.0.0.1:70000": expected HOSTNAME:PORT, like 127.0.0.1:8000 or [::]:8000',
    ],
    [
      ['--log-level', 'loud'],
      '--log-level "loud": expected "debug", "info", "warn", "error" or "silent"',
    ],
    [
      ['--drain-timeout', '30'],
      '--drain-timeout "30": expected a time up to one hour with its unit, like 30s, 500ms or 2m',
    ],
    [
      ['--admin-listen', '127.0.0.1:8001'],
      '--admin-listen "127.0.0.1:8001": the Admin API is not served yet; only "off" is accepted',
    ],
    [
      ['--status-listen', '8007'],
      '--status-listen "8007": expected HOSTNAME:PORT, like 127.0.0.1:8000 or [::]:8000, or "off"',
    ],
    [
      ['--sandbox-allow-missing', 'all'],
      '--sandbox-allow-missing "all": expected "file", "network", "spawn", "kill" or "environment"',
    ],
    [
      ['--sandbox-jit', 'acme'],
      '--sandbox-jit "acme": expected tenant:NAME or plugin:NAME, like tenant:acme',
    ],
    [
      ['--store', 'sqlite:a.db'],
      '--store "sqlite:a.db": a store besides the declarative file is not served yet',
    ],
    [
      ['--plugin', 'p.js=fast'],
      '--plugin "p.js=fast": expected PATH, PATH=inline, PATH=isolate, PATH=process or unix:PATH=remote',
    ],
    [
      ['--plugin', 'p.js=remote'],
      '--plugin "p.js=remote": a remote plugin is a program that listens on a Unix socket: expected unix:PATH=remote',
    ],
    [
      ['--plugin', 'unix:/run/x.sock=process'],
      '--plugin "unix:/run/x.sock=process": expected unix:PATH or unix:PATH=remote: what listens there is remote',
    ],
    [['--access-log', ''], '--access-log "": expected the path of a file'],
    [['--wrokers', '2'], 'start: unknown flag "--wrokers"; did you mean "--workers"?'],
    [['-w', '2'], 'start: unknown flag "-w"'],
    [['--workers'], '--workers: expected a value: --workers N|auto'],
    [['--workers', '--log-level', 'info'], '--workers: expected a value: --workers N|auto'],
    [['--settings', 'nowhere.yml'], 'settings file "nowhere.yml": ENOENT'],
  ])('%j', (args, message) => {
    expect(() => read(args)).toThrow(SettingError)
    expect(() => read(args)).toThrow(message)
  })

  test('by its variable', () => {
    expect(() => read([], { SALLYPORT_WORKERS: 'many' })).toThrow(
      'SALLYPORT_WORKERS "many": expected a number from 1 to 256, or "auto"',
    )
  })

  test.each([
    ['workers: many\n', 'sallyport.yml: workers "many": expected a number from 1 to 256'],
    ['worker: 2\n', 'sallyport.yml: worker: unknown key; did you mean "workers"?'],
    ['workers: [1, 2]\n', 'sallyport.yml: workers: expected text'],
    ['plugin: [true]\n', 'sallyport.yml: plugin: expected text or a list of texts'],
    ['- workers\n', 'settings file "sallyport.yml": expected keys and values'],
    ['workers: "2\n', 'settings file "sallyport.yml": Missing closing "quote'],
  ])('in the settings file: %j', (file, message) => {
    expect(() => read([], {}, folderWith(file))).toThrow(message)
  })

  test('when it is missing and required', () => {
    expect(() => readSettings({ command: 'start', args: [], env: {}, folder })).toThrow(
      'start needs --config FILE: the declarative file with services, routes and plugins',
    )
  })

  test('but an unknown variable is not, for others set them, too', () => {
    expect(read([], { SALLYPORT_PORT: 'tcp://10.0.0.1:8000' }).settings.workers).toBe(1)
  })
})

test('every default in the table is a value that the table accepts', () => {
  const defaults = Object.values(SETTINGS).filter((row) => row.default !== null)
  expect(() => defaults.map((row) => row.form(row.default, folder))).not.toThrow()
})

test('the names of a setting follow from its key', () => {
  expect(settingKeysOf('check')).toEqual(['plugin', 'pluginGrants', 'vaultEnvPrefix', 'limits'])
  expect(toFlag('proxyListen')).toBe('--proxy-listen')
  expect(toVariable('proxyListen')).toBe('SALLYPORT_PROXY_LISTEN')
  expect(toFileKey('proxyListen')).toBe('proxy_listen')
  expect(toFlag('limits')).toBe('--limit')
})

describe('limits', () => {
  const changes = (...given: Parameters<typeof read>) =>
    Object.assign({}, ...read(...given).settings.limits) as object

  test('are keys and values in the settings file, and one by one as a flag or in the variable', () => {
    expect(changes([], {}, folderWith('limits:\n  logLinesMax: 20\n  loadMs: 900\n'))).toEqual({
      logLinesMax: 20,
      loadMs: 900,
    })
    expect(changes(['--limit', 'logLinesMax=20', '--limit=loadMs=900'])).toEqual({
      logLinesMax: 20,
      loadMs: 900,
    })
    expect(changes([], { SALLYPORT_LIMITS: 'logLinesMax=20, loadMs=900' })).toEqual({
      logLinesMax: 20,
      loadMs: 900,
    })
  })

  test('of the file stay when a flag or the variable changes another one', () => {
    const from = folderWith('limits: { logLinesMax: 1, loadMs: 1, timersMax: 1 }\n')
    const env = { SALLYPORT_LIMITS: 'logLinesMax=2,loadMs=2' }
    expect(changes(['--limit', 'logLinesMax=3'], env, from)).toEqual({
      logLinesMax: 3,
      loadMs: 2,
      timersMax: 1,
    })
  })

  test.each(['logLinesMax', 'logLinesMax=', 'logLinesMax=many', 'logLinesMax=-1', '=1', '[]'])(
    'are refused when they are written like %j',
    (text) => {
      expect(() => read(['--limit', text])).toThrow(
        `--limit ${JSON.stringify(text)}: expected NAME=NUMBER, like logLinesMax=20`,
      )
    },
  )

  test('are numbers in the settings file', () => {
    expect(() => read([], {}, folderWith('limits: { logLinesMax: many }\n'))).toThrow(
      'logLinesMax: expected a whole number, got "many"',
    )
  })
})

describe('what is granted to plugins', () => {
  test('is keys and values in the settings file, and JSON on the command line', () => {
    const grants = { jwt: { http: ['keys.test', '10.0.0.5:8080'], vault: ['{vault://env/JWT_'] } }
    const path = join(folder, 'granted.yml')
    writeFileSync(
      path,
      `plugin_grants:\n  jwt:\n    http: [keys.test, "10.0.0.5:8080"]\n    vault: ["{vault://env/JWT_"]\n`,
    )
    expect(read(['--settings', path]).settings.pluginGrants).toEqual(grants)
    expect(read(['--plugin-grants', JSON.stringify(grants)]).settings.pluginGrants).toEqual(grants)
  })

  test.each([
    ['text', /expected JSON/],
    ['[]', /expected plugin names/],
    ['{"a":{"files":true}}', /a: unknown permission "files"; there are http, vault, cache, store/],
    ['{"a":{"http":"x"}}', /a\.http: expected a list/],
    ['{"a":{"http":["http://x"]}}', /a: "http:\/\/x": expected a host like/],
    ['{"a":{"vault":["x"]}}', /a: "x": expected a reference like/],
    ['{"a":{"store":1}}', /a\.store: expected true or false/],
  ])('cannot be %s', (text, wanted) => {
    expect(() => read(['--plugin-grants', text])).toThrow(wanted)
  })

  test('a store is memory or a file', () => {
    expect(read(['--plugin-store', 'sqlite:values.db']).settings.pluginStore).toEqual({
      path: join(folder, 'values.db'),
    })
    expect(() => read(['--plugin-store', 'values.db'])).toThrow(/expected memory or sqlite:PATH/)
  })
})
