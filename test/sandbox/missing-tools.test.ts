import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import type { DoctorReport } from '../../kernel/doctor/finding.ts'

// The command itself on a machine where a tool of util-linux is there and fails, as in containers:
// root without the capabilities that the tool needs. Nobody but root can be made so much poorer.

const MAIN = join(import.meta.dirname, '../../kernel/main.ts')
const LISTEN = ['--proxy-listen', '127.0.0.1:0', '--status-listen', '127.0.0.1:0']

/** What is taken from the gateway. */
interface Poverty {
  readonly capabilities: readonly string[]
  /** Without it there is no filter of system calls either. */
  readonly hasFfi: boolean
}

const NO_UNSHARE: Poverty = { capabilities: ['sys_admin'], hasFfi: true }
const NO_SETPRIV: Poverty = { capabilities: ['setuid', 'setgid', 'setpcap'], hasFfi: true }
const CAN_KILL: Poverty = { ...NO_SETPRIV, hasFfi: false }

const folder = mkdtempSync(join(tmpdir(), 'sallyport-poor-'))
afterAll(() => rmSync(folder, { recursive: true }))
writeFileSync(
  join(folder, 'plugin.js'),
  `export default { name: 'p', version: '1.0.0', access(pdk) { pdk.response.exit(200, 'it ran') } }`,
)
for (const tenant of ['acme', null]) {
  const owned = tenant === null ? {} : { tenant }
  const route = { name: 'r', paths: ['/r'], service: 's', ...owned, plugins: [{ name: 'p' }] }
  const services = [{ name: 's', url: 'http://127.0.0.1:9' }]
  const tenants = tenant === null ? [] : [{ name: tenant }]
  writeFileSync(
    join(folder, `${tenant ?? 'nobody'}.yml`),
    JSON.stringify({ _format_version: '3.0', tenants, services, routes: [route] }),
  )
}

/** Program and arguments of the command with less than this process has. */
function poorly({ capabilities, hasFfi }: Poverty, args: readonly string[]) {
  const without = capabilities.map((name) => `-${name}`).join()
  const setpriv = [`--bounding-set=${without}`, `--inh-caps=${without}`, process.execPath]
  const node = ['--conditions=source', '--no-node-snapshot', MAIN, ...args]
  // Workers are told by the environment, too.
  const env = { PATH: process.env['PATH'], NODE_OPTIONS: hasFfi ? '' : '--no-experimental-ffi' }
  return { args: [...setpriv, ...node], options: { cwd: folder, env } }
}

async function runDoctor(poverty: Poverty, ...flags: string[]) {
  const { args, options } = poorly(poverty, ['doctor', '--json', ...LISTEN, ...flags])
  const out = await new Promise<string>((resolve) => {
    // Its exit code tells of problems, which are looked at in the report.
    execFile('setpriv', args, options, (_error, stdout) => resolve(stdout))
  })
  const { findings } = JSON.parse(out) as DoctorReport
  return (name: string) => findings.find((finding) => finding.name === name)
}

interface Started {
  readonly proxy: string
  readonly status: string
  /** All that it has written so far. */
  readonly log: () => string
}

/** Resolves when it is ready; rejects with what it said when it ends before. */
async function start(poverty: Poverty, file: string, ...flags: string[]): Promise<Started> {
  const own = ['start', '--config', file, '--plugin', 'plugin.js', '--access-log', 'off']
  const { args, options } = poorly(poverty, [...own, ...LISTEN, ...flags])
  const child = spawn('setpriv', args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  let text = ''
  const ready = new Promise<Record<string, string>>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const line = text.split('\n').find((each) => each.includes('"the gateway is ready"'))
      if (line !== undefined) resolve(JSON.parse(line) as Record<string, string>)
    })
    child.once('close', () => reject(new Error(text)))
  })
  onTestFinished(() => stop(child))
  const { proxy, status } = await ready
  return { proxy: proxy!, status: status!, log: () => text }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

function get(address: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(`http://${address}${path}`, { agent: false }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(`${response.statusCode} ${text}`))
    })
    asked.on('error', reject).end()
  })
}

/** The values of a family of metrics by the value of one of their labels. */
async function readMetric(address: string, family: string, label: string) {
  const text = await get(address, '/metrics')
  const line = new RegExp(`^${family}\\{[^}]*${label}="([^"]+)"[^}]*\\} (\\d+)$`, 'gm')
  return Object.fromEntries(
    [...text.matchAll(line)].map(([, name, value]) => [name, Number(value)]),
  )
}

