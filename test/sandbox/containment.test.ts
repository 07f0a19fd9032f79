import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, test } from 'vitest'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import type { SandboxHostOptions } from '../../sandbox/host-options.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { readProcessUsage } from '../../sandbox/process/process-usage.ts'
import { childrenOfThisProcess, isRunning } from './children.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

const ATTACKS: Readonly<Record<string, string>> = {
  'an endless loop': `for (;;);`,
  'an endless loop of microtasks': `const f = () => Promise.resolve().then(f); return f()`,
  'a built-in that no interrupt reaches': `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`,
  'a string that aborts the process': `'ab'.repeat(2 ** 27).split('')`,
  'arrays without end': `const a = []; for (;;) a.push(new Array(1e5).fill(a))`,
  'a fill beyond every heap': `new Array(2e8).fill(1)`,
  'buffers without end': `const a = []; for (;;) a.push(new Uint8Array(1e6).fill(1))`,
  'a thrown Proxy': `throw new Proxy({}, { get() { for (;;); } })`,
  'an error with getters that do not end': `const e = new Error('x'); for (const k of ['message', 'stack', 'name']) Object.defineProperty(e, k, { get() { for (;;); } }); throw e`,
  'a hostile prepareStackTrace': `try { Error.prepareStackTrace = () => { for (;;); } } catch {} ; for (;;) null.x`,
  'a thenable that does not end': `return { then() { for (;;); } }`,
  'an unhandled rejection with a hostile value': `Promise.reject(new Proxy({}, { get() { for (;;); } }))`,
  'a toJSON that does not end': `pdk.response.exit(200, { toJSON() { for (;;); } })`,
}

const BODY = `${Object.values(ATTACKS)
  .map((code, index) => `if (pdk.request.getId() === 'attack-${index}') { ${code} }`)
  .join('\n')}`

