import { readdirSync } from 'node:fs'
import { getPriority } from 'node:os'
import { afterEach, describe, expect, test } from 'vitest'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { canRaise } from '../../sandbox/process/child-priority.ts'
import { childrenOfThisProcess } from './children.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

const INSTANCE = { key: 'key', id: 'id', pluginName: 'p', config: {} }
const BODY = `access(pdk) {
  const until = Date.now() + Number(pdk.request.getId())
  while (Date.now() < until);
}`
/** What a sandbox has in service, and when it burns more than it may count on. */
const [SERVING, LOW] = [5, 10].map((below) => Math.min(19, getPriority() + below))
/** More CPU than the 50 ms that a handler may count on, also on a machine that is busy. */
const LONG_MS = 600

/** Of all its threads, each value once. */
function prioritiesOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`).map(Number)
  return [...new Set(threads.map((thread) => getPriority(thread)))]
}

describe.skipIf(!canRaise())('the priority of a sandbox (with CAP_SYS_NICE)', () => {
  async function start() {
    // What takes long is not to be killed here.
    const limits = { killCpuMs: 60_000, guestTurnMs: 20_000, silenceMs: 20_000 }
    const made = makeHostOptions({ limits })
    const factory = createProcessHostFactory(made.options)
    const host = factory.createHost({
      ...{ name: 'tenant:t', tenant: 't' },
      plugins: [makePlugin('p', BODY)],
    })
    hosts.push(host)
    await host.configure([INSTANCE])
    const take = (ms: number) =>
      host.call(makeCall({ key: 'key', view: { request: { id: String(ms) } } })) as Promise<void>
    // The one with the lower number has been taken, the other waits to be.
    const pid = childrenOfThisProcess().toSorted((one, other) => one - other)[0]!
    // To configure it may have taken long as well.
    await expect.poll(() => prioritiesOf(pid), { interval: 5 }).toEqual([SERVING])
    return { factory, host, take, pid }
  }

  test('is low once a call has burnt more than it may count on, and as it was afterwards', async () => {
    const { take, pid } = await start()
    const ended = take(LONG_MS)
    await expect.poll(() => prioritiesOf(pid), { interval: 5 }).toEqual([LOW])
    await ended
    await expect.poll(async () => (await take(0), prioritiesOf(pid)), { interval: 5 }).toEqual([SERVING])
  })

  test('is low while a spare starts that nobody waits for, until it is taken', async () => {
    const { factory, host, take, pid } = await start()
    await expect.poll(() => factory.spares?.()[0]?.state, { timeout: 20_000 }).toBe('ready')
    const spare = childrenOfThisProcess().find((other) => other !== pid)!
    expect(prioritiesOf(spare)).toEqual([LOW])
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => host.stats().starts).toBe(2)
    await take(0)
    await expect.poll(() => prioritiesOf(spare), { interval: 5 }).toEqual([SERVING])
  })

  test('is not touched by calls that burn what they may', async () => {
    const { take, pid } = await start()
    const seen = new Set<number>()
    for (let i = 0; i < 20; i++) {
      await take(30)
      for (const priority of prioritiesOf(pid)) seen.add(priority)
    }
    expect([...seen]).toEqual([SERVING])
  })
})