const LAYER = ['sallyport_sandbox_layer_active', 'layer'] as const
const POSSIBLE = ['sallyport_sandbox_possible', 'ability'] as const

/** Whether root can be made poorer here at all. */
function canBePoor(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  try {
    const { args, options } = poorly({ ...NO_SETPRIV, hasFfi: true }, [])
    execFileSync('setpriv', [...args.slice(0, 2), 'true'], options)
    return true
  } catch {
    return false
  }
}

describe.runIf(canBePoor())('a gateway', () => {
  test('whose unshare fails says so, and starts tenants behind the layers that are left', async () => {
    const finding = await runDoctor(NO_UNSHARE)
    expect(finding('namespaces')).toMatchObject({
      mark: 'warning',
      text: expect.stringMatching(/^missing: unshare failed: .*Operation not permitted/),
      step: expect.stringContaining('CAP_SYS_ADMIN'),
    })
    expect([finding('network')?.mark, finding('every tenant')?.mark]).toEqual(['ok', 'ok'])
    const { proxy, status } = await start(NO_UNSHARE, 'acme.yml')
    expect(await get(proxy, '/r')).toBe('200 it ran')
    expect(await readMetric(status, ...LAYER)).toMatchObject({
      ...{ namespaces: 0, 'own-user': 1, 'syscall-filter': 1, 'permission-model-network': 1 },
    })
    expect(Object.values(await readMetric(status, ...POSSIBLE))).toEqual([0, 0, 0, 0, 0])
  }, 60_000)

  test('whose setpriv fails says so, and starts tenants behind the filter of system calls', async () => {
    const finding = await runDoctor(NO_SETPRIV)
    for (const layer of ['no-new-privileges', 'own-user']) {
      expect(finding(layer)).toMatchObject({
        mark: 'warning',
        text: expect.stringMatching(/^missing: setpriv failed: .*Operation not permitted/),
        step: expect.stringContaining('CAP_SETUID'),
      })
    }
    expect([finding('kill')?.mark, finding('every tenant')?.mark]).toEqual(['ok', 'ok'])
    const { proxy, status } = await start(NO_SETPRIV, 'acme.yml')
    expect(await get(proxy, '/r')).toBe('200 it ran')
    expect(await readMetric(status, ...LAYER)).toMatchObject({ 'own-user': 0, 'syscall-filter': 1 })
    expect(Object.values(await readMetric(status, ...POSSIBLE))).toEqual([0, 0, 0, 0, 0])
  }, 60_000)

  test('whose sandboxes can signal it does not start with a plugin of a tenant', async () => {
    const finding = await runDoctor(CAN_KILL)
    expect(finding('kill')).toMatchObject({
      mark: 'problem',
      text: expect.stringMatching(/^POSSIBLE: signal/),
    })
    expect(finding('every tenant')).toMatchObject({
      mark: 'problem',
      text: 'may not start: the sandbox is not denied kill',
      step: expect.stringContaining('--sandbox-allow-missing kill'),
    })
    expect(finding('syscall-filter')?.text).toContain('--no-experimental-ffi')
    await expect(start(CAN_KILL, 'acme.yml')).rejects.toThrow(
      /^sallyport: tenant:acme: no plugin of tenant "acme" may start: its sandbox is not denied kill; missing here: .*own-user: setpriv failed.*; sandbox_allow_missing: \[kill\] allows it all the same$/m,
    )
  }, 60_000)

  test('starts it all the same when the operator says so, and the metric tells', async () => {
    const allow = ['--sandbox-allow-missing', 'kill']
    const finding = await runDoctor(CAN_KILL, ...allow)
    expect([finding('kill')?.mark, finding('every tenant')?.mark]).toEqual(['warning', 'warning'])
    const { proxy, status, log } = await start(CAN_KILL, 'acme.yml', ...allow)
    expect(await get(proxy, '/r')).toBe('200 it ran')
    expect(await readMetric(status, ...POSSIBLE)).toMatchObject({ kill: 1, file: 0 })
    expect(log()).toContain('its sandbox is not denied: kill')
  }, 60_000)

  test('starts a plugin that no tenant owns, with a warning', async () => {
    const { proxy, status, log } = await start(CAN_KILL, 'nobody.yml')
    expect(await get(proxy, '/r')).toBe('200 it ran')
    expect(await readMetric(status, ...POSSIBLE)).toMatchObject({ kill: 1 })
    const warned = log()
      .split('\n')
      .filter((line) => line.includes('its sandbox is not denied: kill'))
    expect(warned.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(['warn'])
  }, 60_000)
})
