import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { until } from '../../support/test-primary.ts'

const main = fileURLToPath(new URL('../../../kernel/main.ts', import.meta.url))
const SECRET = 'open "sesame" 42'

const PLUGIN = `export default {
  name: 'counting', version: '1.0.0',
  config: { type: 'object', properties: { key: { type: 'string' } } },
  async access(pdk, config) {
    pdk.log.warn('the key is ', config.key)
    if (pdk.request.getPath() === '/fail') throw new Error('cannot open with ' + config.key)
    const count = await pdk.store.add('n', 1)
    pdk.response.exit(200, { count, length: config.key.length, cache: await pdk.cache.get('x').catch((e) => e.code) })
  },
}`

/** A folder with a plugin that asks for store and secrets, and one that uses it everywhere. */
function makeFolder(settings: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-effects-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'counting'))
  const manifest = {
    sallyport: { entry: 'main.js', permissions: { store: true, vault: ['{vault://env/'] } },
  }
  writeFileSync(join(folder, 'counting/package.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'counting/main.js'), PLUGIN)
  writeFileSync(join(folder, 'sallyport.yml'), settings)
  writeFileSync(
    join(folder, 'kong.yml'),
    `_format_version: "3.0"
routes: [{ name: all, paths: [/] }]
plugins: [{ name: counting, config: { key: "{vault://env/the-key}" } }]
`,
  )
  return folder
}

function start(folder: string) {
  const args = [
    'start',
    '--config',
    'kong.yml',
    '--proxy-listen',
    '127.0.0.1:0',
    '--status-listen',
    '127.0.0.1:0',
  ]
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--no-node-snapshot', main, ...args],
    { cwd: folder, env: { ...process.env, GATE_THE_KEY: SECRET } },
  )
  const run = { out: '', error: '', ended: once(child, 'close'), stop: () => child.kill('SIGTERM') }
  child.stdout.on('data', (chunk: Buffer) => (run.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (run.error += chunk.toString()))
  onTestFinished(() => void child.kill('SIGKILL'))
  const isReady = () => run.error.includes('the gateway is ready') || child.exitCode !== null
  const ready = until(isReady).then(() => /"proxy":"([^"]+)"/.exec(run.error)?.[1])
  const metrics = async () => {
    const status = /"status":"([^"]+)"/.exec(run.error)?.[1]
    return (await fetch(`http://${status}/metrics`)).text()
  }
  return { run, ready, metrics }
}

const GRANTED = `
workers: 2
plugin: [counting]
plugin_store: sqlite:values.db
vault_env_prefix: GATE_
plugin_grants:
  counting: { store: true, cache: true, vault: ["{vault://env/the-key}"] }
`

describe('start with grants', () => {
  test('gives two workers one store, and their log no secret', async () => {
    const folder = makeFolder(GRANTED)
    const counts: number[] = []
    for (const _ of [1, 2]) {
      const { run, ready, metrics } = start(folder)
      const address = await ready
      expect(address, run.error).toBeDefined()
      const ask = (path: string) =>
        fetch(`http://${address}${path}`, { headers: { connection: 'close' } })
      const answers = await Promise.all(
        Array.from({ length: 20 }, async () => (await (await ask('/')).json()) as object),
      )
      for (const answer of answers) {
        // It has not asked for the cache, so it has none, whatever was granted.
        expect(answer).toMatchObject({ length: SECRET.length, cache: 'NOT_GRANTED' })
        counts.push((answer as { count: number }).count)
      }
      expect((await ask('/fail')).status).toBe(500)
      const calls = /^sallyport_effect_calls_total\{.*plugin="counting".*effect="store"\} (\d+)$/gm
      const counted = [...(await metrics()).matchAll(calls)].map(([, count]) => Number(count))
      expect(counted.reduce((sum, count) => sum + count, 0)).toBe(20)
      run.stop()
      await run.ended
      expect(run.error).toContain('the key is [secret]')
      expect(run.error).toContain('cannot open with [secret]')
      for (const text of [run.error, run.out]) {
        expect(text).not.toContain(SECRET)
        expect(text).not.toContain(JSON.stringify(SECRET).slice(1, -1))
      }
    }
    // Counted on where the run before has ended.
    expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1))
  }, 60_000)

  test.each([
    ['plugin_grants: { other: { store: true } }', /plugin_grants: "other": no plugin of this name/],
    [
      'plugin_grants: { counting: { vault: ["{vault://env/other}"] } }',
      /^sallyport: kong\.yml:3:\d+: plugin "counting": config\.key: needs the permission vault: \[\\?"\{vault:\/\/env\/THE_KEY\}\\?"\]/,
    ],
    [
      'plugin_grants: { counting: { vault: ["{vault://env/the-key}"] } }',
      /there is no secret \{vault:\/\/env\/THE_KEY\}: the variable THE_KEY is not set$/m,
    ],
    ['plugin_store: sqlite:none/values.db', /plugin store ".*none\/values\.db"/],
  ])('ends at once with %s', async (settings, wanted) => {
    const { run } = start(makeFolder(`plugin: [counting]\n${settings}\n`))
    const [code] = (await run.ended) as [number]
    expect(code).toBe(1)
    expect(run.error).toMatch(wanted)
  })
})