describe('an attack in the process tier', () => {
  function start(
    name: string,
    changed: Partial<SandboxHostOptions> = {},
    body = `access(pdk) { ${BODY}; pdk.log.info('ok') }`,
  ) {
    const made = makeHostOptions(changed)
    const factory = createProcessHostFactory(made.options)
    const host = factory.createHost({ name, tenant: name, plugins: [makePlugin('p', body)] })
    hosts.push(host)
    return { host, factory, ...made }
  }

  const INSTANCE = { key: 'key', id: 'id', pluginName: 'p', config: {} }

  test.each(Object.keys(ATTACKS).map((name, index) => [name, index] as const))(
    '%s fails its own call, and the next one succeeds in another process',
    async (_name, index) => {
      const { host } = start('tenant:bad')
      const { host: other } = start('tenant:good')
      await Promise.all([host.configure([INSTANCE]), other.configure([INSTANCE])])
      const attack = makeCall({ key: 'key', view: { request: { id: `attack-${index}` } } })
      let isOver = false
      const failure = host
        .call(attack)!
        .catch((error: unknown) => error)
        .finally(() => (isOver = true))
      // Not begun when the attack is found out: done again, not failed.
      const queued = makeCall({ key: 'key' })
      const replayed = host.call(queued)
      let served = 0
      while (!isOver) {
        await other.call(makeCall({ key: 'key' }))
        served++
      }
      expect(await failure).toMatchObject({ name: 'HostFailure' })
      expect(attack.applied).toEqual([])
      await replayed
      expect(queued.applied).toEqual([{ changes: [['log.info', 'ok']] }])
      const next = makeCall({ key: 'key' })
      await host.call(next)
      expect(next.applied).toHaveLength(1)
      expect(served).toBeGreaterThan(0)
      expect(other.stats()).toMatchObject({ kills: 0, errors: 0, timeouts: 0 })
      expect(host.state).toBe('ready')
    },
    30_000,
  )

  test('a child whose event loop turns between its calls is not hurt by its filter', async () => {
    const { host } = start('tenant:a', {}, `access(pdk) { pdk.log.info('ok') }`)
    await host.configure([INSTANCE])
    // The loop has its turn after a thousand reads.
    for (let count = 0; count < 2_100; count++) await host.call(makeCall({ key: 'key' }))
    expect(host.stats()).toMatchObject({ calls: 2_100, kills: 0, starts: 1 })
  })

  test('a rejection that nobody handles fails one call and costs no process', async () => {
    const { host } = start(
      'tenant:a',
      {},
      `access() { Promise.reject(new Error('forgotten')) }, rewrite() {}`,
    )
    await host.configure([INSTANCE])
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({
      kind: 'error',
      message: expect.stringContaining('forgotten') as string,
    })
    await host.call(makeCall({ key: 'key', phase: 'rewrite' }))
    expect(host.stats().kills).toBe(0)
  })

  test('three kills in a minute put the plugin in quarantine, which doubles when it goes on', async () => {
    let nowMs = 1_000_000
    const { host, strikes } = start('tenant:bad', { nowMs: () => nowMs })
    await host.configure([INSTANCE])
    const attack = () => host.call(makeCall({ key: 'key', view: { request: { id: 'attack-2' } } }))
    for (let strike = 1; strike <= 3; strike++) {
      await expect(attack()).rejects.toMatchObject({ kind: 'killed' })
      await expect.poll(() => strikes.get('strikes:tenant:bad')).toBe(strike)
    }
    await expect.poll(() => host.state).toBe('quarantined')
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
    nowMs += 59_000
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
    nowMs += 2_000
    await host.call(makeCall({ key: 'key' }))
    expect(host.state).toBe('ready')
    // On trial: one more is enough, and the pause is twice as long.
    await expect(attack()).rejects.toMatchObject({ kind: 'killed' })
    await expect.poll(() => host.state).toBe('quarantined')
    nowMs += 119_000
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
    nowMs += 2_000
    await host.call(makeCall({ key: 'key' }))
  }, 30_000)

  test('a host whose plugin cannot be loaded fails with the reason', async () => {
    const { host } = start('tenant:a', {}, `access() {}, init() { throw new Error('no luck') }`)
    await expect(host.configure([INSTANCE])).rejects.toThrow(/tenant:a: .*no luck/)
    expect(host.state).toBe('failed')
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
  })

  test('an init that never ends is given up', async () => {
    const { host } = start(
      'tenant:a',
      { limits: { configureMs: 100 } },
      `access() {}, init() { return new Promise(() => {}) }`,
    )
    await expect(host.configure([INSTANCE])).rejects.toThrow(/configure did not end within 100 ms/)
    expect(host.state).toBe('failed')
  })

  test('a child that somebody else kills is replaced', async () => {
    const { host } = start('tenant:a')
    await host.configure([INSTANCE])
    const before = childrenOfThisProcess()
    for (const pid of before) process.kill(pid, 'SIGKILL')
    await expect.poll(() => host.stats().kills).toBe(1)
    await host.call(makeCall({ key: 'key' }))
    expect(childrenOfThisProcess().some((pid) => before.includes(pid))).toBe(false)
  })

  test('closing the last host leaves no process behind', async () => {
    const { host, factory } = start('tenant:a')
    const second = factory.createHost({
      name: 'tenant:b',
      tenant: 'b',
      plugins: [makePlugin('p', 'access() {}')],
    })
    await Promise.all([host.configure([INSTANCE]), second.configure([INSTANCE])])
    // Two children and a spare.
    await expect.poll(() => childrenOfThisProcess().length).toBe(3)
    const pids = childrenOfThisProcess()
    await Promise.all([host.close(), second.close()])
    expect(childrenOfThisProcess()).toEqual([])
    expect(pids.some((pid) => existsSync(`/proc/${pid}`))).toBe(false)
  })

  test('a child has no environment and few resources', async () => {
    const { host } = start('tenant:a')
    await host.configure([INSTANCE])
    // The spare may not have become what it will be.
    const pids = childrenOfThisProcess()
    const areFew = () =>
      pids.every((pid) => /Max open files\s+64/.test(readFileSync(`/proc/${pid}/limits`, 'utf8')))
    await expect.poll(areFew, { timeout: 10_000 }).toBe(true)
    for (const pid of pids) {
      const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
      expect(limits).toMatch(/Max open files\s+64/)
      expect(limits).toMatch(/Max core file size\s+0/)
      expect(limits).toMatch(/Max data size\s+314572800/)
      expect(readFileSync(`/proc/${pid}/environ`, 'latin1')).toBe('')
    }
  })

  test('a loop is ended by the CPU that it has burnt, and is a strike', async () => {
    const limits = { guestTurnMs: 60_000, silenceMs: 60_000 }
    const { host, strikes } = start('tenant:bad', { limits }, 'access() { for (;;); }')
    await host.configure([INSTANCE])
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({
      kind: 'killed',
      message: expect.stringMatching(/a call burnt [1-9]\d\d ms of CPU/),
    })
    await expect.poll(() => strikes.get('strikes:tenant:bad')).toBe(1)
  })

  test('who is ended by the clock without its CPU has no strike', async () => {
    const limits = { guestTurnMs: 300, silenceMs: 60_000 }
    const body = `access(pdk) { if (pdk.request.getId() === 'slow') for (;;); }`
    const { host, strikes, lines } = start('tenant:slow', { limits }, body)
    await host.configure([INSTANCE])
    const slow = makeCall({ key: 'key', view: { request: { id: 'slow' } } })
    // The other child is the spare.
    const pid = Math.min(...childrenOfThisProcess())
    const burntMs = () => readProcessUsage(pid)!.cpuMs
    const beforeMs = burntMs()
    const ended = Promise.allSettled([host.call(slow)])
    // As on a machine that gives it no more CPU until its deadline is over.
    await expect.poll(burntMs, { interval: 1 }).toBeGreaterThan(beforeMs)
    process.kill(pid, 'SIGSTOP')
    setTimeout(() => process.kill(pid, 'SIGCONT'), 500)
    const message = expect.stringContaining('ran for more than 300 ms')
    expect(await ended).toMatchObject([{ reason: { kind: 'timeout', message } }])
    await host.call(makeCall({ key: 'key' }))
    expect(host.stats()).toMatchObject({ timeouts: 1, kills: 1, starts: 2 })
    expect(strikes.size, lines.join('\n')).toBe(0)
  })

  test('no child outlives a gateway that is killed', async () => {
    const gateway = spawn(
      process.execPath,
      ['--conditions=source', '--no-node-snapshot', join(import.meta.dirname, 'lonely-gateway.ts')],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    )
    const [line] = (await once(createInterface(gateway.stdout), 'line')) as [string]
    const pids = JSON.parse(line) as number[]
    expect(pids.length).toBeGreaterThan(0)
    gateway.kill('SIGKILL')
    await expect.poll(() => pids.some(isRunning), { timeout: 10_000 }).toBe(false)
  })
})
